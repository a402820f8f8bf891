"""A program whose points live as long as the member keeps coming, on the real database."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.ledger.verify import verify
from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.members.members import balance, explain
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState

DAY = timedelta(days=1)


@pytest.fixture
async def member(booking: Booking) -> str:
    rules = Program(expiry="sliding", expires_months=3).model_dump(mode="json")
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(rules)},
        )
        await conn.execute(text("UPDATE connection SET settles_from = '2020-01-01Z'"))
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=datetime.now(UTC))
    return (await booking.enrol(seen)).member


async def bought(booking: Booking, id: str, days_ago: int, used: int = 0) -> None:
    at = datetime.now(UTC) - days_ago * DAY
    line = LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000)
    order = Order(
        ref=ExternalRef(connection="cart", id=id),
        changed_at=at,
        placed_at=at,
        state=OrderState.PAID,
        customer=ExternalRef(connection="cart", id="c1"),
        lines=(line,),
        points_used=used,
        points_value=used,
    )
    await booking.settle(order, read_at=None, delivery_key=None)


async def left(booking: Booking, member: str) -> int:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
    return (await balance(booking, member)).spendable


async def test_points_live_while_the_member_comes_and_end_when_they_stay_away(
    booking: Booking, member: str
) -> None:
    await bought(booking, "a", 150)
    assert await left(booking, member) == 0
    await bought(booking, "b", 80)
    await bought(booking, "c", 1)
    assert await left(booking, member) == 300


async def test_the_job_finds_the_points_of_members_who_stayed_away(
    booking: Booking, member: str, owner_engine: AsyncEngine
) -> None:
    await bought(booking, "a", 1)
    assert await booking.expire_slid() == 0
    async with owner_engine.begin() as conn:  # nobody waits three months for a test
        for table, column in (("lot", "granted_at"), ("activity", "at")):
            await conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER frozen"))
            await conn.execute(
                text(f"UPDATE {table} SET {column} = {column} - interval '100 days'")
            )
    assert await booking.expire_slid() == 100
    assert await booking.expire_slid() == 0
    assert (await balance(booking, member)).spendable == 0


async def test_a_sale_that_is_told_late_brings_back_what_a_job_had_ended(
    booking: Booking, member: str
) -> None:
    await bought(booking, "a", 150)
    assert await left(booking, member) == 0
    await booking.expire_slid()
    await bought(booking, "late", 80)
    assert await left(booking, member) == 200
    rules = [line.rule for line in await explain(booking, member)]
    assert rules == ["earn", "expire", "expire.undo", "earn"]


async def test_a_visit_after_the_end_brings_nothing_back(booking: Booking, member: str) -> None:
    await bought(booking, "a", 150)
    await bought(booking, "b", 1)
    assert await left(booking, member) == 100
    assert await booking.expire_slid() == 0
