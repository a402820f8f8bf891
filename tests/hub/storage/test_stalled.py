"""Whoever stands still in the middle of a trip holds up nobody for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from psycopg import AsyncConnection as Driver
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.cli.demo_watch import watch
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE, Database, open_database
from renkei.storage.stalled import end_stalled

LOCK = "SELECT pg_advisory_xact_lock(7)"
MORE_THAN_IS_READ = "SELECT repeat('x', 1000) FROM generate_series(1, 50000)"
STANDS_STILL = """
SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
WHERE a.datname = current_database() AND a.wait_event_type = 'Client' AND l.locktype = 'advisory'"""

WITHIN = 20


@asynccontextmanager
async def pausing(server: EmbeddedServer, name: str, pause: str) -> AsyncIterator[Database]:
    """A hub's database whose batches may stand still for so long."""
    options = quote(f"-c idle_in_transaction_session_timeout={pause}")
    database = open_database(f"{server.url(APP_ROLE, name)}&options={options}")
    yield database
    await database.close()


@asynccontextmanager
async def cut(engine: AsyncEngine, watcher: Database, *statements: str) -> AsyncIterator[None]:
    """A trip of which these statements were sent and the rest never comes; its answers rest."""
    async with engine.connect() as conn:
        driver = (await conn.get_raw_connection()).driver_connection
        assert isinstance(driver, Driver)
        driver.pgconn.enter_pipeline_mode()
        for statement in ("BEGIN", *statements):
            driver.pgconn.send_query_params(statement.encode(), None)
        driver.pgconn.send_flush_request()
        driver.pgconn.flush()
        assert (await watch(lambda: stopped(watcher), 1, WITHIN)).shown == 1
        try:
            yield
        finally:
            await conn.invalidate()


async def stopped(database: Database) -> int:
    """How many hold the lock and wait for their process."""
    async with database.begin() as conn:
        return int((await conn.execute(text(STANDS_STILL))).scalar_one())


async def lock(database: Database) -> None:
    async with database.begin_batch() as conn:
        await conn.execute(text(LOCK))


@pytest.mark.parametrize("unread", [(), (MORE_THAN_IS_READ,)], ids=["sending", "reading"])
async def test_a_batch_that_stopped_in_the_middle_of_a_trip_is_ended_and_whoever_waits_goes_on(
    server: EmbeddedServer, database_name: str, unread: tuple[str, ...]
) -> None:
    async with (
        pausing(server, database_name, "200ms") as database,
        cut(database.batches, database, LOCK, *unread),
    ):
        waiting = asyncio.create_task(lock(database))
        assert (await watch(lambda: end_stalled(database), 1, WITHIN)).shown == 1
        await waiting
        assert await end_stalled(database) == 0


async def test_what_is_no_batch_goes_on_as_slowly_as_it_likes(
    server: EmbeddedServer, database_name: str
) -> None:
    async with (
        pausing(server, database_name, "200ms") as database,
        cut(database.engine, database, LOCK),
    ):
        async with cut(database.batches, database, "SELECT 1"):
            assert (await watch(lambda: end_stalled(database), 1, WITHIN)).shown == 1
        assert await stopped(database) == 1


async def test_where_pauses_are_allowed_nothing_is_ended(
    server: EmbeddedServer, database_name: str
) -> None:
    async with (
        pausing(server, database_name, "0") as database,
        cut(database.batches, database, LOCK),
    ):
        assert await end_stalled(database) == 0
        assert await stopped(database) == 1
