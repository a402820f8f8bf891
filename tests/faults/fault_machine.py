"""What only root may do: small disks and networks of a test's own. Else it is skipped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def command(*words: str) -> str:
    """Run it; what it complains of is why the test is skipped."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine does not let us: {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def require(*programs: str) -> None:
    """Skip where the test is not root's or a program is missing."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if missing := [one for one in programs if shutil.which(one) is None]:
        pytest.skip(f"needs {', '.join(missing)}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of this size in memory."""
    require("mount", "umount")
    folder.mkdir()
    command("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        command("umount", "--lazy", str(folder))


def fill(disk: Path) -> Path:
    """Take all that is free; gives the file that holds it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        for size in (1 << 20, 1 << 12):  # in megabytes, then what is left in pages
            block = bytes(size)
            try:
                while True:
                    os.write(file.fileno(), block)
            except OSError:
                continue
    return ballast
