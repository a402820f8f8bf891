"""Merging is a pointer: points count together, keep their home, and are parted again lot by lot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import BookingRefused, TillRefused, UnknownMember
from renkei.ledger import loading
from renkei.ledger.books import Channel
from renkei.ledger.verify import verify
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.booking import Booking
from renkei.services.members.members import balance
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.points.corrections import Adjust, ImportBalance
from renkei.services.points.hold import LapseHolds, PlaceHold
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.trip import Answer, Statement, travel
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.point import Adjustment, BalanceImport
from renkei_contracts.till import CommitRequest, HoldRequest

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many statements each trip of loading had."""
    made: list[int] = []

    async def counted(
        conn: AsyncConnection, statements: Sequence[Statement], **how: bool
    ) -> list[Answer]:
        made.append(len(statements))
        return await travel(conn, statements, **how)

    monkeypatch.setattr(loading, "travel", counted)
    return made


@dataclass(frozen=True)
class AnHourLater:
    """The same command, decided when the database's clock is an hour further."""

    command: LapseHolds

    def needs(self) -> Needs:
        return self.command.needs()

    def decide(self, attempt: Attempt) -> int:
        attempt.world.now += timedelta(hours=1)
        return self.command.decide(attempt)


async def enrolled(booking: Booking, id: str) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id=id), changed_at=LONG_AGO)
    return (await booking.enrol(seen)).member


async def given(booking: Booking, member: str, points: int, days: int) -> None:
    """Points of an older system that end in so many days."""
    ends = datetime.now(UTC) + timedelta(days=days)
    ask = BalanceImport(
        member=member,
        key=f"{member}/{days}",
        points=points,
        granted_at=LONG_AGO,
        expires_at=ends,
        source="old",
    )
    await booking.committer.submit(ImportBalance(ask, booking.ring))


async def two(booking: Booking) -> tuple[str, str]:
    """A with 100 points that end soon, B with 100 that end later."""
    a, b = await enrolled(booking, "a"), await enrolled(booking, "b")
    await given(booking, a, 100, 10)
    await given(booking, b, 100, 90)
    return a, b


async def merge(booking: Booking, member: str, into: str) -> tuple[str, ...]:
    return (await booking.committer.submit(MergeMembers(member, into, "test"))).members


async def unmerge(booking: Booking, member: str) -> tuple[str, ...]:
    return (await booking.committer.submit(UnmergeMember(member, "test"))).members


def sale(number: str, member: str, **more: Any) -> CommitRequest:
    key = TillKey(store="shibuya", till="1", business_date=LONG_AGO.date(), receipt_number=number)
    line = LineItem(id="1", quantity=1, amount=90, tax_rate=1000)
    fields: dict[str, Any] = {
        "sale": key, "revision": 1, "member": member, "lines": (line,), "sold_at": LONG_AGO,
    }  # fmt: skip
    return CommitRequest(**(fields | more))


async def left(booking: Booking, *members: str) -> list[int]:
    return [(await balance(booking, member)).spendable for member in members]


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_group_spends_what_ends_first_and_parts_lot_by_lot(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    a, b = await two(booking)
    assert await merge(booking, b, a) == (a, b)
    assert await left(booking, a, b) == [200, 200]
    hold = await till.hold(terminal, HoldRequest(key="h", member=b, points=100))
    assert hold.spendable == 100
    line = LineItem(id="1", quantity=1, amount=100, tax_rate=1000)
    await till.commit(terminal, sale("1", b, hold=hold.hold, points_used=100, lines=(line,)))
    assert await unmerge(booking, b) == (b,)
    assert await left(booking, a, b) == [0, 100]
    await verified(booking)


async def test_merging_and_parting_changes_no_lot_and_no_history(booking: Booking) -> None:
    a, b = await two(booking)
    rows = """
        SELECT 'member', member_id, version, available, held, debt, chain::text FROM member
        UNION ALL SELECT 'lot', member_id, lot, available, held, granted, origin FROM lot
        UNION ALL SELECT 'txn', member_id, version, 0, 0, 0, kind FROM txn ORDER BY 1, 2, 3"""
    async with booking.database.begin() as conn:
        before = (await conn.execute(text(rows))).all()
    await merge(booking, b, a)
    await merge(booking, b, a)
    await unmerge(booking, b)
    async with booking.database.begin() as conn:
        assert (await conn.execute(text(rows))).all() == before


async def test_a_hold_over_two_homes_is_one_hold_also_after_they_part(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    a, b = await two(booking)
    await merge(booking, b, a)
    hold = await till.hold(terminal, HoldRequest(key="h", member=a, points=150))
    assert hold.spendable == 50
    await unmerge(booking, b)
    assert await left(booking, a, b) == [0, 50]
    line = LineItem(id="1", quantity=1, amount=120, tax_rate=1000)
    ask = sale("1", a, hold=hold.hold, points_used=120, lines=(line,))
    answer = await till.commit(terminal, ask)
    assert answer.used == 120
    assert await left(booking, a, b) == [0, 80]
    await till.commit(terminal, ask.model_copy(update={"revision": 2, "voided": True}))
    assert await left(booking, a, b) == [100, 100]
    await verified(booking)


async def test_a_released_hold_goes_back_to_both_homes(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    a, b = await two(booking)
    await merge(booking, b, a)
    hold = await till.hold(terminal, HoldRequest(key="h", member=b, points=150))
    assert (await till.release(terminal, hold.hold)).spendable == 200
    assert await left(booking, a, b) == [200, 200]
    await verified(booking)


async def test_the_parts_of_a_hold_lapse_in_each_home(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    a, b = await two(booking)
    await merge(booking, b, a)
    await till.hold(terminal, HoldRequest(key="h", member=b, points=150))
    await unmerge(booking, b)
    assert await booking.committer.submit(LapseHolds(a)) == 0
    assert await booking.committer.submit(AnHourLater(LapseHolds(a))) == 1
    assert await booking.committer.submit(AnHourLater(LapseHolds(b))) == 1
    assert await left(booking, a, b) == [100, 100]
    await verified(booking)


async def test_a_stranger_cannot_use_the_hold_of_another_group(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    a, b = await two(booking)
    hold = await till.hold(terminal, HoldRequest(key="h", member=b, points=50))
    line = LineItem(id="1", quantity=1, amount=50, tax_rate=1000)
    with pytest.raises(TillRefused, match="hold_of_other_member"):
        await till.commit(terminal, sale("1", a, hold=hold.hold, points_used=50, lines=(line,)))


async def test_no_channel_ever_sees_an_older_balance_version(booking: Booking) -> None:
    a, b = await two(booking)
    seen = [(await balance(booking, a)).version, (await balance(booking, b)).version]
    for _ in range(3):
        await merge(booking, b, a)
        together = (await balance(booking, a)).version
        assert together > max(seen)
        await unmerge(booking, b)
        seen = [(await balance(booking, a)).version, (await balance(booking, b)).version]
        assert min(seen) > together


async def test_a_debt_in_one_home_counts_against_the_whole_group(booking: Booking) -> None:
    a, b = await two(booking)
    ask = Adjustment(
        member=b, key="d", points=-130, reason="counted twice", by="tanaka", occurred=True
    )
    await booking.committer.submit(Adjust(ask, booking.ring))
    await merge(booking, b, a)
    assert await left(booking, a, b) == [70, 70]
    await unmerge(booking, b)
    assert await left(booking, a, b) == [100, 0]
    await verified(booking)


async def test_members_of_a_chain_of_merges_are_one_group_and_circles_cannot_be_made(
    booking: Booking,
) -> None:
    a, b = await two(booking)
    c = await enrolled(booking, "c")
    await merge(booking, b, a)
    assert set(await merge(booking, a, c)) == {a, b, c}
    assert set(await merge(booking, c, b)) == {a, b, c}
    assert await left(booking, c) == [200]
    assert set(await unmerge(booking, a)) == {a, b}
    assert await left(booking, c, b) == [0, 200]


async def test_merging_with_nobody_is_refused(booking: Booking) -> None:
    a = await enrolled(booking, "a")
    with pytest.raises(UnknownMember, match="mem_none"):
        await merge(booking, a, "mem_none")


async def test_members_of_two_programs_are_not_merged(booking: Booking) -> None:
    a, b = await two(booking)
    async with booking.database.begin() as conn:
        await conn.execute(text("INSERT INTO program VALUES ('other', 'Other', 'Asia/Tokyo')"))
        await conn.execute(
            text(
                "INSERT INTO member (member_id, program_id, created_at) "
                "VALUES ('mem_x', 'other', clock_timestamp())"
            )
        )
    with pytest.raises(BookingRefused, match="different programs"):
        await merge(booking, "mem_x", a)
    assert b


async def test_a_return_after_parting_goes_back_where_the_points_came_from(
    booking: Booking,
) -> None:
    a, b = await two(booking)
    await merge(booking, b, a)
    line = LineItem(id="1", quantity=1, amount=200, tax_rate=1000)
    order = Order(
        ref=ExternalRef(connection="cart", id="o1"),
        changed_at=datetime.now(UTC) - timedelta(minutes=2),
        placed_at=datetime.now(UTC) - timedelta(minutes=2),
        state=OrderState.PAID,
        customer=ExternalRef(connection="cart", id="b"),
        lines=(line,),
        points_used=150,
        points_value=150,
    )
    await booking.settle(order, read_at=None, delivery_key=None)
    await unmerge(booking, b)
    assert await left(booking, a, b) == [0, 50]
    less = {"changed_at": datetime.now(UTC) - timedelta(minutes=1), "points_used": 30}
    await booking.settle(order.model_copy(update=less), read_at=None, delivery_key=None)
    assert await left(booking, a, b) == [70, 100]
    await verified(booking)


async def test_a_member_who_counts_alone_is_loaded_in_one_trip_and_a_merged_one_with_the_others(
    booking: Booking, trips: list[int]
) -> None:
    a, b = await two(booking)
    hold = HoldRequest(key="h1", member=b, points=30)
    trips.clear()
    await booking.committer.submit(PlaceHold(hold, "pos", Channel("pos")))
    assert len(trips) == 1
    await merge(booking, b, a)
    trips.clear()
    more = HoldRequest(key="h2", member=b, points=150)
    answer = await booking.committer.submit(PlaceHold(more, "pos", Channel("pos")))
    assert len(trips) == 3
    assert (answer.points, answer.spendable) == (150, 20)
