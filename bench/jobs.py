"""Background jobs that do nothing, from enqueued to done: the hub's queue, and procrastinate's.

The hub's are deliveries: stored by the intake's committer, claimed and ended in batches, as its
workers do it.
"""

import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any
from uuid import uuid4

from bench.events import BODY, HEADERS
from bench.ground import Ground, Hub, rate
from renkei.messaging import inbox
from renkei.messaging.inbox import Ended, Incoming
from renkei.services.flow.read_deliveries import CLAIMS
from renkei_contracts.delivery import Delivery

SHOP = "jobs"
SHOPS = {SHOP: 1}
OWNER = "bench"
DATABASE = "procrastinate"
JOBS = 2_000
CONCURRENCY = 16
"""Of procrastinate's worker, and the connections it may have."""


def missing() -> str | None:
    """What has to be installed before theirs can be measured; None: nothing."""
    there = find_spec("procrastinate") is not None
    return None if there else "the row jobs takes pip install 'procrastinate>=3.10,<4'"


async def prepare(ground: Ground) -> None:
    """A database whose deliveries have rows and statistics."""

    async def act() -> None:
        await ours(ground)
        await ground.analyze(SHOP)

    await ground.once("jobs", act)


async def ours(ground: Ground) -> float:
    """Jobs per second of the hub's queue, all enqueued one by one before the first is done."""
    hub = await ground.hub(SHOP, SHOPS)
    started = time.perf_counter()
    await rate(_deliveries(), lambda one: _store(hub, one))
    done = await _work_off(hub)
    elapsed = time.perf_counter() - started
    assert done == JOBS, done
    return JOBS / elapsed


def _deliveries() -> list[Incoming]:
    now = datetime.now(UTC)
    return [Incoming(Delivery(SHOP, now, HEADERS, BODY), uuid4().hex) for _ in range(JOBS)]


async def _store(hub: Hub, one: Incoming) -> None:
    assert await hub.intake.submit(one)


async def _work_off(hub: Hub) -> int:
    """Claim and end until nothing is due, each in a transaction of its own; gives how many."""
    done = 0
    while True:
        now = datetime.now(UTC) + timedelta(seconds=1)
        async with hub.database.begin_often() as conn:
            claimed, _ = await inbox.claim(conn, SHOP, OWNER, now, CLAIMS.most)
        if not claimed:
            return done
        async with hub.database.begin_often() as conn:
            done += await inbox.end(conn, [Ended(one, "done", now) for one in claimed])


async def prepare_theirs(ground: Ground) -> None:
    """Its schema in a database of the same server, as warm as ours."""

    async def act() -> None:
        await theirs(ground)
        await ground.analyze(DATABASE)

    await ground.once(DATABASE, act)


async def theirs(ground: Ground) -> float:
    """The same number by procrastinate: one worker, which ends when nothing is left."""
    app, nothing, done = await _app(ground)
    done.clear()
    started = time.perf_counter()
    await rate(range(JOBS), lambda number: nothing.defer_async(number=number))
    await app.run_worker_async(wait=False, concurrency=CONCURRENCY, install_signal_handlers=False)
    elapsed = time.perf_counter() - started
    assert len(done) == JOBS, len(done)
    return JOBS / elapsed


async def _app(ground: Ground) -> Any:
    return await ground.kept(DATABASE, lambda: _make(ground))


async def _make(ground: Ground) -> Any:
    procrastinate: Any = import_module("procrastinate")  # there only where this row is asked for

    ground.server.execute("postgres", f"CREATE DATABASE {DATABASE}")
    conninfo = ground.server.embedded.libpq_url(database=DATABASE)
    connector = procrastinate.PsycopgConnector(conninfo=conninfo, max_size=CONCURRENCY)
    app = await ground.stack.enter_async_context(
        procrastinate.App(connector=connector).open_async()
    )
    await app.schema_manager.apply_schema_async()
    done: list[int] = []

    async def nothing(number: int) -> None:
        done.append(number)

    return app, app.task(name="nothing")(nothing), done
