"""The program as its users have it: a process of its own."""

import asyncio
import os
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

RENKEI = (sys.executable, "-m", "renkei")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Spawn = Callable[..., Awaitable[Process]]


@pytest.fixture
def place(quick_place: str) -> Iterator[Path]:
    """An empty folder that every user of this machine may pass through, with a short name."""
    with tempfile.TemporaryDirectory(
        prefix="rk-", dir=quick_place, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def renkei(place: Path) -> Run:
    """Run ``renkei`` with these arguments and environment, in an empty folder."""

    def run(
        *arguments: str, patience: float = 150, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*RENKEI, *arguments],
            cwd=place,
            env=clean_environment(place, environment),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=patience,
        )

    return run


@pytest.fixture
async def spawn(place: Path) -> AsyncIterator[Spawn]:
    """Start ``renkei`` with these arguments, its standard output in a pipe; killed at the end."""
    started: list[Process] = []

    async def start(*arguments: str, **environment: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            *RENKEI,
            *arguments,
            cwd=place,
            env=clean_environment(place, environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.wait()


def clean_environment(place: Path, more: dict[str, str]) -> dict[str, str]:
    """This machine's environment without settings of a hub, and with the data folder below."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RENKEI_")}
    return kept | {"RENKEI_DATA_DIR": str(place / "data")} | more
