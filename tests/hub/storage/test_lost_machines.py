"""Both sides of a connection find out when the other's machine is gone, which says nothing."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE, Database, open_database

IDLE = text("SHOW idle_in_transaction_session_timeout")


async def asked_for(conn: AsyncConnection) -> dict[str, str]:
    driver = (await conn.get_raw_connection()).driver_connection
    assert driver is not None
    given: dict[str, str] = driver.info.get_parameters()
    return given


async def test_silence_is_noticed_within_seconds_on_both_sides(database: Database) -> None:
    async with database.begin() as one, database.begin_batch() as other:
        for conn in (one, other):
            given = await asked_for(conn)
            assert given["keepalives_idle"] == "5"
            assert given["tcp_user_timeout"] == "10000"
            assert "tcp_keepalives_idle=5" in given["options"]
            assert "tcp_user_timeout=10000" in given["options"]


async def test_what_the_address_says_itself_stays(
    server: EmbeddedServer, database_name: str
) -> None:
    url = f"{server.url(APP_ROLE, database_name)}&keepalives_idle=90&options=-c%20jit%3Don"
    database = open_database(url)
    async with database.begin() as conn:
        assert (await asked_for(conn))["keepalives_idle"] == "90"
        assert (await conn.execute(text("SHOW jit"))).scalar_one() == "on"
    await database.close()


@pytest.mark.parametrize(("batch", "seconds"), [(True, "10s"), (False, "0")])
async def test_only_a_batch_may_not_stand_still(
    database: Database, batch: bool, seconds: str
) -> None:
    async with database.begin_batch() if batch else database.begin() as conn:
        assert (await conn.execute(IDLE)).scalar_one() == seconds
