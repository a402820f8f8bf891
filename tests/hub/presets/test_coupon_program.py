"""A year in a program of coupons such as UNIQLO's."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from renkei.errors import TillRefused
from renkei.ledger.books import Channel
from renkei.loyalty.program import Program
from renkei.services.apps.application import quote
from renkei.services.points.coupon_holds import HoldCoupon
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.application import CartQuote
from renkei_contracts.order import LineItem
from renkei_contracts.till import CouponHoldRequest

PRESET = "coupon-program"

JAPAN = ZoneInfo("Asia/Tokyo")
CART = Terminal("app_1", "cart", "", "")


async def test_a_code_shown_in_a_store_brings_a_coupon_for_the_next_visit_to_a_store(
    walk: Any, till: TillService
) -> None:
    walk.on("2025-03-01", "21:00")
    first = await walk.rings(5_000, till)
    assert (first.earned, [one.name for one in first.issued]) == (0, ["next-visit"])
    [(code, _, starts, ends)] = await walk.coupons()
    assert starts == datetime(2025, 3, 2, tzinfo=JAPAN)
    assert ends == datetime(2025, 4, 1, tzinfo=JAPAN)
    with pytest.raises(TillRefused, match="coupon_not_usable"):
        await walk.rings(5_000, till, coupons=(code,))
    walk.on("2025-03-31", "23:59")
    done = await walk.rings(5_000, till, coupons=(code,))
    assert (done.coupon_value, [one.name for one in done.issued]) == (500, ["next-visit"])
    with pytest.raises(TillRefused, match="coupon_used"):
        await walk.rings(5_000, till, coupons=(code,))
    late = done.issued[0].code
    walk.on("2025-05-01", "00:00")
    with pytest.raises(TillRefused, match="coupon_not_usable"):
        await walk.rings(5_000, till, coupons=(late,))


async def test_through_a_year_each_visit_uses_the_last_ones_coupon(
    walk: Any, till: TillService
) -> None:
    codes: tuple[str, ...] = ()
    for visit in range(13):
        walk.now += timedelta(days=28)
        done = await walk.rings(4_000, till, coupons=codes)
        assert (done.coupon_value, done.earned) == (500 * len(codes), 0)
        codes = tuple(one.code for one in done.issued)
        assert len(codes) == 1, visit
    assert len(await walk.coupons()) == 13
    assert await walk.has() == 0


async def test_the_coupon_is_for_a_store_and_not_for_the_site(walk: Any, till: TillService) -> None:
    await walk.rings(5_000, till)
    walk.on("2025-01-02")
    [(code, _, _, _)] = await walk.coupons()
    ask = CouponHoldRequest(code=code, member=walk.member)
    with pytest.raises(TillRefused, match="coupon_not_usable"):
        await walk.submit(HoldCoupon(ask, Channel("cart"), "cart"))
    await walk.submit(HoldCoupon(ask, Channel("pos", "shibuya"), "pos/shibuya/1"))
    assert (await walk.rings(5_000, till, coupons=(code,))).coupon_value == 500


async def test_a_day_brings_one_coupon_a_stranger_and_the_site_none(
    walk: Any, till: TillService
) -> None:
    walk.on("2025-03-01", "00:00")
    await walk.rings(5_000, till)
    walk.on("2025-03-01", "23:59")
    assert (await walk.rings(5_000, till)).issued == ()
    walk.on("2025-03-02", "00:00")
    assert (await walk.rings(5_000, till, member=None)).issued == ()
    assert await walk.buys(5_000) == 0
    assert len(await walk.coupons()) == 1
    assert len((await walk.rings(5_000, till)).issued) == 1


@pytest.mark.parametrize(
    ("yen", "pickup", "free"),
    [(4_989, False, False), (4_990, False, True), (4_989, True, True), (100, True, True)],
)
async def test_what_is_collected_in_a_store_ships_free_below_the_line(
    walk: Any, till: TillService, yen: int, pickup: bool, free: bool
) -> None:
    line = LineItem(id="1", quantity=1, amount=yen, tax_rate=1000)
    ask = CartQuote(member=walk.member, lines=(line,), pickup=pickup)
    assert (await quote(till, CART, ask)).ships_free is free


async def test_a_condition_knows_what_is_collected_in_a_store(walk: Any) -> None:
    pickup = {"name": "pick-up", "when": "order.pickup", "fixed": 5}
    await walk.publishes(Program.model_validate({"campaigns": [pickup]}))
    assert [await walk.buys(99, pickup=collected) for collected in (True, False)] == [5, 0]
