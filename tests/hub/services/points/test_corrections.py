"""Adjustments, imports, exchanges, write-offs: once per key, refused with a reason, explained."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import BookingRefused, KeyReused, PeriodNotOpen, RequestInvalid, UnknownMember
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.members import balance, balance_at, explain
from renkei.services.personal import opened_note
from renkei.services.points.corrections import Adjust, ExchangePoints, ImportBalance, WriteOffDebt
from renkei.services.rules import asked
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.point import (
    Adjustment,
    BalanceImport,
    Corrected,
    PointsExchange,
    WriteOff,
)

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
async def member(booking: Booking) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=LONG_AGO)
    return (await booking.enrol(seen)).member


async def adjust(booking: Booking, member: str, points: int, key: str, **more: Any) -> Corrected:
    fields = {"member": member, "key": key, "points": points, "reason": "お詫び", "by": "田中"}
    ask = asked(Adjustment, **(fields | more))
    answer: Corrected = await booking.committer.submit(Adjust(ask, booking.ring))
    return answer


async def left(booking: Booking, member: str) -> tuple[int, int]:
    found = await balance(booking, member)
    return found.spendable, found.debt


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_the_same_key_books_once_and_gives_the_first_answer(
    booking: Booking, member: str
) -> None:
    first = await adjust(booking, member, 50, "k1")
    assert await adjust(booking, member, 50, "k1") == first
    with pytest.raises(KeyReused, match="k1"):
        await adjust(booking, member, 51, "k1")
    assert await left(booking, member) == (50, 0)
    await verified(booking)


async def test_points_are_taken_only_as_far_as_they_are_there_unless_it_has_happened(
    booking: Booking, member: str
) -> None:
    await adjust(booking, member, 50, "k1")
    with pytest.raises(BookingRefused, match="can spend 50, not 60"):
        await adjust(booking, member, -60, "k2")
    await adjust(booking, member, -60, "k2", occurred=True)
    assert await left(booking, member) == (0, -10)
    await verified(booking)


async def test_a_write_off_forgives_no_more_than_is_owed(booking: Booking, member: str) -> None:
    await adjust(booking, member, -60, "k1", occurred=True)
    fields = {"member": member, "reason": "時効", "by": "田中"}
    with pytest.raises(BookingRefused, match="owes 60, not 61"):
        await booking.committer.submit(
            WriteOffDebt(WriteOff(key="w", points=61, **fields), booking.ring)
        )
    await booking.committer.submit(
        WriteOffDebt(WriteOff(key="w", points=60, **fields), booking.ring)
    )
    assert await left(booking, member) == (0, 0)
    await verified(booking)


async def test_imported_points_keep_the_dates_of_the_old_system(
    booking: Booking, member: str
) -> None:
    past, soon = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=30)
    for key, ends in (("over", past), ("soon", soon), ("never", None)):
        ask = BalanceImport(
            member=member,
            key=key,
            points=100,
            granted_at=LONG_AGO,
            expires_at=ends,
            source="旧システム",
        )
        await booking.committer.submit(ImportBalance(ask, booking.ring))
    assert await left(booking, member) == (200, 0)
    rules = [line.rule for line in await explain(booking, member)]
    assert rules == ["import", "expire", "import", "import"]
    await verified(booking)


async def test_points_go_to_a_partner_only_as_far_as_they_are_there(
    booking: Booking, member: str
) -> None:
    async def exchange(key: str, points: int) -> Corrected:
        ask = PointsExchange(member=member, key=key, points=points, partner="dpoint")
        answer: Corrected = await booking.committer.submit(ExchangePoints(ask, booking.ring))
        return answer

    assert (await exchange("in", 100)).spendable == 100
    with pytest.raises(BookingRefused):
        await exchange("out", -101)
    assert (await exchange("out", -70)).spendable == 30
    await verified(booking)


async def test_an_inflow_repays_debt_before_it_can_be_spent(booking: Booking, member: str) -> None:
    await adjust(booking, member, -60, "k1", occurred=True)
    await adjust(booking, member, 100, "k2")
    assert await left(booking, member) == (40, 0)
    rules = [line.rule for line in await explain(booking, member)]
    assert rules == ["debt.take", "adjust.up", "debt.repay"]


async def test_who_decided_and_why_is_sealed_beside_the_chain(
    booking: Booking, member: str
) -> None:
    await adjust(booking, member, 50, "k1")
    async with booking.database.begin() as conn:
        note = (await conn.execute(text("SELECT sealed FROM txn_note"))).scalar_one()
        wrapped = (await conn.execute(text("SELECT wrapped FROM member_key"))).scalar_one()
        everything = (await conn.execute(text("SELECT t::text FROM txn t"))).scalar_one()
    key = booking.ring.unwrap(member, bytes(wrapped))
    assert opened_note(booking.ring, key, member, bytes(note)) == {"reason": "お詫び", "by": "田中"}
    assert "田中" not in everything
    await verified(booking)


async def test_a_named_month_must_be_open(booking: Booking, member: str) -> None:
    month = datetime.now(UTC).strftime("%Y-%m")
    with pytest.raises(PeriodNotOpen, match="2020-01"):
        await adjust(booking, member, 50, "k1", period="2020-01")
    assert await left(booking, member) == (0, 0)
    await adjust(booking, member, 50, "k1", period=month)


async def test_nobody_gets_points_who_is_not_a_member(booking: Booking) -> None:
    with pytest.raises(UnknownMember, match="mem_none"):
        await adjust(booking, "mem_none", 50, "k1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("points", 0),
        ("points", 2**53 + 1),
        ("points", 1.5),
        ("points", "10"),
        ("points", True),
        ("occurred_at", datetime(2026, 11, 1)),  # noqa: DTZ001 - a naive time is the point
        ("key", ""),
        ("period", "2026-13"),
    ],
)
async def test_a_value_that_cannot_be_booked_is_named(
    booking: Booking, member: str, field: str, value: Any
) -> None:
    with pytest.raises(RequestInvalid) as refusal:
        await adjust(booking, member, **({"points": 5, "key": "k"} | {field: value}))
    assert refusal.value.field == field
    assert refusal.value.value == value
    assert await explain(booking, member) == []


async def test_a_time_that_no_shop_has_reached_is_refused(booking: Booking, member: str) -> None:
    future = datetime.now(UTC) + timedelta(days=3)
    with pytest.raises(RequestInvalid, match="occurred_at"):
        await adjust(booking, member, 5, "k", occurred_at=future)
    assert await explain(booking, member) == []


async def test_only_what_has_occurred_takes_points_in_the_past(
    booking: Booking, member: str
) -> None:
    await adjust(booking, member, 50, "k1")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(RequestInvalid, match="occurred"):
        await adjust(booking, member, -5, "k2", occurred_at=yesterday)
    await adjust(booking, member, -5, "k2", occurred_at=yesterday, occurred=True)
    assert await left(booking, member) == (45, 0)


async def test_imported_points_were_there_since_they_were_granted(
    booking: Booking, member: str
) -> None:
    ask = BalanceImport(member=member, key="i", points=100, granted_at=LONG_AGO, source="old")
    await booking.committer.submit(ImportBalance(ask, booking.ring))
    assert (await balance_at(booking, member, LONG_AGO)).available == 100
    assert (await balance_at(booking, member, LONG_AGO - timedelta(days=1))).available == 0


async def test_nobody_has_or_owes_more_than_an_amount(booking: Booking, member: str) -> None:
    await adjust(booking, member, 999_999_999_999, "k1")
    with pytest.raises(BookingRefused, match="more than 999999999999"):
        await adjust(booking, member, 1, "k2")
    assert await left(booking, member) == (999_999_999_999, 0)
