"""A year in a program of stars such as Starbucks Rewards."""

from typing import Any

import pytest

from renkei.errors import BookingRefused
from renkei.loyalty.law import warnings
from renkei.services.setup.programs import preset, read
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.order import LineItem, Tender
from renkei_contracts.till import QuoteRequest

PRESET = "stars-program"

DRINK = LineItem(id="1", quantity=1, amount=540, tax_rate=800, jan="4900000000018")


def paid_by(kind: str, yen: int) -> dict[str, Any]:
    return {"tenders": (Tender(kind=kind, amount=yen),)}


CARD = paid_by("registered-card", 500)


async def test_the_registered_card_earns_stars_in_the_store_and_by_mobile_order_and_cash_none(
    walk: Any, till: TillService
) -> None:
    await walk.connects("mobile-order")
    assert (await walk.rings(500, till, **CARD)).earned == 10
    assert (await walk.rings(500, till, **paid_by("cash", 500))).earned == 0
    assert await walk.buys(549, "mobile-order", **CARD) == 10
    assert await walk.has() == 20


async def test_stars_become_a_drink_at_once_that_the_till_makes_free(
    walk: Any, till: TillService
) -> None:
    await walk.rings(7_499, till, **CARD)
    with pytest.raises(BookingRefused, match="can use 149"):
        await walk.exchanges("drink")
    await walk.rings(50, till, **CARD)
    done = await walk.exchanges("drink")
    assert done.spendable == 0
    drink = await walk.rings(540, till, coupons=(done.coupon,), lines=(DRINK,), **CARD)
    assert (drink.coupon_value, drink.earned) == (540, 0)
    assert await walk.has() == 0


async def test_a_rank_gives_a_free_drink_and_the_next_a_limited_perk(
    walk: Any, till: TillService
) -> None:
    await walk.buys(12_499, **CARD)
    assert await walk.reaches() == []
    await walk.buys(50, **CARD)
    assert (await walk.reaches(), await walk.tier()) == (["gold"], "gold")
    [(code, kind, _, _)] = await walk.coupons()
    assert kind == "free-drink"
    drink = await walk.rings(540, till, coupons=(code,), lines=(DRINK,))
    assert drink.coupon_value == 540
    walk.on("2025-11-30")
    await walk.buys(37_500, **CARD)
    assert (await walk.reaches(), await walk.reaches()) == (["reserve"], [])
    assert [one[1] for one in await walk.coupons()] == ["free-drink", "limited-perk"]


async def test_stars_live_six_months_and_those_of_a_rank_twelve(walk: Any) -> None:
    walk.on("2025-02-10")
    await walk.buys(15_000, **CARD)
    walk.on("2025-02-11")
    await walk.buys(5_000, **CARD)
    walk.on("2025-08-10", "23:59")
    assert await walk.has() == 400
    walk.on("2025-08-11", "00:00")
    assert (await walk.has(), await walk.loses()) == (100, 300)
    walk.on("2026-02-11", "23:59")
    assert await walk.has() == 100
    walk.on("2026-02-12", "00:00")
    assert (await walk.has(), await walk.loses()) == (0, 100)


async def test_a_rank_is_kept_a_year_after_it_was_last_earned(walk: Any) -> None:
    walk.on("2025-02-10")
    await walk.buys(15_000, **CARD)
    walk.on("2026-02-10", "23:59")
    assert await walk.tier() == "gold"
    walk.on("2026-02-11", "00:00")
    assert await walk.tier() == ""


async def test_stars_pay_no_price(walk: Any, till: TillService) -> None:
    await walk.buys(50_000, **CARD)
    terminal = Terminal("trm_1", "pos", "shibuya", "1")
    ask = QuoteRequest(member=walk.member, lines=(DRINK,), points_wanted=500)
    assert (await till.quote(terminal, ask)).max_usable == 0


def test_a_drink_for_stars_is_checked_against_a_fifth_of_what_earns_them() -> None:
    said = {one.place: one.text for one in warnings(read(preset(PRESET)))}
    assert "at most ¥1,500, if the ¥7,500" in said["rewards drink"]
