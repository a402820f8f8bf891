"""The user of the operating system that an embedded PostgreSQL runs as, and what it may reach."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":  # `embedded` imports this module there, to refuse
    import fcntl
    import pwd

SYSTEM_USER = "renkei"  # postgres never runs as root; it runs as this one where the hub does
SYSTEM_DATA = Path("/var/lib/renkei")  # what a hub that root runs keeps
_USERADD_WAIT = 10.0  # seconds


class EmbeddedRefused(RuntimeError):
    """The server cannot start until a person acts; the first line says what to do."""


@dataclass(frozen=True)
class Account:
    """A user of the operating system, as far as running a program as it needs."""

    name: str
    uid: int
    gid: int

    def run(self, command: Sequence[str | Path]) -> "subprocess.CompletedProcess[str]":
        """Run `command` as this user and give its result.

        Raises OSError where it cannot be started, as for another user by anybody but root.
        """
        other = os.geteuid() != self.uid
        return subprocess.run(  # noqa: S603 - our own commands; no shell
            list(command),
            capture_output=True,
            check=False,
            cwd="/",
            env=environment(),
            errors="replace",
            text=True,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )

    def become(self) -> None:
        """Turn this process, if it is root's, into one of this user for good."""
        if os.geteuid() == self.uid:
            return
        os.setgroups([])
        os.setgid(self.gid)
        os.setuid(self.uid)


def environment(source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """All that postgres and the supervisor get to know of the hub's environment.

    An allow list: neither PGPORT and the like, nor an ungenerated LANG, nor the hub's secrets.
    """
    wanted = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {"LC_ALL": "C"} | {name: source[name] for name in wanted if name in source}


def account_for(home: Path) -> Account:
    """The owner of `home`; for a new one ourselves, or the system user under root.

    Raises EmbeddedRefused where that user has no name (initdb asks for it) or is not ours to be.
    """
    uid = home.stat().st_uid if home.exists() else os.geteuid()
    if uid == os.geteuid() == 0:
        return _system_account()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedRefused(
            f"uid {uid}, to run {home} as, has no entry in /etc/passwd: add one (useradd), or set "
            "RENKEI_DATABASE_URL"
        ) from None
    if os.geteuid() not in (0, uid):
        raise EmbeddedRefused(
            f"{home} belongs to {entry.pw_name}: run as that user, or set RENKEI_DATA_DIR to a "
            "folder of your own"
        )
    return Account(entry.pw_name, uid, entry.pw_gid)


def _system_account() -> Account:
    end = time.monotonic() + _USERADD_WAIT
    while (account := _named(SYSTEM_USER)) is None:
        problem = _add_system_user()
        if time.monotonic() > end:
            raise EmbeddedRefused(
                f"postgres never runs as root, and the user {SYSTEM_USER} cannot be added "
                f"({problem}): add it, run as another user, or set RENKEI_DATABASE_URL"
            )
        time.sleep(0.1)  # another process may just be adding it: /etc/passwd is locked
    return account


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _add_system_user() -> str:
    """Try once; give what useradd complained of."""
    command = ["useradd", "--system", "--user-group", "--no-create-home"]
    command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603
    except FileNotFoundError:
        return "there is no useradd"
    return done.stderr.strip()


def can_be_reached(home: Path, account: Account) -> bool:
    """Whether `account` may enter and write `home`; if it is missing, enter the folder above.

    Asks the system as that user, so access lists count; about 2 ms. Needs root for another user.
    """
    if home.exists() and home.stat().st_uid == account.uid:
        return _may(account, home, "-w") and _may(account, home, "-x")
    above = next(parent for parent in home.parents if parent.exists())
    return _may(account, above, "-x")


def _may(account: Account, path: Path, what: str) -> bool:
    return account.run(["test", what, path]).returncode == 0


def make_public(folder: Path) -> None:
    """Create a folder and those above it, open for passing through whatever the umask says.

    Those that exist stay as they are.
    """
    if folder.exists():
        return
    make_public(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def prepare_home(home: Path) -> Account:
    """Create `home` where it is missing and give the user to run as; raises EmbeddedRefused.

    Under root a new or empty one becomes the system user's. Folders above stay as they are.
    """
    if home.exists() and not home.is_dir():
        raise EmbeddedRefused(f"{home} is not a folder: set RENKEI_DATA_DIR to one")
    account = account_for(home)
    if not can_be_reached(home, account):
        raise EmbeddedRefused(
            f"postgres runs as the user {account.name}, who cannot reach or write {home}: set "
            f"RENKEI_DATA_DIR to another folder (such as {SYSTEM_DATA} under root), or open this"
        )
    if os.geteuid() == 0:
        make_public(home.parent)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        _give_away(home, account)
    return account


def _give_away(home: Path, account: Account) -> None:
    fd = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # of several first processes one gives, the others see it
        if os.fstat(fd).st_uid != 0:
            return
        if any(home.iterdir()):
            raise EmbeddedRefused(
                f"{home} is root's and not empty, and postgres never runs as root: set "
                f"RENKEI_DATA_DIR to a new folder, or chown -R {account.name} {home}"
            )
        os.fchown(fd, account.uid, account.gid)
    finally:
        os.close(fd)
