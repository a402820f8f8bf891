"""The disk of the hub's own PostgreSQL is full while shops sell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_machine import fill, small_disk
from fault_nodes import Node, Where
from fault_story import open_story
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from renkei.storage import embedded
from renkei.storage.embedded import EmbeddedServer

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

MEGABYTES, A_ROUND = 600, 30
"""The embedded server starts only where 300 are free; what each round adds to its log is kept."""

MUCH_LOG = "SELECT pg_logical_emit_message(false, 'faults', repeat('x', 4000000))"


@pytest.fixture
def disk(faults_dir: Path, runs: int) -> Iterator[Path]:
    """A small disk."""
    with small_disk(faults_dir / "disk", MEGABYTES + A_ROUND * runs) as made:
        yield made


@pytest.fixture
def own(disk: Path, faults_dir: Path) -> Iterator[Where]:
    """A hub with its own database on that disk; its logs are elsewhere."""
    home = disk / "postgres"
    logs = faults_dir / "logs"
    logs.mkdir()
    yield Where(EmbeddedServer(home, home / "run", home / "pgpass").url(), "", logs, disk)
    embedded.leave(home)


async def test_a_full_disk_loses_nothing_and_needs_nobody_but_who_makes_room(
    disk: Path, own: Where, clean: Any, runs: int
) -> None:
    """While it is full the server cannot even recover, and is given up."""
    web, worker = Node("web", own, works=False), Node("worker", own, works=True)
    async with open_story(own, web, worker) as story:

        async def full(_round: int) -> None:
            before = times_given_up(own)
            ballast = fill(disk)
            await crash(own)
            await story.until(lambda: given_up_again(own, before))
            ballast.unlink()

        assert await story.play(runs, full) == clean


def times_given_up(own: Where) -> int:
    """How often a node has said that it cannot start the server."""
    return sum(log.read_text().count("database_stopped") for log in own.folder.glob("*.log"))


async def given_up_again(own: Where, before: int) -> bool:
    """Whether one has said so once more."""
    return times_given_up(own) > before


async def crash(where: Where) -> None:
    """Write to the log until there is no place for more of it."""
    engine = create_async_engine(where.owner)
    try:
        while True:
            async with engine.begin() as conn:
                await conn.execute(text(MUCH_LOG))
    except DBAPIError:
        await engine.dispose()
