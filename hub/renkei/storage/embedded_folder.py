"""The folder of an embedded PostgreSQL: its files, who holds which lock, where its socket is.

No pid is ever trusted. Four files are locked with flock, which the kernel releases at any death:

- `users`: shared by every process that uses the server; exclusive once the supervisor stops it
- `supervisor`: exclusive, by the one supervisor
- `server`: exclusive, by the postgres processes alone, which inherit it (initdb, too)
- `passwords`: exclusive, by whoever rewrites `pgpass`
"""

import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from renkei.storage.embedded_accounts import EmbeddedRefused, environment

if sys.platform != "win32":  # `embedded` imports this module there, to refuse
    import fcntl

OWNER_ROLE = "renkei_owner"
PORT = 5432  # only a part of the socket's name: the server listens on no network
_PRIVATE = 0o600
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Folder:
    """The files of one home."""

    home: Path

    @property
    def data(self) -> Path:
        """What postgres calls its data directory."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Where the supervisor, initdb and postgres write."""
        return self.home / "log"

    @property
    def passfile(self) -> Path:
        """The roles' passwords, as libpq reads them."""
        return self.home / "pgpass"

    @property
    def socket_dir(self) -> Path | None:
        """Where the server's socket is, or None.

        A folder that others may write does not count: after a crash the name of one in /tmp is
        free again, and whoever takes it could ask our clients for their passwords.
        """
        try:
            socket_dir = Path(os.fsdecode((self.home / "socket").read_bytes()))
            found = socket_dir.stat()
        except FileNotFoundError:
            return None
        ours = found.st_uid == self.home.stat().st_uid
        return socket_dir if ours and not found.st_mode & _OTHERS_MAY_WRITE else None

    def open(self, name: str, flags: int) -> int:
        """Open a file of the home, creating it as its owner's own; follows no symbolic link.

        Root may work in a user's folder here: a link in it must not hand out another file.
        """
        path, flags = self.home / name, flags | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, _PRIVATE)
        except FileExistsError:
            return os.open(path, flags)
        os.fchown(fd, self.home.stat().st_uid, -1)
        return fd

    def try_lock(self, name: str, *, shared: bool = False) -> int | None:
        """Take a lock file and give its handle; None where another process is in the way."""
        fd = self.open(name, os.O_RDWR)
        if try_flock(fd, shared=shared):
            return fd
        os.close(fd)
        return None

    def is_locked(self, name: str, *, shared: bool = False) -> bool:
        """Whether another process holds this lock: exclusively, or `shared` at least."""
        if (fd := self.try_lock(name, shared=not shared)) is None:
            return True
        os.close(fd)
        return False

    def replace(self, name: str, content: bytes) -> None:
        """Write a private file of the owner's in one step: readers see the old or the new one."""
        beside = self.home / f".{name}.new"
        with os.fdopen(self.open(beside.name, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.home / name)

    def require_passwords(self) -> None:
        """Raise EmbeddedRefused, or OSError, where PostgreSQL's clients pass over the file."""
        self.passfile.read_bytes()
        if stat.S_IMODE(self.passfile.stat().st_mode) & 0o077:
            raise EmbeddedRefused(
                f"{self.passfile} can be read by others, so its passwords are not used: "
                f"chmod 600 {self.passfile}"
            )

    def remember_password(self, role: str, password: str) -> None:
        """Put `role`'s line into the password file in place of the one it has."""
        if set(role + password) & set("\n\r\0"):
            raise ValueError("a password file has one line for each role")
        start = f"*:*:*:{_escaped(role)}:"
        fd = self.open("passwords", os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            old = self.passfile.read_text("utf-8") if self.passfile.exists() else ""
            kept = [line for line in old.splitlines() if not line.startswith(start)]
            lines = [*kept, f"{start}{_escaped(password)}"]
            self.replace(self.passfile.name, "".join(f"{line}\n" for line in lines).encode())
        finally:
            os.close(fd)

    def is_ready(self, binaries: Path) -> bool:
        """Whether a server answers here and takes connections."""
        if (socket_dir := self.socket_dir) is None:
            return False
        probe: list[str | Path] = [binaries / "pg_isready", "-q", "-p", str(PORT), "-h", socket_dir]
        result = subprocess.run(  # noqa: S603 - our own command; no shell
            probe, env=environment(), check=False, stdin=subprocess.DEVNULL
        )
        return result.returncode == 0


def try_flock(fd: int, *, shared: bool = False) -> bool:
    """Take a lock on an open file unless another process is in the way."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync(path: Path) -> None:
    """Have a file or folder on the disk, so that it is there after a power loss, too."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace(":", "\\:")
