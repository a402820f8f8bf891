"""The schema; test_roles.py has what may be done with it."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import ConfigInvalid
from renkei.storage.engine import Database, require_new_enough, require_reachable
from renkei.storage.schema import current, migrate, newest


async def test_migrating_twice_is_the_same_as_once(
    owner_engine: AsyncEngine,
) -> None:
    migrate(owner_engine.url.render_as_string(hide_password=False))
    async with owner_engine.connect() as conn:
        assert await conn.run_sync(current) == newest()


async def test_a_schema_of_a_newer_program_is_left_alone_and_named(
    owner_engine: AsyncEngine,
) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigInvalid, match="revision 9999: a newer Renkei made it"):
        migrate(owner_engine.url.render_as_string(hide_password=False))


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
