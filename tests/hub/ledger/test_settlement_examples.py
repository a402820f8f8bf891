"""The worked examples of the ledger, row by row, through the real commands on a real database.

The dates of the examples are real, too: in these databases ``clock_timestamp()``, the hub's only
clock for booking, is a function that reads a table, and a test moves it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import TillRefused
from renkei.ledger.verify import verify
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.members import MemberBalance, balance
from renkei.services.till import Terminal, TillService
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitAnswer, CommitRequest, HoldRequest, QuoteRequest

TOKYO = ZoneInfo("Asia/Tokyo")

PROGRAM = Program(usable="next_day", expires_months=5)
"""1 point per full ¥100 net of tax, usable next day, over 5 months later; 1 point is ¥1."""

PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES ('default', 2, '1970-01-01Z', CAST(:document AS json))"""

CLOCK = (
    "CREATE SCHEMA clock",
    "CREATE TABLE clock.reading (at timestamptz NOT NULL)",
    "INSERT INTO clock.reading VALUES (now())",
    "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql "
    "AS 'SELECT at FROM clock.reading'",
    "GRANT USAGE ON SCHEMA clock TO PUBLIC",
    "GRANT SELECT ON clock.reading TO PUBLIC",
)

LOTS = """
SELECT order_ref, sum(available), sum(held) FROM lot GROUP BY order_ref ORDER BY order_ref"""


def tokyo(day: str, hour: int = 12) -> datetime:
    """That hour of a day in Japan."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), TOKYO) + timedelta(
        hours=hour
    )


def line(amount: int, *, id: str = "1", rate: int = 1000, included: bool = False) -> LineItem:
    """A line, its amount net of tax unless it says otherwise."""
    return LineItem(id=id, quantity=1, amount=amount, tax_rate=rate, tax_included=included)


def returned(sold: LineItem, amount: int) -> LineItem:
    """The line with that much of it given back."""
    return sold.model_copy(update={"returned_amount": amount})


def ref(id: str, connection: str = "cart") -> ExternalRef:
    """A thing at a channel."""
    return ExternalRef(connection=connection, id=id)


def order(id: str, *lines: LineItem, placed: datetime, version: int = 1, **more: Any) -> Order:
    """An order of the customer as its ``version`` tells it."""
    fields = {
        "ref": ref(id),
        "changed_at": placed + timedelta(minutes=version),
        "placed_at": placed,
        "state": OrderState.PAID,
        "customer": ref("c1"),
        "lines": lines,
    }
    return Order.model_validate(fields | more)


def paying(id: str, points: int, placed: datetime) -> Order:
    """An order that is paid in points to the last yen, so that it earns nothing."""
    goods = line(points, included=True)
    return order(id, goods, placed=placed, points_used=points, points_value=points)


@dataclass
class Shop:
    """The hub at a moment that the test chooses, and one member of it."""

    booking: Booking
    till: TillService
    terminal: Terminal
    owner: AsyncEngine
    member: str = ""

    async def at(self, moment: datetime) -> datetime:
        """Move the database's clock."""
        async with self.owner.begin() as conn:
            await conn.execute(text("UPDATE clock.reading SET at = :at"), {"at": moment})
        return moment

    async def settle(self, *seen: Order) -> list[str]:
        """The orders arrive one after the other; gives what came of each."""
        return [
            (await self.booking.settle(one, read_at=None, delivery_key=None)).outcome
            for one in seen
        ]

    async def earn(self, id: str, points: int, day: str) -> None:
        """The member buys on that day, and the order arrives at once."""
        await self.settle(order(id, line(points * 100), placed=await self.at(tokyo(day))))

    async def commit(self, points: int, *lines: LineItem, **more: Any) -> CommitAnswer:
        """The register sells to the member, on 1 November by its calendar."""
        sale = TillKey(
            store="shibuya", till="1", business_date=date(2026, 11, 1), receipt_number="r1"
        )
        fields = {"sale": sale, "member": self.member, "points_used": points, "lines": lines}
        sold = {"sold_at": tokyo("2026-11-10")}
        return await self.till.commit(
            self.terminal, CommitRequest.model_validate(fields | sold | more)
        )

    async def hold(self, points: int, key: str = "h1") -> str:
        """The register sets points aside."""
        ask = HoldRequest(key=key, member=self.member, points=points)
        return (await self.till.hold(self.terminal, ask)).hold

    async def balance(self) -> MemberBalance:
        """What the member has at this moment."""
        return await balance(self.booking, self.member)

    async def lots(self) -> dict[str, tuple[int, int]]:
        """By order: (available, held) of the lots it made."""
        rows = await self.rows(LOTS)
        return {row[0]: (int(row[1]), int(row[2])) for row in rows}

    async def rows(self, statement: str) -> list[Any]:
        """Whatever the database says."""
        async with self.booking.database.begin() as conn:
            return list((await conn.execute(text(statement))).all())


@pytest.fixture
async def moved_clock(owner_engine: AsyncEngine, database_name: str) -> AsyncEngine:
    """Sessions opened from now on read the hub's time from a table."""
    path = f"ALTER DATABASE {database_name} SET search_path = clock, pg_catalog, public"
    async with owner_engine.begin() as conn:
        for statement in (*CLOCK, path):
            await conn.execute(text(statement))
    return owner_engine


@pytest.fixture
async def shop(
    moved_clock: AsyncEngine, booking: Booking, till: TillService, terminal: Terminal
) -> AsyncIterator[Shop]:
    """The example program and its member in June 2026; at the end the books must hold."""
    shop = Shop(booking, till, terminal, moved_clock)
    joined = await shop.at(tokyo("2026-06-01"))
    async with booking.database.begin() as conn:
        assert (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one() == joined
        await conn.execute(text(PUBLISH), {"document": PROGRAM.model_dump_json()})
    shop.member = (await booking.enrol(Member(ref=ref("c1"), changed_at=joined))).member
    yield shop
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


A_PLACED = tokyo("2026-11-01")
FIRST, SECOND = line(1250), line(2050, id="2")
A1 = order("A", FIRST, SECOND, placed=A_PLACED)
A2 = order("A", returned(FIRST, 1250), SECOND, placed=A_PLACED, version=2)
A3 = order("A", FIRST, SECOND, placed=A_PLACED, version=3, state=OrderState.CANCELLED)


async def test_row_1_an_order_seen_three_times_earns_once_floored_per_order(shop: Shop) -> None:
    await shop.at(A_PLACED)
    assert await shop.settle(A1, A1, A1) == ["settled", "unchanged", "unchanged"]
    assert await shop.lots() == {"A": (33, 0)}
    assert (await shop.balance()).spendable == 0
    await shop.at(tokyo("2026-11-02", 0))
    assert (await shop.balance()).spendable == 33


async def test_row_2_only_the_newest_state_counts_when_an_older_one_comes_late(
    shop: Shop,
) -> None:
    await shop.at(A_PLACED)
    assert await shop.settle(A1, A2, A1) == ["settled", "settled", "older"]
    assert await shop.lots() == {"A": (20, 0)}


async def test_row_3_a_cancelled_order_leaves_empty_lots_and_every_posting(shop: Shop) -> None:
    every_posting = "SELECT member_id, version, leg, rule, amount FROM posting"
    await shop.at(A_PLACED)
    await shop.settle(A1, A2)
    before = await shop.rows(every_posting)
    await shop.settle(A3)
    assert await shop.lots() == {"A": (0, 0)}
    assert (await shop.balance()).debt == 0
    assert set(await shop.rows(every_posting)) > set(before)


async def hold_150_and_capture_120(shop: Shop) -> None:
    """Row 4: L1 is over on 1 December, L2 on 1 March; on 10 November the till holds and sells."""
    await shop.earn("L1", 100, "2026-06-30")
    await shop.earn("L2", 400, "2026-09-28")
    await shop.at(tokyo("2026-11-10"))
    ends = await shop.rows("SELECT order_ref, expires_at FROM lot ORDER BY lot")
    assert ends == [("L1", tokyo("2026-12-01", 0)), ("L2", tokyo("2027-03-01", 0))]
    held = await shop.hold(150)
    assert await shop.lots() == {"L1": (0, 100), "L2": (350, 50)}
    answer = await shop.commit(120, line(120, included=True), hold=held)
    assert (answer.used, answer.earned) == (120, 0)


async def test_row_4_a_capture_of_part_of_a_hold_takes_the_first_lot_first(shop: Shop) -> None:
    await hold_150_and_capture_120(shop)
    assert await shop.lots() == {"L1": (0, 0), "L2": (380, 0)}
    assert await shop.rows("SELECT how, captured FROM hold_end") == [("captured", 120)]
    released = "SELECT sum(amount) FROM posting WHERE rule = 'hold.release'"
    assert await shop.rows(released) == [(30,)]


async def test_row_5_half_a_return_gives_points_back_in_the_reverse_order_of_use(
    shop: Shop,
) -> None:
    await hold_150_and_capture_120(shop)
    await shop.at(tokyo("2026-11-30"))
    half = returned(line(120, included=True), 60)
    answer = await shop.commit(60, half, revision=2, occurred=True)
    assert answer.used == 60
    assert await shop.lots() == {"L1": (40, 0), "L2": (400, 0)}


async def test_row_6_an_overdraft_by_a_fact_is_debt_that_the_next_earn_repays_first(
    shop: Shop,
) -> None:
    await shop.earn("stock", 440, "2026-10-01")
    today = await shop.at(tokyo("2026-11-10"))
    assert (await shop.balance()).spendable == 440
    assert await shop.settle(paying("overdraft", 500, today)) == ["settled"]
    now = await shop.balance()
    assert (now.spendable, now.debt, await shop.lots()) == (0, -60, {"stock": (0, 0)})
    assert await shop.rows("SELECT kind, order_ref FROM alert") == [("overdraft", "overdraft")]
    await shop.settle(order("next", line(10_000), placed=today))
    now = await shop.balance()
    assert (now.spendable, now.debt) == (0, 0)
    assert await shop.lots() == {"next": (40, 0), "stock": (0, 0)}
    await shop.at(tokyo("2026-11-11", 0))
    assert (await shop.balance()).spendable == 40


async def test_row_7_a_second_hold_beyond_the_balance_leaves_every_table_as_it_was(
    shop: Shop, every_row: Callable[[], Awaitable[dict[str, str]]]
) -> None:
    await shop.earn("stock", 500, "2026-10-01")
    await shop.at(tokyo("2026-11-10"))
    await shop.hold(300)
    before = await every_row()
    the_cart = Terminal("crt_1", "cart", "", "")
    with pytest.raises(TillRefused, match="insufficient_points"):
        await shop.till.hold(the_cart, HoldRequest(key="h2", member=shop.member, points=300))
    assert await every_row() == before


@pytest.mark.parametrize(
    ("points", "shares", "remaining", "tax", "earns"),
    [
        pytest.param(218, [108, 110], [972, 990], [72, 90], 18, id="row_10"),
        pytest.param(100, [50, 50], [1030, 1050], [76, 95], 19, id="row_11"),
    ],
)
async def test_rows_10_and_11_points_divide_over_the_tax_rates_and_earn_nothing_themselves(
    shop: Shop, points: int, shares: list[int], remaining: list[int], tax: list[int], earns: int
) -> None:
    await shop.earn("stock", 300, "2026-10-01")
    await shop.at(tokyo("2026-11-10"))
    lines = (line(1080, rate=800, included=True), line(1100, id="2", included=True))
    quote = await shop.till.quote(
        shop.terminal, QuoteRequest(member=shop.member, lines=lines, points_wanted=points)
    )
    assert [rate.points_discount for rate in quote.rates] == shares
    assert [rate.total for rate in quote.rates] == remaining
    assert [rate.tax for rate in quote.rates] == tax
    answer = await shop.commit(points, *lines)
    assert (quote.earns, answer.earned, answer.used) == (earns, earns, points)


async def test_row_12_a_late_receipt_undoes_the_expiry_that_was_booked_meanwhile(
    shop: Shop,
) -> None:
    await shop.earn("L1", 100, "2026-06-30")
    await shop.at(tokyo("2026-12-01", 0))
    assert await shop.booking.expire_lots() == 100
    goods = line(100, included=True)
    await shop.commit(100, goods, sold_at=tokyo("2026-11-30"), occurred=True)
    rules = dict(await shop.rows("SELECT rule, sum(amount) FROM posting GROUP BY rule"))
    assert rules == {"earn": 100, "expire": 100, "expire.undo": 100, "redeem": 100}
    assert await shop.rows("SELECT sum(expired), sum(available) FROM lot") == [(0, 0)]
    assert (await shop.balance()).debt == 0
