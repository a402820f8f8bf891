"""The process that keeps an embedded PostgreSQL up for as long as any process uses its folder.

Started by `renkei.storage.embedded.start`. Standard library only: it stays small, and it runs
with neither site-packages nor the environment of the hub.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from renkei.storage.embedded_accounts import EmbeddedRefused, account_for, environment
from renkei.storage.embedded_folder import OWNER_ROLE, PORT, Folder, sync, try_flock

REFUSED = 3  # exit code: starting again is of no use until a person acts
REFUSAL = "renkei: refused: "  # the log's line that says why
ROOM = 300 << 20  # bytes free to start: a fresh base takes 39 MB, its write-ahead log grows to 1 GB
LONGEST_SOCKET_DIR = 85  # bytes; a socket's whole name may have 103 (macOS) or 107 (Linux)
LARGEST_LOG = 16 << 20  # bytes
PAUSE = 0.2  # seconds between two looks at who uses the server
SETTLED = 10.0  # seconds up, after which an end counts as a new trouble
TRIES = 5  # ends in a row of a server that has worked …
TRIES_AT_FIRST = 2  # … and of one that never has: a wrong setting does not heal
_FIXED_SETTINGS = (
    "listen_addresses=",
    f"port={PORT}",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",  # ours, and pg_isready's, are read by programs
)


def started_line(pid: int) -> str:
    """The log's line below which stands all that this supervisor and its postgres said."""
    return f"renkei: supervisor {pid} starts"


class Supervisor:
    """Owns one folder: creates the base, keeps postgres up, stops it when nobody uses it."""

    def __init__(self, folder: Folder, binaries: Path, settings: Sequence[str]) -> None:
        self._folder = folder
        self._binaries = binaries
        self._settings = settings
        self._users = folder.open("users", os.O_RDWR)
        self._has_worked = False

    def run(self) -> None:
        """Return when the last user has left, or at once where another supervisor owns the folder.

        Raises EmbeddedRefused, and OSError as it comes.
        """
        if (mine := self._become_the_only_one()) is None:
            return
        _rotate(self._folder)
        _say(started_line(os.getpid()))
        try:
            self._serve()
        finally:
            self._remove_socket_dir()
            os.close(mine)
            os.close(self._users)  # last: whoever waits for it finds all else free

    def _become_the_only_one(self) -> int | None:
        for _ in range(5):  # `start` of another process may just be looking at this lock
            if (mine := self._folder.try_lock("supervisor")) is not None:
                return mine
            time.sleep(0.02)
        return None

    def _serve(self) -> None:
        server = self._wait_for_other_postgres()
        self._prepare(server)
        ends = 0
        while not self._nobody_uses_it():
            born = time.monotonic()
            self._run_postgres(server)
            if self._nobody_uses_it():
                return
            ends = ends + 1 if time.monotonic() - born < SETTLED else 1
            if ends >= (TRIES if self._has_worked else TRIES_AT_FIRST):
                raise EmbeddedRefused(
                    f"postgres ended {ends} times in a row: mend what its log says and start again"
                )
            time.sleep(min(ends - 1, 3))
            server = self._wait_for_other_postgres()
        os.close(server)

    def _nobody_uses_it(self) -> bool:
        """Once true it stays so: newcomers wait until this supervisor has ended."""
        return try_flock(self._users)

    def _wait_for_other_postgres(self) -> int:
        """The lock that every postgres process of this folder holds.

        It is taken where the last supervisor, or a postmaster without its children, was killed:
        then that server serves on until its users leave or its processes end.
        """
        while (server := self._folder.try_lock("server")) is None:
            if self._nobody_uses_it():
                self._stop_other_postgres()
            time.sleep(PAUSE)
        return server

    def _stop_other_postgres(self) -> None:
        """Ask for a fast stop by pid, which is sure while the server answers on our own socket."""
        if self._folder.is_ready(self._binaries):
            # It may end by itself just now; and somebody may have spoilt the file, which postgres
            # notices within a minute, and then ends.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
                pid = (self._folder.data / "postmaster.pid").read_text().partition("\n")[0]
                os.kill(int(pid), signal.SIGINT)

    def _prepare(self, server: int) -> None:
        folder = self._folder
        if (free := shutil.disk_usage(folder.home).free) < ROOM:
            raise EmbeddedRefused(
                f"only {free >> 20} MiB are free under {folder.home}: make room for {ROOM >> 20}"
            )
        for unfinished in folder.home.glob("new-*"):
            shutil.rmtree(unfinished)
        if not folder.data.exists():
            self._create(server)
        if not folder.passfile.exists():
            raise EmbeddedRefused(
                f"{folder.passfile} is missing, and with it the passwords of {folder.data}: put "
                "it back from a backup"
            )
        self._make_socket_dir()

    def _create(self, server: int) -> None:
        """Run initdb beside, then rename: a start cut off in the middle leaves no half a base."""
        folder, password = self._folder, os.urandom(24).hex()
        work = Path(tempfile.mkdtemp(prefix="new-", dir=folder.home))
        (work / "password").write_text(password)
        folder.remember_password(OWNER_ROLE, password)
        command: list[str | Path] = [self._binaries / "initdb", "-D", work / "data"]
        command += ["-A", "scram-sha-256", "-U", OWNER_ROLE, "--pwfile", work / "password"]
        command += ["-E", "UTF8"]
        # One order on every machine; no update of the system's library breaks an index.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = subprocess.run(  # noqa: S603 - our own command; no shell
            command, check=False, env=environment(), cwd="/", pass_fds=[server]
        )
        if initdb.returncode != 0:
            raise EmbeddedRefused("initdb failed: mend what its log says and start again")
        (work / "data").rename(folder.data)
        sync(folder.home)  # or a power loss could bring back `new-…`, which the next start removes
        shutil.rmtree(work)

    def _make_socket_dir(self) -> None:
        self._remove_socket_dir()
        socket_dir = self._folder.home / "run"
        # libpq splits the name at commas; a name that is too long gets a random one, not TMPDIR's
        if len(os.fsencode(socket_dir)) > LONGEST_SOCKET_DIR or "," in str(socket_dir):
            socket_dir = Path(tempfile.mkdtemp(prefix="renkei-pg-", dir="/tmp"))
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        self._folder.replace("socket", os.fsencode(socket_dir))

    def _remove_socket_dir(self) -> None:
        """Also those in /tmp which a killed supervisor has left."""
        if (socket_dir := self._folder.socket_dir) and socket_dir.parent != self._folder.home:
            shutil.rmtree(socket_dir)
        (self._folder.home / "socket").unlink(missing_ok=True)

    def _run_postgres(self, server: int) -> None:
        """Run postgres until it ends or the last user has left, passing our lock on to it."""
        self._remove_pid_files()
        postgres = subprocess.Popen(  # noqa: S603 - our own command; no shell
            self._command(), env=environment(), cwd="/", pass_fds=[server], start_new_session=True
        )
        os.close(server)
        while postgres.poll() is None:
            if self._nobody_uses_it():
                postgres.send_signal(signal.SIGINT)  # fast stop; our child, so the pid is sure
                postgres.wait()
                return
            self._has_worked = self._has_worked or self._works()
            time.sleep(PAUSE)

    def _remove_pid_files(self) -> None:
        """Holding `server` proves that no postgres of this folder lives, whatever these say.

        Postgres takes a zombie, or a process of this user that got the same pid, for its rival.
        """
        (self._folder.data / "postmaster.pid").unlink(missing_ok=True)
        if socket_dir := self._folder.socket_dir:
            for stale in socket_dir.glob(f".s.PGSQL.{PORT}*"):
                stale.unlink()

    def _command(self) -> list[str | Path]:
        quoted = str(self._folder.socket_dir).replace('"', '""')
        settings = (*self._settings, *_FIXED_SETTINGS, f'unix_socket_directories="{quoted}"')
        options = [word for setting in settings for word in ("-c", setting)]
        return [self._binaries / "postgres", "-D", self._folder.data, *options]

    def _works(self) -> bool:
        try:
            lines = (self._folder.data / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


def _rotate(folder: Folder) -> None:
    """Begin a new log beside a large old one; our output and that of postgres go there."""
    if folder.log.exists() and folder.log.stat().st_size > LARGEST_LOG:
        folder.log.rename(folder.log.with_name("log.old"))
        fresh = folder.open("log", os.O_WRONLY | os.O_APPEND)
        os.dup2(fresh, 1)
        os.dup2(fresh, 2)
        os.close(fresh)


def _say(line: str) -> None:
    os.write(1, os.fsencode(f"{line}\n"))


def _carry_on(_signal: int, _frame: FrameType | None) -> None:
    """A handler and not SIG_IGN, which postgres would inherit."""


def main(home: str, binaries: str, *settings: str) -> None:
    """Supervise `home` with the programs in `binaries`; end with REFUSED where that cannot be."""
    for unwanted in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the users' locks decide
        signal.signal(unwanted, _carry_on)
    os.umask(0o077)
    folder = Folder(Path(home))
    try:
        account_for(folder.home).become()
        Supervisor(folder, Path(binaries), settings).run()
    except (EmbeddedRefused, OSError) as error:
        _say(f"{REFUSAL}{error}")
        sys.exit(REFUSED)
