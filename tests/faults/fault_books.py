"""What the hub knows at the end, read behind its back."""

import asyncio
from dataclasses import dataclass
from typing import Any

from fault_cloud import Cloud
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from renkei.ledger.statehash import load_states, state_hash
from renkei.ledger.verify import verify

LONGEST = 300.0
"""Seconds until nothing waits any more."""

CUSTOMERS = "SELECT member_id, external_id FROM mirror WHERE connection_id = 'cart'"

WAITING = """
SELECT (SELECT count(*) FROM delivery WHERE state = 'new'),
       (SELECT count(*) FROM mirror WHERE written_version < wanted_version)"""

WHY = """
SELECT member_id, written_version, wanted_version, due, tries, leased_until, parked, last_error,
       open_until, failures, clock_timestamp()
FROM mirror JOIN connection USING (connection_id) WHERE written_version < wanted_version"""

ENDED = "SELECT state, count(*) FROM delivery GROUP BY state"

PARKED = "SELECT count(*) FROM mirror WHERE parked"


@dataclass(frozen=True)
class Books:
    """The end of a run. ``wrong`` is empty where the books hold and nothing was given up."""

    hash: str
    deliveries: int
    wrong: tuple[str, ...]


async def members(owner: str) -> dict[str, str]:
    """The members' ids by their numbers at the cart."""
    engine = create_async_engine(owner)
    try:
        async with engine.begin() as conn:
            rows = (await conn.execute(text(CUSTOMERS))).all()
        return {external: member for member, external in rows}
    finally:
        await engine.dispose()


async def quiet(owner: str) -> None:
    """Wait until every delivery is read and every balance is shown."""
    engine = create_async_engine(owner)
    try:
        async with asyncio.timeout(LONGEST):
            while (left := await _waiting(engine)) != (0, 0):  # noqa: ASYNC110 - another process works it off
                await asyncio.sleep(0.05)
    except TimeoutError:
        async with engine.begin() as conn:
            rows = [dict(row) for row in (await conn.execute(text(WHY))).mappings()]
        raise AssertionError(f"still waiting: {left} deliveries and balances: {rows}") from None
    finally:
        await engine.dispose()


async def _waiting(engine: AsyncEngine) -> tuple[int, int]:
    async with engine.begin() as conn:
        row: Any = (await conn.execute(text(WAITING))).one()
    return (row[0], row[1])


async def books(owner: str, cloud: Cloud) -> Books:
    """What stands there now; the cloud must show what can be spent."""
    engine = create_async_engine(owner)
    try:
        async with engine.begin() as conn:
            aliases = {row[0]: row[1] for row in (await conn.execute(text(CUSTOMERS))).all()}
            now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
            states = await load_states(conn, aliases, now)
            ended = {row[0]: row[1] for row in (await conn.execute(text(ENDED))).all()}
            parked = (await conn.execute(text(PARKED))).scalar_one()
            found = (await verify(conn)).findings
    finally:
        await engine.dispose()
    wrong = [str(one) for one in found]
    wrong += [f"{n} deliveries are {state}" for state, n in ended.items() if state != "done"]
    wrong += [f"{parked} balances are parked"] if parked else []
    spendable = {one.alias: one.spendable for one in states}
    wrong += [f"the cloud shows {cloud.points}, not {spendable}"] * (cloud.points != spendable)
    return Books(state_hash(states), sum(ended.values()), tuple(wrong))
