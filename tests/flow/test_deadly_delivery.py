"""A delivery that ends whoever reads it is found, and given up without those beside it."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest
from flow_ground import Ground, fresh_ground, in_order
from flow_story import SECRET, Told, an_hour_ago, deliveries
from sqlalchemy import text

from deadly_cart import DEADLY
from renkei.ledger.statehash import state_hash
from renkei.messaging.lost import MOST_LOST
from renkei.storage.scratch import Scratch
from told_cart import signed

WORKER = Path(__file__).parents[1] / "worker_process.py"
PATIENCE = 60

LEASES_ARE_OVER = "UPDATE delivery SET due = clock_timestamp() WHERE state = 'new'"
ENDED = "SELECT delivery_key, state, reason FROM delivery WHERE state <> 'done'"


async def died(ground: Ground) -> bool:
    """Run a worker until it dies, or until nothing waits; gives whether it died."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        "deadly_cart",
        env=os.environ | ground.environment,
        stdout=DEVNULL,
    )
    dying = asyncio.create_task(process.wait())
    done = asyncio.create_task(ground.worked_off(PATIENCE))
    await asyncio.wait({dying, done}, return_when=asyncio.FIRST_COMPLETED)
    if not dying.done():
        process.kill()
        await dying
        await done
        return False
    done.cancel()
    assert process.returncode == -signal.SIGKILL
    return True


@pytest.mark.timeout(240)
async def test_a_delivery_that_kills_its_process_is_given_up_and_no_other_with_it(
    playground: Scratch, tmp_path: Path
) -> None:
    began = an_hour_ago()
    told = deliveries(60, began)
    deadly = Told(signed(SECRET, "poison", DEADLY, b"{}"), b"{}")
    with playground.database("deadly") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await ground.deliver([*told[:20], deadly, *told[20:]])
            deaths = 0
            while await died(ground):
                deaths += 1
                assert deaths <= MOST_LOST
                async with ground.hub.database.begin() as conn:
                    await conn.execute(text(LEASES_ARE_OVER))
            async with ground.hub.database.begin() as conn:
                ((key, state, reason),) = (await conn.execute(text(ENDED))).all()
            assert (deaths, key, state) == (MOST_LOST, "poison", "dead")
            assert f"{MOST_LOST} workers in a row ended" in reason
            survived = await ground.states(began)
    with playground.database("clean") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await in_order(ground, told, PATIENCE)
            assert state_hash(survived) == state_hash(await ground.states(began))
