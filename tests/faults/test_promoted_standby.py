"""The primary is lost and its synchronous standby promoted while carts and tills commit."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_nodes import Node, Where
from fault_postgres import OWNER, Postgres, prepare, url_of
from fault_story import open_story

from renkei.storage.engine import APP_ROLE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

SETTINGS = ("synchronous_standby_names=*", "max_connections=150", "wal_level=replica")
"""No commit returns before the standby has it: without one, none returns."""

FOLLOWED = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture
def pair(faults_dir: Path) -> "Iterator[list[Postgres]]":
    """A primary with a migrated database, and its standby."""
    servers = [Postgres(faults_dir / f"pg{n}", settings=SETTINGS) for n in range(2)]
    primary, standby = servers
    try:
        primary.create()
        primary.start()
        follow(standby, primary)
        prepare(primary)
        yield servers
    finally:
        for server in servers:
            server.kill()


def follow(standby: Postgres, primary: Postgres) -> None:
    """Build the standby anew, and wait until the primary's commits return again."""
    standby.copy(primary)
    standby.start()
    primary.wait_for(FOLLOWED)


async def test_a_promoted_standby_knows_all_that_was_acknowledged(
    pair: list[Postgres], faults_dir: Path, clean: Any, runs: int
) -> None:
    folder = faults_dir / "standby"
    folder.mkdir()
    places = [f"{one.host}:{one.port}" for one in pair]
    where = Where(url_of(OWNER, *places), url_of(APP_ROLE, *places), folder, folder)
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def lose(number: int) -> None:
            primary, standby = pair
            if number % 2 == 0:
                primary.kill()
                await asyncio.to_thread(standby.ask, "SELECT pg_promote()")
            else:  # while it still serves: its commits do not return any more
                await asyncio.to_thread(standby.ask, "SELECT pg_promote()")
                primary.kill()
            await asyncio.to_thread(follow, primary, standby)
            pair.reverse()

        assert await story.play(runs, lose) == clean
