"""A register's commit over HTTP, on one connection: alone, and beside webhooks."""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from functools import partial

from bench.caller import Line
from bench.ground import Ground, rate
from bench.pace import spread
from bench.served import MEMBERS, NAME, Served, served, until_settled
from bench.statistics import p99_ms
from bench.tills import Shop, Till, tills

SECONDS = 6.0
WARM_UP = 300
DELIVERIES = 1_200
IN_FLIGHT = 32
TIMES = "commits"


async def prepare(ground: Ground) -> None:
    """The hub, a register, what the tables hold after a while, and how much the shop may send."""
    hub, every = await served(ground), await tills(ground)

    async def act() -> None:
        await _commits(hub, every[0], WARM_UP)
        await ground.analyze(NAME)

    await ground.once("commit", act)
    await _capacity(ground, hub)


async def p50(ground: Ground) -> float:
    """The median of a commit with nothing else asked, in milliseconds."""
    times = ground.noted[TIMES] = await _alone(ground)
    return times[len(times) // 2] * 1000


async def p99(ground: Ground) -> float:
    """The 99th percentile of the same commits, in milliseconds."""
    return p99_ms(ground.noted.pop(TIMES, ()) or await _alone(ground))


async def p99_beside_webhooks(ground: Ground) -> float:
    """The same while webhooks come at half of what the hub can take in and settle."""
    hub, till = await served(ground), (await tills(ground))[0]
    shop, half = Shop(hub), await _capacity(ground, hub) / 2
    deliveries = shop.deliveries(int(half * SECONDS))
    async with asyncio.TaskGroup() as beside:
        beside.create_task(spread(deliveries, SECONDS, lambda one, _due: shop.tell(one)))
        times = beside.create_task(_commits(hub, till))
    await until_settled(hub)
    return p99_ms(times.result())


async def _alone(ground: Ground) -> Sequence[float]:
    hub, till = await served(ground), (await tills(ground))[0]
    before = await hub.cpu()
    times = await _commits(hub, till)
    used = (await hub.cpu()).since(before)
    sys.stderr.write(
        f"  CPU of a commit, with the balance's way to the shop: {used.of(len(times))}\n"
    )
    return times


async def _commits(hub: Served, till: Till, most: int = sys.maxsize) -> Sequence[float]:
    """One after the other for a while, or so many; the time that each took, sorted."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    async with Line(hub.url) as line:
        while len(times) < most and (most < sys.maxsize or time.perf_counter() < end):
            body = till.sale(random.randint(1, MEMBERS))  # noqa: S311
            begun = time.perf_counter()
            await till.commit(line, body)
            times.append(time.perf_counter() - begun)
    return sorted(times)


async def _capacity(ground: Ground, hub: Served) -> float:
    """Webhooks that are taken in and settled per second, as many at a time as wait."""
    return await ground.kept("capacity", partial(_measured, hub))


async def _measured(hub: Served) -> float:
    shop, begun = Shop(hub), time.perf_counter()
    await rate(shop.deliveries(DELIVERIES), shop.tell, IN_FLIGHT)
    await until_settled(hub)
    per_second = DELIVERIES / (time.perf_counter() - begun)
    sys.stderr.write(f"  webhooks taken in and settled: {per_second:,.0f} per second\n")
    return per_second
