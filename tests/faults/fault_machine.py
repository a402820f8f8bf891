"""What only root may do: small disks and networks of a test's own. Else it is skipped."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Network:
    """A machine of its own and lines to it; ``there`` are its addresses, one at each line."""

    name: str
    there: tuple[str, ...]

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command on that machine."""
        return ("ip", "netns", "exec", self.name)

    def cut(self, line: int) -> None:
        """Nothing comes through any more, and nobody is told."""
        command("ip", "-n", self.name, "link", "set", f"far{line}", "down")

    def mend(self, line: int) -> None:
        """As before."""
        command("ip", "-n", self.name, "link", "set", f"far{line}", "up")


@contextmanager
def network(name: str, lines: int) -> Iterator[Network]:
    """A network namespace with so many lines to it, each with addresses of its own."""
    require("ip")
    command("ip", "netns", "add", name)
    try:
        command("ip", "-n", name, "link", "set", "lo", "up")
        yield Network(name, tuple(_line(name, number) for number in range(lines)))
    finally:
        command("ip", "netns", "del", name)


def _line(name: str, number: int) -> str:
    """Lay one; gives the address at its far end. The namespace takes it along when it goes."""
    near, far, net = f"{name}n{number}", f"far{number}", f"10.203.{number}"
    command("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
    command("ip", "address", "add", f"{net}.1/24", "dev", near)
    command("ip", "link", "set", near, "up")
    command("ip", "-n", name, "address", "add", f"{net}.2/24", "dev", far)
    command("ip", "-n", name, "link", "set", far, "up")
    return f"{net}.2"
