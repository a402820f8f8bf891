"""Rewards: points become a coupon at once or not at all, and come back for an unused one."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import BookingRefused, KeyReused, UnknownMember
from renkei.ledger.books import Channel
from renkei.ledger.coupons import IssuedCoupon, coupon_of
from renkei.ledger.queries import COUPONS
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.activity import BookActivity
from renkei.services.members.members import balance, explain
from renkei.services.members.merge import MergeMembers
from renkei.services.points.rewards import ExchangeReward, ReturnReward
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.point import ActivitySeen, RewardAnswer, RewardExchange
from renkei_contracts.till import CommitRequest, CouponHoldRequest, HoldRequest

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)
JAN = "4900000000018"

STARS = {
    "coupons": [
        {"name": "free-drink", "gift": JAN},
        {"name": "once", "yen": 100, "per_member": 1},
    ],
    "rewards": [
        {"name": "drink", "points": 150, "coupon": "free-drink"},
        {"name": "once", "points": 10, "coupon": "once"},
    ],
    "point_types": [{"name": "store-only", "only_at": ["pos"]}],
    "activities": [{"name": "check-in", "points": 80, "point_type": "store-only"}],
}


@pytest.fixture
async def member(booking: Booking) -> str:
    """A member with 300 points in two lots."""
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(STARS)},
        )
    seen = Member(ref=ExternalRef(connection="cart", id="a"), changed_at=PLACED)
    member = (await booking.enrol(seen)).member
    for n, points in enumerate((100, 200)):
        await buys(booking, f"stock-{n}", points)
    return member


async def buys(booking: Booking, id: str, points: int, **more: Any) -> None:
    line = LineItem(id="1", quantity=1, amount=points * 110, tax_rate=1000)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": PLACED,
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="a"),
        "lines": (line,),
    }
    await booking.settle(Order(**(fields | more)), read_at=None, delivery_key=None)


async def exchange(
    booking: Booking, member: str, key: str = "k", reward: str = "drink"
) -> RewardAnswer:
    ask = RewardExchange(key=key, source="app", member=member, reward=reward)
    command = ExchangeReward(ask, booking.new_id("seed"), Channel("app"))
    answer: RewardAnswer = await booking.committer.submit(command)
    return answer


async def coupon(booking: Booking, code: str) -> IssuedCoupon:
    async with booking.database.begin() as conn:
        row = (await conn.execute(text(COUPONS), {"codes": json.dumps([code]), "keys": "[]"})).one()
    return coupon_of(row)


async def give_back(booking: Booking, code: str, channel: str = "app") -> RewardAnswer:
    command = ReturnReward(await coupon(booking, code), Channel(channel))
    answer: RewardAnswer = await booking.committer.submit(command)
    return answer


async def spendable(booking: Booking, member: str) -> int:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
    return (await balance(booking, member)).spendable


async def test_points_become_a_drink_that_the_till_makes_free(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    done = await exchange(booking, member)
    assert (done.points, done.spendable) == (150, 150)
    assert await exchange(booking, member) == done
    assert await spendable(booking, member) == 150
    lines = (
        LineItem(id="1", quantity=2, amount=864, tax_rate=800, jan=JAN),
        LineItem(id="2", quantity=1, amount=500, tax_rate=1000),
    )
    key = TillKey(store="shibuya", till="1", business_date=PLACED.date(), receipt_number="1")
    sale = CommitRequest(
        sale=key, sold_at=PLACED, member=member, coupons=(done.coupon,), lines=lines
    )
    assert (await till.commit(terminal, sale)).coupon_value == 432
    last = [line.reasons for line in await explain(booking, member)]
    assert any(f"drink: {done.coupon}" in reasons for reasons in last)
    await spendable(booking, member)


async def test_an_unused_coupon_gives_the_points_back_to_their_lots_once(
    booking: Booking, member: str
) -> None:
    done = await exchange(booking, member)
    back = await give_back(booking, done.coupon)
    assert (back.points, back.spendable) == (0, 300)
    assert (await give_back(booking, done.coupon)).spendable == 300
    async with booking.database.begin() as conn:
        lots = (await conn.execute(text("SELECT lot, available FROM lot ORDER BY lot"))).all()
    assert [tuple(row) for row in lots] == [(1, 100), (2, 200)]
    assert await spendable(booking, member) == 300
    assert (await exchange(booking, member, "k2")).spendable == 150


async def checks_in(booking: Booking, member: str) -> None:
    """80 points that can be spent at ``pos`` alone."""
    seen = ActivitySeen(key="1", source="app", member=member, kind="check-in", occurred_at=PLACED)
    await booking.committer.submit(BookActivity(seen))


async def test_a_coupon_is_paid_and_given_back_in_points_that_the_channel_may_spend(
    booking: Booking, member: str
) -> None:
    await checks_in(booking, member)
    assert (await exchange(booking, member, "k1")).spendable == 150
    last = await exchange(booking, member, "k2")
    assert last.spendable == 0
    with pytest.raises(BookingRefused, match="can use 0"):
        await exchange(booking, member, "k3", "once")
    assert (await give_back(booking, last.coupon)).spendable == 150
    assert (await give_back(booking, last.coupon, "pos")).spendable == 230


async def test_giving_back_again_counts_points_whose_hold_is_over(
    booking: Booking, till: TillService, terminal: Terminal, member: str, owner_engine: AsyncEngine
) -> None:
    done = await exchange(booking, member)
    await till.hold(terminal, HoldRequest(key="h1", member=member, points=100, ttl_seconds=600))
    assert (await give_back(booking, done.coupon)).spendable == 200
    async with owner_engine.begin() as conn:  # nobody waits ten minutes for a test
        await conn.execute(text("ALTER TABLE hold DISABLE TRIGGER frozen"))
        await conn.execute(text("UPDATE hold SET lapses_at = now()"))
    assert (await give_back(booking, done.coupon)).spendable == 300


async def test_an_exchange_keeps_sliding_points_alive_and_giving_it_back_does_not(
    booking: Booking, member: str
) -> None:
    rules = STARS | {"expiry": {"kind": "sliding", "months": 3, "slides_on": "use"}}
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 3, '1970-01-03Z', :d)"),
            {"d": json.dumps(rules)},
        )
    done = await exchange(booking, member)
    assert await activities(booking) == 1
    await give_back(booking, done.coupon)
    assert await activities(booking) == 1
    assert await spendable(booking, member) == 300


async def activities(booking: Booking) -> int:
    async with booking.database.begin() as conn:
        return int((await conn.execute(text("SELECT count(*) FROM activity"))).scalar_one())


async def test_giving_back_at_once_from_many_sides_gives_back_once(
    booking: Booking, member: str
) -> None:
    done = await exchange(booking, member)
    await asyncio.gather(*(give_back(booking, done.coupon) for _ in range(20)))
    assert await spendable(booking, member) == 300


async def test_a_coupon_that_is_used_or_set_aside_gives_nothing_back(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    done = await exchange(booking, member)
    await till.hold_coupon(terminal, CouponHoldRequest(code=done.coupon, member=member))
    with pytest.raises(BookingRefused, match="set aside"):
        await give_back(booking, done.coupon)
    key = TillKey(store="shibuya", till="1", business_date=PLACED.date(), receipt_number="1")
    line = LineItem(id="1", quantity=1, amount=432, tax_rate=800, jan=JAN)
    sale = CommitRequest(
        sale=key, sold_at=PLACED, member=member, coupons=(done.coupon,), lines=(line,)
    )
    await till.commit(terminal, sale)
    with pytest.raises(BookingRefused, match="used"):
        await give_back(booking, done.coupon)
    assert await spendable(booking, member) == 150


async def test_two_exchanges_at_once_never_take_points_that_are_not_there(
    booking: Booking, member: str
) -> None:
    asked = (exchange(booking, member, f"k{n}") for n in range(10))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, RewardAnswer) for one in answers) == 2
    assert all(isinstance(one, RewardAnswer | BookingRefused) for one in answers)
    assert await spendable(booking, member) == 0


async def test_points_of_everyone_who_is_merged_count_and_go_home_again(
    booking: Booking, member: str
) -> None:
    seen = Member(ref=ExternalRef(connection="cart", id="b"), changed_at=PLACED)
    other = (await booking.enrol(seen)).member
    await buys(booking, "b", 50, customer=ExternalRef(connection="cart", id="b"))
    await booking.committer.submit(MergeMembers(member, other, by="test"))
    await exchange(booking, other, "k1")
    second = await exchange(booking, other, "k2")
    assert second.spendable == 50
    assert (await give_back(booking, second.coupon)).spendable == 200
    assert await spendable(booking, other) == 200


async def test_what_cannot_be_exchanged_is_refused_and_leaves_nothing(
    booking: Booking, member: str, every_row: Any
) -> None:
    await exchange(booking, member, "first", "once")
    before = await every_row()
    for ask, refusal, said in (
        (("first", "drink"), KeyReused, "first"),
        (("k", "gold"), BookingRefused, "no reward gold"),
        (("k", "once"), BookingRefused, "at most 1 for each member"),
    ):
        with pytest.raises(refusal, match=said):
            await exchange(booking, member, *ask)
    with pytest.raises(UnknownMember):
        await exchange(booking, "mem_none")
    await exchange(booking, member, "second")
    middle = await every_row()
    with pytest.raises(BookingRefused, match="can use 140"):
        await exchange(booking, member, "third")
    assert (await every_row()) == middle
    assert before["coupon"] != middle["coupon"]
