"""PostgreSQL's own programs for taking a database out and bringing it in."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from renkei.errors import BackupRefused
from renkei.storage.embedded_accounts import environment


def dump(programs: Path, url: str, snapshot: str, target: IO[bytes]) -> None:
    """Write what a snapshot sees; raises BackupRefused with pg_dump's reason."""
    command = [_program(programs, "pg_dump"), "--format=custom", "--no-password"]
    command += [f"--snapshot={snapshot}", f"--dbname={url}"]
    with _running(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        shutil.copyfileobj(process.stdout, target)


def load(programs: Path, url: str, source: IO[bytes]) -> None:
    """Bring in all of it or nothing; raises BackupRefused with pg_restore's reason."""
    command = [_program(programs, "pg_restore"), "--single-transaction", "--exit-on-error"]
    command += ["--no-password", f"--dbname={url}"]
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and says why
            shutil.copyfileobj(source, process.stdin)


@contextmanager
def _running(command: list[str], *, stdin: int, stdout: int) -> "Iterator[subprocess.Popen[bytes]]":
    """The program while the block runs; at the end it must have ended well."""
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(  # noqa: S603 - our own command; no shell
            command, stdin=stdin, stdout=stdout, stderr=said, env=environment(), cwd="/"
        ) as process:
            yield process
        _require_well(process, said)


def _program(programs: Path, name: str) -> str:
    if not (programs / name).is_file():
        raise BackupRefused(
            f"there is no {name} in {programs}: let RENKEI_POSTGRES_BIN name a complete PostgreSQL"
        )
    return str(programs / name)


def _require_well(process: "subprocess.Popen[bytes]", said: IO[bytes]) -> None:
    if process.returncode != 0:
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        raise BackupRefused(lines[0] if lines else f"it ended with {process.returncode}")
