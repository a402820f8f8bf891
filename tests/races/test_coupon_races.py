"""Many tills want the same coupon at once: one of them gets it, the others are told so."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from race import (
    LANES,
    PROCESSES,
    Race,
    assert_books_hold,
    bought,
    commit_act,
    member_with,
    order_act,
    sale,
    scalar,
)
from sqlalchemy import text

from renkei.services.booking import Booking
from renkei.services.points.coupons import IssueCoupon
from renkei_contracts.order import OrderState
from renkei_contracts.point import CouponGrant

Run = Callable[..., Race]

EVERYWHERE = PROCESSES * LANES

RULES = {
    "coupons": [{"name": "fifty", "yen": 50}, {"name": "drink", "yen": 100}],
    "campaigns": [{"name": "visit", "coupon": "fifty"}],
    "rewards": [{"name": "drink", "points": 30, "coupon": "drink"}],
}

MEMBER = "SELECT FROM member FOR UPDATE"
"""What stands in the way of all: whoever is refused writes nothing, and would not wait later."""

STATES = "SELECT string_agg(what, ' ' ORDER BY n) FROM coupon_move"


@pytest.fixture
async def member(booking: Booking) -> str:
    """A member with 100 points, and rules that give coupons from now on."""
    member = await member_with(booking, 100)
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(RULES)},
        )
    return member


async def coupon(booking: Booking, member: str) -> str:
    grant = CouponGrant(member=member, coupon="fifty", occasion="test")
    return str((await booking.committer.submit(IssueCoupon(grant, "seed"))).code)


def with_coupon(member: str, receipt: str, code: str, till: str) -> Any:
    plain = sale(member, receipt, 80, till)
    return commit_act(plain.model_copy(update={"points_used": 0, "coupons": (code,)}))


async def test_a_code_at_every_till_at_once_is_used_by_one_sale(
    booking: Booking, run_race: Run, member: str
) -> None:
    code = await coupon(booking, member)
    acts = [with_coupon(member, f"r{n}", code, str(n % 8)) for n in range(EVERYWHERE * 2)]
    race = run_race(acts, lock=MEMBER)
    assert race.refusals == {"coupon_used": len(acts) - 1}
    assert await scalar(booking, STATES) == "captured"
    await assert_books_hold(booking)


async def test_of_many_tills_that_set_it_aside_one_does(
    booking: Booking, run_race: Run, member: str
) -> None:
    code = await coupon(booking, member)
    ask = {"code": code, "member": member}
    race = run_race(
        [("hold_coupon", {"till": str(n), "ask": ask}) for n in range(EVERYWHERE)], lock=MEMBER
    )
    assert race.refusals == {"coupon_held": EVERYWHERE - 1}
    assert await scalar(booking, STATES) == "held"
    await assert_books_hold(booking)


async def test_an_occasion_told_to_every_process_brings_one_coupon(
    booking: Booking, run_race: Run, member: str
) -> None:
    told = ("issue", {"member": member, "coupon": "fifty", "occasion": "birthday-2026"})
    race = run_race([told] * EVERYWHERE, lock=MEMBER)
    assert race.refusals == {}
    assert len({answer["code"] for answer in race.answers}) == 1
    assert await scalar(booking, "SELECT count(*) FROM coupon") == 1


async def test_one_order_told_many_times_brings_one_coupon_and_its_cancellation_takes_it_back(
    booking: Booking, run_race: Run, member: str
) -> None:
    placed = bought("o1", 1_000)
    cancelled = bought("o1", 1_000, tick=1).model_copy(update={"state": OrderState.CANCELLED})
    race = run_race([order_act(placed), order_act(cancelled)] * EVERYWHERE, lock=MEMBER)
    assert race.refusals == {}
    assert await scalar(booking, "SELECT count(*) FROM coupon") <= 1
    assert await scalar(booking, STATES) in (None, "taken_back")
    await assert_books_hold(booking)


async def test_exchanges_at_once_take_no_more_points_than_there_are(
    booking: Booking, run_race: Run, member: str
) -> None:
    asks = [
        {"key": f"k{n}", "source": "app", "member": member, "reward": "drink"}
        for n in range(EVERYWHERE)
    ]
    race = run_race([("exchange", ask) for ask in asks], lock=MEMBER)
    assert race.refusals == {"insufficient_points": EVERYWHERE - 3}
    assert await scalar(booking, "SELECT count(*) FROM coupon") == 3
    await assert_books_hold(booking)
