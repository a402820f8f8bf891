"""Thousands of registers that poll the feed, beside what a shop and registers tell meanwhile.

Every register polls once in half a minute, at a moment of its own. A poll's time counts from that
moment, whether or not it could be sent then.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence

from bench.caller import Answer, Line
from bench.ground import Ground
from bench.pace import spread
from bench.served import MEMBERS, TILLS, Served, served
from bench.statistics import p99_ms
from bench.tills import Shop, Till, tills
from renkei.services.setup.stores import set_store

CHANGES = "/pos/v1/changes"
TYPES = "rule,store,coupon"
"""What these registers keep a copy of; members and balances they look up."""

EVERY = 30.0
ALONE = 8.0
IN_TIME = 1.0
POLLS = "polls"
A_SECOND = 20
"""Webhooks, and as many commits."""

ONE_IN = 10
"""Of so many registers one finds something new in a round."""


async def prepare(ground: Ground) -> None:
    """The hub, its registers, and where each of them stands in the feed."""
    hub, every = await served(ground), await tills(ground)
    await ground.once("feed", lambda: _to_the_end(hub, every))


async def in_time(ground: Ground) -> float:
    """The share of polls that were answered within a second; a poll that fails ends the bench."""
    seconds = ground.noted[POLLS] = await _one_round(ground)
    return sum(one <= IN_TIME for one in seconds) / len(seconds)


async def p99(ground: Ground) -> float:
    """The 99th percentile of the same polls, in milliseconds."""
    return p99_ms(ground.noted.pop(POLLS, ()) or await _one_round(ground))


async def cpu(ground: Ground) -> float:
    """CPU of a poll that is 304, the hub's and PostgreSQL's, in milliseconds; nothing else runs."""
    hub, every = await served(ground), await tills(ground)
    asked = every[1 : int(len(every) * ALONE / EVERY)]
    await _to_the_end(hub, every)
    before = await hub.cpu()
    await _polled(hub, asked, ALONE)
    used = (await hub.cpu()).since(before)
    sys.stderr.write(f"  CPU of a poll: {used.of(len(asked))}\n")
    return (used.hub + used.postgres) * 1000 / len(asked)


async def _one_round(ground: Ground) -> Sequence[float]:
    hub, every = await served(ground), await tills(ground)
    await set_store(hub.database, TILLS, every[0].place.store, None, random.randint(0, 720))  # noqa: S311
    await _to_the_end(hub, [one for n, one in enumerate(every) if n % ONE_IN != 1])
    async with asyncio.TaskGroup() as beside:
        beside.create_task(_deliveries(hub))
        beside.create_task(_sales(hub, every))
        polls = beside.create_task(_polled(hub, every[1:], EVERY))
    return polls.result()


async def _to_the_end(hub: Served, every: Sequence[Till]) -> None:
    """One register reads on to the end; the others have what it has."""
    first = every[0]
    first.tag = ""
    async with Line(hub.url) as line:
        while not first.tag:
            _note(first, await first.get(line, CHANGES, _query(first)))
    for till in every:
        till.cursor, till.tag = first.cursor, first.tag


async def _polled(hub: Served, every: Sequence[Till], seconds: float) -> Sequence[float]:
    """The seconds that each register's poll took."""
    took: list[float] = []

    async def poll(till: Till, due: float) -> None:
        async with Line(hub.url) as line:
            _note(till, await till.get(line, CHANGES, _query(till), till.tag))
        took.append(time.perf_counter() - due)

    await spread(every, seconds, poll)
    return took


def _query(till: Till) -> str:
    return f"types={TYPES}&limit=200" + (f"&cursor={till.cursor}" if till.cursor else "")


def _note(till: Till, answer: Answer) -> None:
    """What the register remembers of an answer."""
    assert answer.status in (200, 304), answer.body
    if answer.status == 200:
        till.cursor = json.loads(answer.body)["next_cursor"]
        till.tag = answer.headers.get("etag", "")


async def _deliveries(hub: Served) -> None:
    shop = Shop(hub)
    deliveries = shop.deliveries(int(A_SECOND * EVERY))
    await spread(deliveries, EVERY, lambda one, _due: shop.tell(one))


async def _sales(hub: Served, every: Sequence[Till]) -> None:
    async def sell(till: Till, due: float) -> None:
        async with Line(hub.url) as line:
            await till.commit(line, till.sale(random.randint(1, MEMBERS)))  # noqa: S311

    await spread(random.sample(every, int(A_SECOND * EVERY)), EVERY, sell)
