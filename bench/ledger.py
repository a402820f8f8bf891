"""The hub's own figures: the real code, from the committer down, on a database of the bench."""

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from bench.events import Event, purchases, sales_and_cancellations
from bench.fill import RING, member_id
from bench.ground import Ground, Hub, median_ms, rate
from renkei.ledger.books import Channel
from renkei.ledger.verify import verify_database
from renkei.services.booking import Booking
from renkei.services.members.members import explain
from renkei.services.points.hold import PlaceHold, ReleaseHold, parse_hold_id
from renkei.services.till.sale import CommitSale
from renkei_contracts.order import LineItem, TillKey
from renkei_contracts.till import CommitRequest, HoldRequest

MAIN = "main"
ONE_PROGRAM = {"shop": 20_000}
MANY_PROGRAMS = {f"p{n:02}": 1_000 for n in range(1, 21)}
TILL, SOLO, CROWD, LONG = "till", "solo", "crowd", "long"
SHOPS = ONE_PROGRAM | MANY_PROGRAMS | {TILL: 500, SOLO: 1, CROWD: 5_000, LONG: 1}
TEN_THOUSAND = {"shop": 10_000}
MILLION = {"shop": 1_000_000}

EVENTS = 8_000
WARM_UP = 2_000
EVENTS_ALONE = 600
LANES_ALONE = 4
IN_FLIGHT_ALONE = 16
SALES = 2_000
OPEN_LOTS = 80
TRIES = 200
ENTRIES = 10_000
STATEMENTS = 5


async def prepare(ground: Ground) -> None:
    """The main database with every shop but those of the growth."""
    await _warm_up(ground, MAIN, SHOPS, MANY_PROGRAMS)


async def _warm_up(
    ground: Ground, name: str, shops: dict[str, int], buyers: dict[str, int]
) -> None:
    """A database that has seen a day of work: every table of the path has rows and statistics."""

    async def act() -> None:
        await _take_all(await ground.hub(name, shops), purchases(buyers, WARM_UP))
        await ground.analyze(name)

    await ground.once(f"warm {name}", act)


async def _main(ground: Ground) -> Hub:
    return await ground.hub(MAIN, SHOPS)


async def events(ground: Ground) -> float:
    """Stored deliveries with their whole settlement per second, one program."""
    return await rate(purchases(ONE_PROGRAM, EVENTS), (await _main(ground)).take)


async def events_of_many_programs(ground: Ground) -> float:
    """The same over twenty programs with as many members."""
    return await rate(purchases(MANY_PROGRAMS, EVENTS), (await _main(ground)).take)


async def events_one_by_one(ground: Ground) -> float:
    """The same code with one command a transaction, on several connections at once."""
    lanes = [await ground.hub(MAIN, SHOPS, 1, lane) for lane in range(LANES_ALONE)]
    turns = itertools.cycle(lanes)

    async def take(event: Event) -> None:
        await next(turns).take(event)

    return await rate(purchases(ONE_PROGRAM, EVENTS_ALONE), take, IN_FLIGHT_ALONE)


async def events_of_one_member(ground: Ground) -> float:
    """Sales and cancellations of one member, who has at most so many open lots."""
    sold = sales_and_cancellations(SOLO, SHOPS[SOLO], SALES, OPEN_LOTS)
    return await rate(sold, (await _main(ground)).take)


async def events_of_many_members(ground: Ground) -> float:
    """The same sales and cancellations, each of another member."""
    sold = sales_and_cancellations(CROWD, SHOPS[CROWD], SALES, OPEN_LOTS)
    return await rate(sold, (await _main(ground)).take)


async def prepare_ten_thousand(ground: Ground) -> None:
    """A database with 10,000 members."""
    await _warm_up(ground, "ten_thousand", TEN_THOUSAND, TEN_THOUSAND)


async def events_among_ten_thousand(ground: Ground) -> float:
    """Events per second among 10,000 members."""
    hub = await ground.hub("ten_thousand", TEN_THOUSAND)
    return await rate(purchases(TEN_THOUSAND, EVENTS), hub.take)


async def prepare_million(ground: Ground) -> None:
    """A database with 1,000,000 members."""
    await _warm_up(ground, "million", MILLION, MILLION)


async def events_among_a_million(ground: Ground) -> float:
    """Events per second among 1,000,000 members."""
    hub = await ground.hub("million", MILLION)
    return await rate(purchases(MILLION, EVENTS), hub.take)


@dataclass(frozen=True)
class Till:
    """A register's requests, one at a time."""

    hub: Hub

    async def hold(self, number: int) -> str:
        """Set one point of the member aside; gives the hold."""
        ask = HoldRequest(key=uuid4().hex, member=member_id(TILL, number), points=1)
        answer = await self.hub.ledger.submit(PlaceHold(ask, "bench", Channel(TILL)))
        return str(answer.hold)

    async def release(self, hold: str) -> None:
        """Give it back."""
        await self.hub.ledger.submit(ReleaseHold(parse_hold_id(hold), Channel(TILL)))

    async def capture(self, ask: CommitRequest) -> None:
        """Commit a sale."""
        answer = await self.hub.ledger.submit(CommitSale(ask, TILL, f"alr_{ask.hold}"))
        assert answer.used == 1


async def prepare_tills(ground: Ground) -> None:
    """Members who have points to spend."""
    await prepare(ground)
    hub = await _main(ground)
    points = sales_and_cancellations(TILL, SHOPS[TILL], SHOPS[TILL], SHOPS[TILL])[: SHOPS[TILL]]
    await ground.once("tills", lambda: _take_all(hub, points))


async def _take_all(hub: Hub, events: Iterable[Event]) -> None:
    await rate(events, hub.take)


async def holds(ground: Ground) -> float:
    """The median of placing one hold, in milliseconds."""
    till = Till(await _main(ground))
    placed: list[str] = []

    async def place(number: int) -> None:
        placed.append(await till.hold(number))

    value = await median_ms(range(1, TRIES + 1), place)
    await rate(placed, till.release)
    return value


async def captures(ground: Ground) -> float:
    """The median of committing one sale that captures a hold, in milliseconds."""
    till = Till(await _main(ground))
    asks = [_sale(number, await till.hold(number)) for number in range(1, TRIES + 1)]
    return await median_ms(asks, till.capture)


def _sale(number: int, hold: str) -> CommitRequest:
    sold = datetime.now(UTC) - timedelta(minutes=5)
    receipt = TillKey(
        store="shibuya", till="1", business_date=sold.date(), receipt_number=uuid4().hex
    )
    return CommitRequest(
        sale=receipt,
        sold_at=sold,
        member=member_id(TILL, number),
        hold=hold,
        points_used=1,
        lines=(LineItem(id="1", quantity=1, amount=5_500, tax_rate=1000),),
    )


async def prepare_long_statement(ground: Ground) -> None:
    """A member with so many entries."""
    await prepare(ground)
    hub = await _main(ground)
    sold = sales_and_cancellations(LONG, SHOPS[LONG], ENTRIES // 2, OPEN_LOTS)
    await ground.once("long", lambda: _take_all(hub, sold))


async def explanation(ground: Ground) -> float:
    """The median of a member's whole statement with its explanation, in milliseconds."""
    hub = await _main(ground)
    booking = Booking(hub.database, RING, hub.ledger, str, int)

    async def ask(member: str) -> None:
        assert len(await explain(booking, member)) >= ENTRIES

    return await median_ms([member_id(LONG, 1)] * STATEMENTS, ask)


async def verification(ground: Ground) -> float:
    """Postings per second of a whole `renkei ledger verify` of what this bench has booked."""
    database = await ground.database(MAIN, SHOPS)
    async with database.begin() as conn:
        count = (await conn.execute(text("SELECT count(*) FROM posting"))).scalar_one()
    started = time.perf_counter()
    report = await verify_database(database.engine)
    elapsed = time.perf_counter() - started
    assert report.findings == (), report.findings[:3]
    return float(count) / elapsed
