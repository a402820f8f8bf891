"""A home for one embedded server, and processes that use it as the hub does."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

import renkei
from renkei.storage import embedded

PACKAGES = str(Path(renkei.__file__).parents[1])

_HUB = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from renkei.storage import embedded
{before}
server = embedded.start(Path(sys.argv[2]), sys.argv[3:])
print(server.libpq_url(), flush=True)
sys.stdin.read()
{after}
"""


@dataclass
class HubProcess:
    """A process that uses a home until its standard input is closed."""

    process: subprocess.Popen[str]

    def url(self) -> str:
        """Wait for its start and give what it printed."""
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        assert url, "the hub ended before its server was ready"
        return url

    def end(self) -> int:
        """Let it end as a program does, and give its exit code."""
        self.process.communicate(timeout=30)
        return self.process.returncode

    def die(self, how: signal.Signals) -> None:
        """End it by a signal and wait until it has ended."""
        self.process.send_signal(how)
        self.process.communicate(timeout=30)


@pytest.fixture
def open_folder(request: pytest.FixtureRequest, quick_place: str) -> Iterator[Path]:
    """A short-named folder that every user may pass, as pytest's own are closed to postgres."""
    # Long tests fill more than memory has room for.
    where = "/tmp" if request.node.get_closest_marker("soak") else quick_place
    folder = Path(tempfile.mkdtemp(prefix="renkei-t-", dir=where))
    folder.chmod(0o755)
    yield folder
    _kill_processes_of(folder)
    shutil.rmtree(folder)


@pytest.fixture
def home(open_folder: Path) -> Iterator[Path]:
    """Where a server may be created; this process has left it when the test is over."""
    home = open_folder / "home"
    yield home
    if home.exists():
        embedded.leave(home)


@pytest.fixture
def hub_process() -> Iterator[Callable[..., HubProcess]]:
    """Start processes that use a home; those still there at the end are killed."""
    started: list[HubProcess] = []

    def begin(
        home: Path,
        settings: Sequence[str] = (),
        *,
        before: str = "",
        after: str = "",
        env: Mapping[str, str] | None = None,
    ) -> HubProcess:
        script = _HUB.format(before=before, after=after)
        process = subprocess.Popen(
            [sys.executable, "-c", script, PACKAGES, home, *settings],
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(HubProcess(process))
        return started[-1]

    yield begin
    for hub in started:
        if hub.process.poll() is None:
            hub.process.kill()
            hub.process.communicate()
        for pipe in (hub.process.stdin, hub.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def ask() -> Callable[[str, str], str]:
    """Ask a database by URL for one value."""

    def _ask(url: str, query: str) -> str:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return str(row[0])

    return _ask


@pytest.fixture
def tell() -> Callable[..., None]:
    """Have a database execute statements."""

    def _tell(url: str, *statements: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    return _tell


def _kill_processes_of(folder: Path) -> None:
    """What a failed test has left; a server that was only asked to stop has 10 seconds."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,command="], capture_output=True, check=True, text=True
    )
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        if f"{folder}/" in command and int(pid) != os.getpid():
            _kill(int(pid))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended meanwhile
