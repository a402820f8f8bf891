"""A balance as of any instant, by what had happened and by what was known."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from renkei.ledger.books import Lot
from renkei.ledger.history import HoldPart, Moved, Standing, balance_at
from renkei.services.booking import Booking
from renkei.services.members.members import balance_at as member_balance_at
from renkei.services.points.corrections import Adjust, ImportBalance
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.point import Adjustment, BalanceImport

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = FIRST + 30 * DAY
LOTS = [Lot(1, "purchase", 100, FIRST, FIRST + DAY, DECEMBER, home="m")]


def moved(rule: str, event: datetime, recorded: datetime, number: int = 1, **n: int) -> Moved:
    sums = {"pending": 0, "available": 0, "held": 0, "debt": 0} | n
    return Moved(("m", number), 1, rule, event, recorded, **sums)


def at(
    moves: list[Moved],
    when: datetime,
    known: datetime = DECEMBER + 99 * DAY,
    holds: tuple[HoldPart, ...] = (),
) -> Standing:
    return balance_at(LOTS, moves, holds, when, known)


def test_points_are_there_from_the_sale_and_spendable_from_the_next_day() -> None:
    moves = [moved("earn", FIRST, FIRST, available=100)]
    assert at(moves, FIRST - DAY).available == 0
    assert (at(moves, FIRST).available, at(moves, FIRST).spendable) == (100, 0)
    assert at(moves, FIRST + DAY).spendable == 100


def test_points_are_over_when_their_date_says_so_and_not_when_a_job_books_it() -> None:
    moves = [
        moved("earn", FIRST, FIRST, available=100),
        moved("expire", DECEMBER + DAY, DECEMBER + DAY, available=-100),
    ]
    assert at(moves, DECEMBER - timedelta(seconds=1)).spendable == 100
    assert (at(moves, DECEMBER).available, at(moves, DECEMBER).spendable) == (0, 0)
    assert at(moves, DECEMBER + 2 * DAY).available == 0


def test_a_hold_is_over_when_its_time_is_and_not_when_a_job_books_it() -> None:
    placed, over, booked = FIRST + 2 * DAY, FIRST + 3 * DAY, FIRST + 5 * DAY
    moves = [
        moved("earn", FIRST, FIRST, available=100),
        Moved(("m", 1), 2, "hold.place", placed, placed, 0, -40, 40, 0),
        Moved(("m", 1), 3, "hold.lapse", over, booked, 0, 40, -40, 0),
    ]
    holds = (HoldPart("m", 2, over, 3),)
    for known in (over, booked):
        assert at(moves, placed, known, holds).spendable == 60
        found = at(moves, over, known, holds)
        assert (found.spendable, found.held) == (100, 0)


def test_a_receipt_told_late_counts_when_it_happened_and_was_unknown_before_it_was_told() -> None:
    used, told = FIRST + 20 * DAY, DECEMBER + 5 * DAY
    moves = [
        moved("earn", FIRST, FIRST, available=100),
        moved("expire", DECEMBER, DECEMBER, available=-100),
        moved("expire.undo", used, told, available=100),
        moved("redeem", used, told, available=-100),
    ]
    assert at(moves, used).spendable == 0
    assert at(moves, used, known=told - DAY).spendable == 100
    assert at(moves, used - DAY).spendable == 100


def test_debt_counts_against_what_is_there_and_never_below_zero() -> None:
    moves = [
        moved("earn", FIRST, FIRST, available=100),
        moved("debt.take", FIRST + DAY, FIRST + DAY, number=0, debt=-30),
    ]
    assert (at(moves, FIRST + DAY).debt, at(moves, FIRST + DAY).spendable) == (-30, 70)
    assert at([moves[1]], FIRST + DAY).spendable == 0


async def test_the_ledger_answers_for_any_instant_on_both_clocks(booking: Booking) -> None:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=FIRST)
    member = (await booking.enrol(seen)).member
    now = datetime.now(UTC)
    brought = BalanceImport(member=member, key="i", points=100, granted_at=now, source="old")
    await booking.committer.submit(ImportBalance(brought, booking.ring))
    async with booking.database.begin() as conn:
        between = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    late = Adjustment(member=member, key="a", points=50, reason="r", by="b", occurred_at=now - DAY)
    await booking.committer.submit(Adjust(late, booking.ring))

    async def there(at: datetime, known_at: datetime | None = None) -> int:
        return (await member_balance_at(booking, member, at, known_at)).spendable

    assert await there(datetime.now(UTC)) == 150
    assert await there(now - timedelta(hours=2)) == 50
    assert await there(now - 2 * DAY) == 0
    assert await there(datetime.now(UTC), between) == 100
    assert await there(now - timedelta(hours=2), between) == 0


@pytest.mark.parametrize("rule", ["earn", "redeem"])
def test_nothing_recorded_later_is_known_earlier(rule: str) -> None:
    moves = [moved(rule, FIRST, FIRST + DAY, available=5)]
    assert at(moves, FIRST + DAY, known=FIRST).available == 0
