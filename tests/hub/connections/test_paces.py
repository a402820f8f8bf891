"""However many processes call a vendor, they keep one pace together."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from renkei.connections.opened import OpenConnections
from renkei.connections.paces import DatabasePace
from renkei.storage.engine import Database
from renkei_contracts.errors import RateLimited
from renkei_contracts.pace import LONGEST, Limit

SLOW = Limit(every=60, at_once=5)


async def taken(paces: list[DatabasePace], times: int) -> tuple[int, list[float]]:
    """How many of so many turns each were taken, and how long the others would have to wait."""
    turns = [pace.turn(SLOW) for pace in paces for _ in range(times)]
    outcomes = await asyncio.gather(*turns, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, RateLimited)]
    assert len(refused) == sum(one is not None for one in outcomes)
    return len(outcomes) - len(refused), [one.retry_after or 0 for one in refused]


async def test_two_processes_take_no_more_turns_than_one_might(shop: Database) -> None:
    other = create_async_engine(shop.engine.url, poolclass=NullPool)
    count, waits = await taken([DatabasePace(shop.engine, "shop"), DatabasePace(other, "shop")], 6)
    await other.dispose()
    assert count == SLOW.at_once
    assert all(LONGEST < wait <= LONGEST + SLOW.every for wait in waits)


async def test_a_refused_turn_is_not_taken_and_time_gives_the_next_one(shop: Database) -> None:
    pace = DatabasePace(shop.engine, "shop")
    assert (await taken([pace], 9))[0] == SLOW.at_once
    async with shop.begin() as conn:
        await conn.execute(text("UPDATE pace SET free_at = free_at - interval '2 min'"))
    assert (await taken([pace], 9))[0] == 2


async def test_a_clock_that_went_back_stops_nobody(shop: Database) -> None:
    pace = DatabasePace(shop.engine, "shop")
    await taken([pace], 9)
    async with shop.begin() as conn:
        await conn.execute(text("UPDATE pace SET free_at = free_at + interval '1 hour'"))
    assert (await taken([pace], 9))[0] == SLOW.at_once


async def test_an_open_connection_keeps_the_pace_of_all(
    connections: OpenConnections, shop: Database
) -> None:
    await taken([DatabasePace(shop.engine, "shop")], SLOW.at_once)
    with pytest.raises(RateLimited):
        await (await connections.get("shop")).connection.pace.turn(SLOW)
