"""What ends whoever works it off is found, and given up without what is beside it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from flow_ground import Ground, fresh_ground, in_order
from flow_story import CART, SECRET, Told, an_hour_ago, deliveries, member_told
from sqlalchemy import text

from deadly_cart import DEADLY, DEADLY_POLL
from renkei.cli.demo_watch import watch
from renkei.ledger.statehash import state_hash
from renkei.messaging.changed import Hint, hint
from renkei.messaging.lost import ENDS_WORKERS, MOST_LOST
from renkei.storage.scratch import Scratch
from told_cart import signed

WORKER = Path(__file__).parents[1] / "worker_process.py"
PATIENCE = 60
OTHERS = 20
"""More than are taken at a time."""

WAITING = """
SELECT (SELECT count(*) FROM delivery WHERE state = 'new')
     + (SELECT count(*) FROM changed_object WHERE NOT dead)
     + (SELECT count(*) FROM mirror WHERE NOT parked AND written_version < wanted_version)
     + (SELECT count(*) FROM poll WHERE due <= clock_timestamp())"""

LEASES_ARE_OVER = (
    "UPDATE delivery SET due = clock_timestamp() WHERE state = 'new'",
    "UPDATE changed_object SET leased_until = NULL",
    "UPDATE mirror SET leased_until = NULL",
    "UPDATE poll SET leased_until = NULL",
)
GIVEN_UP = """
SELECT 'delivery', delivery_key, reason FROM delivery WHERE state = 'dead'
UNION ALL
SELECT 'object', object_id, last_error FROM changed_object WHERE dead
UNION ALL
SELECT 'balance', external_id, last_error FROM mirror WHERE parked
UNION ALL
SELECT 'poll', kind, '' FROM poll WHERE failures > 0
ORDER BY 1"""

ORDERS = [DEADLY, *(f"o{number}" for number in range(OTHERS))]
POISON = Told(signed(SECRET, DEADLY, DEADLY, b"{}"), b"{}")


async def asked(ground: Ground, *statements: str) -> Sequence[Any]:
    """The last one's rows."""
    async with ground.hub.database.begin() as conn:
        for statement in statements[:-1]:
            await conn.execute(text(statement))
        found = await conn.execute(text(statements[-1]))
        return found.all() if found.returns_rows else []


async def died(ground: Ground) -> bool:
    """Run a worker until it dies, or until nothing waits; gives whether it died."""

    async def waiting() -> int:
        return int((await asked(ground, WAITING))[0][0])

    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        "deadly_cart",
        env=os.environ | ground.environment,
        stdout=DEVNULL,
    )
    dying = asyncio.create_task(process.wait())
    done = asyncio.create_task(watch(waiting, 0, PATIENCE))
    await asyncio.wait({dying, done}, return_when=asyncio.FIRST_COMPLETED)
    if not dying.done():
        process.kill()
        await dying
        assert (await done).shown == 0
        return False
    done.cancel()
    assert process.returncode == -signal.SIGKILL
    return True


async def deaths(ground: Ground) -> int:
    """Start a worker again and again until nothing waits; gives how many died."""
    number = 0
    while await died(ground):
        number += 1
        assert number <= 3 * MOST_LOST
        await asked(ground, *LEASES_ARE_OVER)
    return number


async def hinted(ground: Ground, *orders: str) -> None:
    async with ground.hub.database.begin() as conn:
        await hint(conn, [Hint(CART, "order", order, ground.hub.clock()) for order in orders])


def members() -> list[Told]:
    return [member_told(name, an_hour_ago()) for name in (DEADLY, *range(OTHERS))]


@pytest.mark.timeout(240)
async def test_a_delivery_that_kills_its_process_is_given_up_and_no_other_with_it(
    playground: Scratch, tmp_path: Path
) -> None:
    began = an_hour_ago()
    told = deliveries(60, began)
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await ground.deliver([*told[:20], POISON, *told[20:]])
            assert await deaths(ground) == MOST_LOST
            assert await asked(ground, GIVEN_UP) == [("delivery", DEADLY, ENDS_WORKERS)]
            survived = await ground.states(began)
    with playground.database("clean") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await in_order(ground, told, PATIENCE)
            assert state_hash(survived) == state_hash(await ground.states(began))


@pytest.mark.timeout(240)
async def test_an_object_whose_reading_kills_its_process_is_given_up_and_all_others_are_read(
    playground: Scratch, tmp_path: Path
) -> None:
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await hinted(ground, *ORDERS)
            assert await deaths(ground) == MOST_LOST
            assert await asked(ground, GIVEN_UP) == [("object", DEADLY, ENDS_WORKERS)]
            assert await asked(ground, "SELECT count(*) FROM orders") == [(OTHERS,)]


@pytest.mark.timeout(240)
async def test_a_balance_whose_writing_kills_its_process_is_parked_and_all_others_are_written(
    playground: Scratch, tmp_path: Path
) -> None:
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await ground.deliver(members())
            assert await deaths(ground) == MOST_LOST
            assert await asked(ground, GIVEN_UP) == [("balance", f"c{DEADLY}", ENDS_WORKERS)]
            shown = "SELECT count(*) FROM mirror WHERE written_version = wanted_version"
            assert await asked(ground, shown) == [(OTHERS,)]


@pytest.mark.timeout(240)
async def test_a_poll_that_kills_its_process_is_left_alone_for_an_hour_and_all_else_is_done(
    playground: Scratch, tmp_path: Path
) -> None:
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            ground.environment[DEADLY_POLL] = "yes"
            await hinted(ground, *ORDERS[1:])
            await ground.deliver(members()[1:])
            assert await deaths(ground) == MOST_LOST
            assert await asked(ground, GIVEN_UP) == [("poll", "order", "")]
            done = "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM mirror)"
            assert await asked(ground, done) == [(OTHERS, OTHERS)]


@pytest.mark.timeout(480)
async def test_where_several_kill_their_process_each_is_given_up_and_nothing_else(
    playground: Scratch, tmp_path: Path
) -> None:
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await hinted(ground, *ORDERS)
            await ground.deliver([POISON, *members()])
            assert await deaths(ground) <= 3 * MOST_LOST
            assert await asked(ground, GIVEN_UP) == [
                ("balance", f"c{DEADLY}", ENDS_WORKERS),
                ("delivery", DEADLY, ENDS_WORKERS),
                ("object", DEADLY, ENDS_WORKERS),
            ]
