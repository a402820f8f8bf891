"""Three days of a shop whose tills are offline, from its first hour to the books afterwards."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

from offline_days import HOURS, POINTS, OfflineTill, Size, furnish, spend_all
from reference_allowances import GRACE
from till_stage import START, Stage

from renkei.cli.running import calm_collector
from renkei.ledger.verify import verify

BACK = START + timedelta(hours=HOURS)
STANDS = "SELECT member_id, available, held, -debt FROM member WHERE member_id = ANY(:m)"
ALERTS = "SELECT kind, member_id FROM alert"


class Days:
    """Three days of one shop."""

    def __init__(self, stage: Stage, size: Size) -> None:
        self.stage, self.size = stage, size
        self.chance = Random(size.seed)  # noqa: S311 - a story, not a secret
        self.tills: list[OfflineTill] = []
        self.members: list[str] = []
        self.expected: Counter[str] = Counter()

    async def begin(self) -> None:
        """Members with points; tills that set some aside, each for its own regulars."""
        self.members = [await self.stage.add_member() for _ in range(self.size.members)]
        self.office = await self.stage.add_till("office")
        self.expected += Counter(await furnish(self.office, self.members))
        for n in range(self.size.tills):
            caller = await self.stage.add_till(f"t{n}")
            chance = Random(f"{self.size.seed}/{n}")  # noqa: S311 - a story, not a secret
            self.tills.append(OfflineTill(caller, chance))
        regulars = (self.chance.sample(self.members, self.size.prepared) for _ in self.tills)
        await asyncio.gather(
            *(till.prepare(own, POINTS) for till, own in zip(self.tills, regulars, strict=True))
        )

    async def pass_offline(self) -> None:
        """Everybody sells; what is not set aside is spent online meanwhile."""
        for till in self.tills:
            till.live(self.size.receipts, self.members)
        spent = await spend_all(self.office, self.members, "s", START)
        self.expected.subtract(spent)
        await self.stage.set_clock(BACK)

    async def come_back(self, tills: list[OfflineTill]) -> Counter[str]:
        """All at once; gives what became of the records."""
        told: Counter[str] = Counter()
        for one in await asyncio.gather(*(till.report() for till in tills)):
            told += one
        await asyncio.gather(*(till.close() for till in tills))
        for till in tills:
            self.expected.update(till.expected)
        return told

    async def owed(self, held: int | None = 0) -> Counter[str]:
        """Who owes how many; everybody has what they should, and so much is held (None: any)."""
        rows = await self.stage.rows(STANDS, m=self.members)
        assert held is None or {row[2] for row in rows} == {held}
        stands = {member: available + aside - debt for member, available, aside, debt in rows}
        assert stands == {member: self.expected[member] for member in self.members}
        return Counter({member: debt for member, _, _, debt in rows if debt})

    async def alerts(self) -> Counter[str]:
        """What a person is told, by kind."""
        return Counter(kind for kind, _ in await self.stage.rows(ALERTS))

    async def free_and_spend(self) -> None:
        """The time to report is over: what was set aside is free, and others use it."""
        at = BACK + GRACE + timedelta(minutes=1)
        await self.stage.set_clock(at)
        while await self.stage.hub.booking.lapse_holds():
            pass
        self.expected.subtract(await spend_all(self.office, self.members, "late", at))


async def on_time(stage: Stage, size: Size) -> str:
    """Three days offline, everybody back within the grace; gives the figures."""
    days = Days(stage, size)
    await days.begin()
    await days.pass_offline()
    with as_served():
        started, cpu = time.perf_counter(), time.process_time()
        told = await days.come_back(days.tills)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    assert told == {"applied": sum(len(till.records) for till in days.tills)}
    assert await days.owed() == {}
    persons = (await days.alerts()).total()
    assert persons <= told.total() / 1_000
    await require_clean(stage)
    redeemed = sum(till.redeemed for till in days.tills)
    return (
        f"{told.total()} records of {size.tills} tills, {redeemed} points used offline: together "
        f"again after {wall:.1f} s ({cpu / told.total() * 1e6:.0f} µs of CPU a record), "
        f"{persons} for a person"
    )


async def some_too_late(stage: Stage, size: Size, late: int) -> None:
    """The same, but for some tills that report after the grace, when the points are gone."""
    days = Days(stage, size)
    await days.begin()
    await days.pass_offline()
    await days.come_back(days.tills[late:])
    assert (await days.owed(held=None), await days.alerts()) == ({}, {})
    await days.free_and_spend()
    told = await days.come_back(days.tills[:late])
    assert told == {"applied": sum(len(till.records) for till in days.tills[:late])}
    uses = sum(mine.counter for till in days.tills[:late] for mine in till.carried.values())
    alerts = await days.alerts()
    assert alerts["allowance_exceeded"] == uses > 0
    assert alerts.keys() == {"allowance_exceeded", "overdraft"}
    assert await days.owed()
    await require_clean(stage)


@contextmanager
def as_served() -> Iterator[None]:
    """The collector as `renkei serve` has it: what the tests have loaded is not for it to walk."""
    thresholds = gc.get_threshold()
    calm_collector()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


async def require_clean(stage: Stage) -> None:
    """The books verify."""
    async with stage.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()
