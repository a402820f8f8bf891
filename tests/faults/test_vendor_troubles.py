"""The vendor is down for an hour, or does not let the hub in any more, while shops sell."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fault_nodes import Node, Where, acme_settings, hub_on
from fault_story import Story, open_story
from fault_vendor import VENDOR
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

HOUR = 3600.0
PAUSE = 300.0
"""The longest that a vendor in trouble is left alone."""

STEP = 20.0
"""Seconds by which the worker's clock is turned at a time."""


@pytest.fixture
async def engine(where: Where) -> AsyncIterator[AsyncEngine]:
    """The database, behind the hub's back."""
    opened = create_async_engine(where.owner)
    yield opened
    await opened.dispose()


async def one(engine: AsyncEngine, statement: str) -> Any:
    async with engine.connect() as conn:
        return (await conn.execute(text(statement))).scalar_one()


STATE = "SELECT state FROM connection WHERE connection_id = 'cart'"
UNDER_WAY = "SELECT count(*) FROM mirror WHERE owner IS NOT NULL"
ALERTS = "SELECT count(*) FROM alert WHERE kind = 'needs_authorization'"


async def test_a_vendor_that_is_down_for_an_hour_is_shown_the_newest_balances(
    where: Where, engine: AsyncEngine, clean: Any, runs: int
) -> None:
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def nothing_under_way() -> bool:
            return bool(await one(engine, UNDER_WAY) == 0)

        async def down(number: int) -> None:
            story.cloud.away = True
            await story.acknowledgements(100)
            await an_hour_in_vain(story, worker, number * (HOUR + PAUSE))
            story.cloud.away = False
            # A failure that is noted after the clock was turned would rest for its whole pause.
            await story.until(nothing_under_way)
            worker.set_ahead((number + 1) * (HOUR + PAUSE))

        assert await story.play(runs, down) == clean
        assert await one(engine, STATE) == "active"


async def an_hour_in_vain(story: Story, worker: Node, ahead: float) -> None:
    """The worker asks again, less and less often; its clock is turned while it waits."""
    until = ahead + HOUR
    while ahead < until:
        before = story.cloud.missed
        while story.cloud.missed == before and ahead < until:
            ahead = min(ahead + STEP, until)
            worker.set_ahead(ahead)
            await asyncio.sleep(0.05)


async def test_a_revoked_token_stops_nothing_but_the_balances_until_there_is_a_new_one(
    where: Where, engine: AsyncEngine, clean: Any, runs: int
) -> None:
    web, worker = Node("web", where, works=False), Node("worker", where, works=True)
    async with open_story(where, web, worker) as story:

        async def parked() -> bool:
            return bool(await one(engine, STATE) == "needs_authorization")

        async def revoke(number: int) -> None:
            story.cloud.token = f"token of round {number}"
            await story.until(parked)
            await story.acknowledgements(20)
            assert await one(engine, ALERTS) == number + 1
            async with hub_on(where) as hub:
                await hub.connecting.reconnect(VENDOR, "cart", acme_settings(story.cloud))

        assert await story.play(runs, revoke) == clean
