"""From a register's commit to the twins of the other channels, at a steady rate of commits.

Beside it the same with a shop that takes fewer writes a second than there are commits.
"""

import asyncio
import random
import re
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import text

from bench.caller import Line
from bench.ground import Ground
from bench.pace import spread
from bench.served import SECRET, Served, add_connection, give_settings, start
from bench.statistics import p99_ms, p999_ms
from bench.tills import Till, registered
from bench.twin import twin
from renkei.storage.engine import Database
from renkei_contracts.till import CommitAnswer

NAME = "visible"
FAST, SLOW = "fast", "slow"
"""Programs, each with a shop of its name and registers; nothing of one is shown in the other."""

SECOND = "second"
"""One more shop of the fast program."""

SHOPS = {FAST: (FAST, SECOND), SLOW: (SLOW,)}
MEMBERS = 5_000
TILLS = 16
A_SECOND = 200
SECONDS = 6.0
WARM_UP = 2.0
LIMIT = 100.0
"""Writes a second that the slow shop takes."""

PATIENCE = 120
TIMES, THROTTLED = "visible", "throttled"
LAG = re.compile(rf'^renkei_lag_seconds{{connection="{SLOW}",queue="mirror"}} (\S+)$', re.MULTILINE)

SHOWN_BY = f"""
INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, written_version, due)
SELECT '{SECOND}', member_id, external_id, 0, 0, due FROM mirror WHERE connection_id = '{FAST}'"""


class Sale(NamedTuple):
    """A commit that was due at a moment, and the balance that it left."""

    due: float
    member: str
    version: int


class Wait(NamedTuple):
    """From a commit's moment until a shop showed its balance."""

    due: float
    until: float

    @property
    def seconds(self) -> float:
        """How long."""
        return self.until - self.due


async def prepare(ground: Ground) -> None:
    """The hub, its shops and registers, and what the tables hold after a while."""

    async def act() -> None:
        for program in SHOPS:
            await _waits(ground, program, await _sold(ground, program, WARM_UP))
        await ground.analyze(NAME)

    await ground.once(NAME, act)


async def p99(ground: Ground) -> float:
    """The 99th percentile over both shops, in milliseconds."""
    return p99_ms(await _seconds(ground))


async def p999(ground: Ground) -> float:
    """Of the same commits, in milliseconds."""
    return p999_ms(await _seconds(ground))


async def beyond_limit(ground: Ground) -> float:
    """The longest wait for the slow shop, beyond what was before it by that shop's own limit."""
    return (await _throttled(ground))[0]


async def published(ground: Ground) -> float:
    """The lag that /metrics told at the end of these commits, by the longest wait there was."""
    return (await _throttled(ground))[1]


async def _seconds(ground: Ground) -> Sequence[float]:
    if TIMES not in ground.noted:
        waits = await _waits(ground, FAST, await _sold(ground, FAST, SECONDS))
        ground.noted[TIMES] = [one.seconds for one in waits]
    return ground.noted[TIMES]


async def _throttled(ground: Ground) -> Sequence[float]:
    if THROTTLED not in ground.noted:
        sales = await _sold(ground, SLOW, SECONDS)
        asked, lag = await _lag(await _hub(ground))
        waits = await _waits(ground, SLOW, sales)
        longest = max(asked - one.due for one in waits if one.due < asked < one.until)
        ground.noted[THROTTLED] = (beyond(waits, LIMIT), lag / longest)
    return ground.noted[THROTTLED]


def beyond(waits: Sequence[Wait], limit: float) -> float:
    """How much longer than the limit explains the worst one took, in seconds."""
    return max(
        one.seconds - sum(o.due <= one.due < o.until for o in waits) / limit for one in waits
    )


async def _waits(ground: Ground, program: str, sales: Sequence[Sale]) -> list[Wait]:
    """How long each of these took in each shop of the program, once all of them are shown."""
    shows = await twin(ground)
    async with asyncio.timeout(PATIENCE):
        return [
            Wait(sale.due, await shows.visible(shop, sale.member, sale.version))
            for shop in SHOPS[program]
            for sale in sales
        ]


async def _sold(ground: Ground, program: str, seconds: float) -> list[Sale]:
    """Commits for a while."""
    hub = await _hub(ground)
    tills = await _tills(ground, hub, program)
    sales: list[Sale] = []

    async def sell(till: Till, due: float) -> None:
        async with Line(hub.url) as line:
            answer = await till.commit(line, till.sale(random.randint(1, MEMBERS)))  # noqa: S311
        booked = CommitAnswer.model_validate_json(answer.body)
        sales.append(Sale(due, booked.member, booked.balance_version))

    turns = [tills[n % len(tills)] for n in range(int(A_SECOND * seconds))]
    await spread(turns, seconds, sell)
    return sales


async def _lag(hub: Served) -> tuple[float, float]:
    """When it was asked for, and what the hub said."""
    asked = time.perf_counter()
    async with Line(hub.url) as line:
        answer = await line.ask("GET", "/metrics", {})
    found = LAG.search(answer.body.decode())
    assert found is not None, answer.body
    return asked, float(found[1])


async def _tills(ground: Ground, hub: Served, program: str) -> list[Till]:
    return await ground.kept(
        f"{NAME} {program}",
        lambda: registered(hub.database, f"till-{program}", TILLS, program),
    )


async def _hub(ground: Ground) -> Served:
    return await ground.kept(NAME, partial(_started, ground))


async def _started(ground: Ground) -> Served:
    database = await ground.database(NAME, dict.fromkeys(SHOPS, MEMBERS))
    await _open_channels(database, (await twin(ground)).url)
    return await start(ground, database, NAME)


async def _open_channels(database: Database, shows_at: str) -> None:
    await add_connection(database, SECOND, FAST, "bench")
    async with database.begin() as conn:
        await conn.execute(text(SHOWN_BY))
    for program, shops in SHOPS.items():
        await add_connection(database, f"till-{program}", program)
        for shop in shops:
            own = {"a_second": LIMIT} if shop == SLOW else {}
            await give_settings(database, shop, {"secret": SECRET, "shows_at": shows_at, **own})
