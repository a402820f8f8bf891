"""A file that has its name only once it is whole, and then never takes another's place."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from renkei.errors import BackupRefused
from renkei.storage.embedded_folder import sync

PRIVATE = 0o600


@contextmanager
def appearing(file: Path) -> Iterator[BinaryIO]:
    """Write to a private file beside it, which gets the name at the end; raises BackupRefused.

    Whoever is killed meanwhile leaves `.<name>.<random>.part`.
    """
    _refuse_taken(file)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        with _private(part) as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        _name(part, file)
    except OSError as error:
        raise BackupRefused(f"{file} cannot be written ({error.strerror})") from error
    finally:
        part.unlink(missing_ok=True)


def _private(part: Path) -> BinaryIO:
    return os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb")


def _name(part: Path, file: Path) -> None:
    """By a link, which takes nobody's place; where the disk knows none, by a rename."""
    try:
        file.hardlink_to(part)
    except FileExistsError:
        _refuse_taken(file)
        raise
    except OSError:
        _refuse_taken(file)
        part.rename(file)
    sync(file.parent)


def _refuse_taken(file: Path) -> None:
    if os.path.lexists(file):
        raise BackupRefused(f"{file} exists, and no backup is overwritten: give another name")
