"""The schema, and what the running hub may do with it."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import ConfigInvalid
from renkei.storage.engine import Database, require_new_enough, require_reachable
from renkei.storage.schema import current, migrate, newest

FROZEN = (
    "program_version",
    "txn",
    "chain",
    "txn_note",
    "posting",
    "allocation",
    "hold",
    "hold_extension",
    "hold_end",
    "quota_claim",
    "request_key",
    "order_revision",
    "same_as",
    "feed",
    "lot",
)


async def _first_column(engine: AsyncEngine, table: str) -> str:
    async with engine.connect() as conn:
        found = await conn.execute(
            text("SELECT attname FROM pg_attribute WHERE attrelid = :t ::regclass AND attnum = 1"),
            {"t": table},
        )
        return str(found.scalar_one())


async def _refused(engine: AsyncEngine, statement: str) -> str:
    with pytest.raises(DBAPIError) as refused:
        async with engine.begin() as conn:
            await conn.execute(text(statement))
    return str(refused.value.orig)


@pytest.mark.parametrize("table", FROZEN)
async def test_nobody_changes_what_is_posted_not_even_the_owner(
    owner_engine: AsyncEngine, table: str
) -> None:
    column = await _first_column(owner_engine, table)
    statements: Sequence[str] = (
        f"UPDATE {table} SET {column} = {column}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
    )
    for statement in statements:
        assert "is refused" in await _refused(owner_engine, statement)


@pytest.mark.parametrize("table", [*FROZEN, "orders", "member", "settled", "delivery", "period"])
async def test_the_running_role_deletes_nothing_of_the_books(
    database: Database, table: str
) -> None:
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        assert "permission denied" in await _refused(database.engine, statement)


async def test_migrating_twice_is_the_same_as_once(
    owner_engine: AsyncEngine,
) -> None:
    migrate(owner_engine.url.render_as_string(hide_password=False))
    async with owner_engine.connect() as conn:
        assert await conn.run_sync(current) == newest()


async def test_the_embedded_database_needs_no_extension(owner_engine: AsyncEngine) -> None:
    async with owner_engine.connect() as conn:
        found = await conn.execute(text("SELECT extname FROM pg_extension"))
        assert [row[0] for row in found.all()] == ["plpgsql"]


@pytest.mark.parametrize("number", [90_624, 140_017])
def test_a_server_older_than_fifteen_is_refused_with_what_to_do(number: int) -> None:
    with pytest.raises(ConfigInvalid, match="needs 15 or newer"):
        require_new_enough(number)


async def test_a_server_that_is_new_enough_is_taken(database: Database) -> None:
    require_new_enough(150_000)
    await require_reachable(database)
