"""A worker that stands still longer than its lease, and then goes on as if nothing had been."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from flow_ground import Ground, fresh_ground, in_order, worker
from flow_story import an_hour_ago, deliveries
from sqlalchemy import text

from renkei.ledger.statehash import state_hash
from renkei.storage.scratch import Scratch

WORKER = Path(__file__).parents[1] / "worker_process.py"
PATIENCE = 60
SOON = "&options=" + quote("-c idle_in_transaction_session_timeout=2s")
"""In place of ten seconds."""

LEASES_ARE_OVER = "UPDATE delivery SET due = clock_timestamp() WHERE state = 'new'"
ENDED = "SELECT DISTINCT state, owner FROM delivery"


@asynccontextmanager
async def stopped_at(ground: Ground, place: str) -> AsyncIterator[Process]:
    """A worker's process that stands still at this place of its work; killed at the end."""
    environment = ground.environment | {"RENKEI_FAILPOINT": f"{place}:stop"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), "told_cart", env=os.environ | environment, stdout=DEVNULL
    )
    try:
        stopped = await asyncio.to_thread(
            os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WEXITED
        )
        assert stopped is not None
        assert stopped.si_status == signal.SIGSTOP
        yield process
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("place", ["after_load:2", "before_commit:2", "after_commit:2"])
async def test_a_worker_that_stood_still_longer_than_its_lease_books_nothing_twice(
    playground: Scratch, tmp_path: Path, place: str
) -> None:
    """It holds the locks of its members between two trips, or in the middle of one, where the
    server waits for the rest; or it has booked what it does not know yet.
    """
    began = an_hour_ago()
    told = deliveries(120, began)
    first, rest, last = told[:60], told[60:-1], told[-1:]
    with playground.database("paused") as (owner, app):
        async with fresh_ground(owner, app + SOON, tmp_path) as ground:
            await ground.deliver(first)
            async with stopped_at(ground, place) as process:
                async with ground.hub.database.begin() as conn:
                    await conn.execute(text(LEASES_ARE_OVER))
                async with worker(ground):
                    await ground.deliver(rest)
                    await ground.worked_off(PATIENCE)
                process.send_signal(signal.SIGCONT)
                await ground.deliver(last)  # it comes to this after what it had begun
                await ground.worked_off(PATIENCE)
            async with ground.hub.database.begin() as conn:
                assert [tuple(row) for row in await conn.execute(text(ENDED))] == [("done", None)]
            paused = await ground.states(began)
    with playground.database("clean") as urls:
        async with fresh_ground(*urls, tmp_path) as ground:
            await in_order(ground, told, PATIENCE)
            assert state_hash(paused) == state_hash(await ground.states(began))
