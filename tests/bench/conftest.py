"""The bench is no package of ours to install: its tests find it beside the tests."""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.ground import Ground
from bench.server import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The bench's own PostgreSQL, for the small forms of its rows."""
    with tempfile.TemporaryDirectory(prefix="rk-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # under root the server runs as another user
        with running_server(Path(folder)) as running:
            yield running


@pytest_asyncio.fixture
async def ground(server: Server) -> AsyncIterator[Ground]:
    """Fresh for each test; databases of the same name belong to one test."""
    async with AsyncExitStack() as stack:
        yield Ground(server, stack)
