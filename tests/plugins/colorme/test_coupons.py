"""Coupons: one for each code, for one use, and never longer than was said."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_colorme.coupons import ColormeCoupons, days
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection
from renkei_contracts.errors import OutcomeUnknown, Rejected, UnsupportedFeature
from renkei_contracts.toolkit.japanese import JST

Connect = Callable[..., Connection[ColormeSettings]]


def japan(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JST)


@pytest.mark.parametrize(
    ("until", "first", "last"),
    [
        ("2026-12-01T00:00", date(2026, 11, 26), date(2026, 11, 30)),
        ("2026-12-01T23:59", date(2026, 11, 26), date(2026, 11, 30)),
        ("2026-11-27T12:00", date(2026, 11, 25), date(2026, 11, 26)),
    ],
)
def test_a_coupon_ends_with_the_last_day_that_is_over(until: str, first: date, last: date) -> None:
    assert days(japan("2026-11-26T12:00"), japan(until)) == (first, last)


def test_a_coupon_that_would_end_before_a_day_is_over_is_not_made() -> None:
    with pytest.raises(UnsupportedFeature):
        days(japan("2026-11-26T12:00"), japan("2026-11-26T23:59"))


async def test_a_code_is_one_coupon_worth_its_yen_for_one_use(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    coupons, until = ColormeCoupons(connect()), clock() + timedelta(days=30)
    for _ in range(2):
        await coupons.issue("SPRING-100", 100, until)
    (made,) = shop.coupons.values()
    assert (made["coupon_type"], made["discount_amount"], made["total_usage_limit"]) == (
        "amount",
        100,
        1,
    )
    with pytest.raises(Rejected):
        await coupons.issue("SPRING-100", 200, until)
    for _ in range(2):
        await coupons.revoke("SPRING-100")
    assert not shop.coupons


@pytest.mark.parametrize("code", ["", "a b", "春", "../1", "a?b", "x" * 41])
async def test_a_code_that_may_not_be_taken_is_refused_before_a_call(
    connect: Connect, clock: Any, transport: Any, code: str
) -> None:
    with pytest.raises(UnsupportedFeature):
        await ColormeCoupons(connect()).issue(code, 100, clock() + timedelta(days=30))
    assert not transport.calls


async def test_a_coupon_that_an_incomplete_list_does_not_show_may_be_there(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    given, until = connect(), clock() + timedelta(days=30)
    await ColormeCoupons(given).issue("MINE", 100, until)
    shown = {"shop_coupons": list(shop.coupons.values()), "meta": {"total": 2}}
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        return httpx.Response(200, json=shown)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        coupons = ColormeCoupons(Connection("shop", given.settings, http, given.tokens, clock))
        await coupons.issue("MINE", 100, until)
        with pytest.raises(OutcomeUnknown):
            await coupons.issue("OTHER", 100, until)
        with pytest.raises(OutcomeUnknown):
            await coupons.revoke("OTHER")
        assert calls == ["GET"] * 3
        shown["meta"] = {"total": 1}
        await coupons.revoke("OTHER")


async def test_coupons_of_the_shops_own_making_are_left_alone(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    coupons, until = ColormeCoupons(connect()), clock() + timedelta(days=30)
    await coupons.issue("MINE", 100, until)
    (mine,) = shop.coupons
    shop.coupons[mine]["code"] = "OWN"
    await coupons.revoke("MINE")
    assert len(shop.coupons) == 1
