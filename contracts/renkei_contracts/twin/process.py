"""Start other people's programs, watch them come up, and never leave one behind."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 10.0


class PeerUnavailable(RuntimeError):
    """The real software cannot run here; the text says what is missing, in one line."""


class FolderLock:
    """Keeps a work folder to one runner at a time; freed by the system when its holder dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "in-use.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise PeerUnavailable(f"{folder} is in use by another renkei") from error

    def release(self) -> None:
        """Let the next one in."""
        self._file.close()


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago, for software that binds it itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int) -> None:
    """Refuse a port on which somebody else's server would answer in the place of ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PeerUnavailable(f"port {port} of 127.0.0.1 is taken") from error


class PeerProcess:
    """One server in a process group of its own, which ends when its standard input closes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def launch(
        cls,
        command: Sequence[str],
        *,
        folder: Path,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
    ) -> PeerProcess:
        """Start ``command`` in ``folder``; what it complains about goes to ``log_file``."""
        with log_file.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """The id of the process, which is also that of its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server has not ended."""
        return self._process.returncode is None

    async def write_line(self, line: bytes) -> None:
        """Hand a line to the server's standard input, which stays open."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def read_line(self) -> bytes:
        """Return the next line of the server's standard output; empty at its end."""
        assert self._process.stdout is not None
        return await self._process.stdout.readline()

    async def stop(self) -> None:
        """Ask the whole group to end, and insist after a while."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            pass
        finally:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    async def kill(self) -> None:
        """End the whole group at once, as a power cut would."""
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


async def run_tool(
    command: Sequence[str],
    *,
    folder: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a command to its end and return what it printed; ``what`` names it in the error."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    text = output.decode(errors="replace").strip()
    if process.returncode:
        last = text.splitlines()[-1] if text else f"exit status {process.returncode}"
        raise PeerUnavailable(f"{what} failed: {last}")
    return text
