"""Discount codes: one for each code, whoever makes it, and never another's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import Rejected, UnsupportedFeature
from renkei_shopify.coupons import ShopifyCoupons
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import TwinApp

Connect = Callable[..., Connection[ShopifySettings]]

CODE = "hld-0192f0c1a2b3c4d5e6f7"


@pytest.fixture
def coupons(connect: Connect) -> ShopifyCoupons:
    return ShopifyCoupons(connect())


@pytest.fixture
def until(now: datetime) -> datetime:
    return now + timedelta(minutes=15)


async def test_a_code_takes_yen_off_once_until_it_ends(
    coupons: ShopifyCoupons, twin: TwinApp, until: datetime
) -> None:
    await coupons.issue(CODE, 500, until + timedelta(microseconds=999_999))
    (made,) = twin.shop.discounts.values()
    assert (made.code, made.yen, made.ends_at, made.usage_limit) == (CODE, Decimal(500), until, 1)


async def test_two_who_issue_the_same_code_at_once_make_one(
    coupons: ShopifyCoupons,
    twin: TwinApp,
    until: datetime,
    monkeypatch: pytest.MonkeyPatch,
    transport: Any,
) -> None:
    """The second has looked before the first made it."""
    twin.shop.discount(CODE, Decimal(500), until, 1)
    looked: list[str] = []
    find = coupons._find

    async def too_early(code: str) -> Any:
        looked.append(code)
        return await find(code) if len(looked) > 1 else None

    monkeypatch.setattr(coupons, "_find", too_early)
    await coupons.issue(CODE, 500, until)
    assert transport.operations == ["RenkeiCouponIssue", "RenkeiCoupon"]
    assert len(twin.shop.discounts) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"yen": Decimal(501)},
        {"usage_limit": None},
        {"ends_at": None},
        {"ends_at": datetime(2026, 11, 26, 3, 0, tzinfo=UTC)},
        {"code": CODE.upper()},
    ],
    ids=["worth", "uses", "endless", "over", "case"],
)
async def test_another_discount_of_the_code_is_not_taken_for_ours(
    coupons: ShopifyCoupons, twin: TwinApp, until: datetime, other: dict[str, Any]
) -> None:
    there = replace(twin.shop.discount(CODE, Decimal(500), until, 1), **other)
    twin.shop.discounts[CODE] = there
    with pytest.raises(Rejected, match="another code"):
        await coupons.issue(CODE, 500, until)
    assert twin.shop.discounts == {CODE: there}


async def test_what_differs_in_case_is_not_revoked(
    coupons: ShopifyCoupons, twin: TwinApp, until: datetime
) -> None:
    twin.shop.discount(CODE.upper(), Decimal(500), until, 1)
    await coupons.revoke(CODE)
    assert len(twin.shop.discounts) == 1


async def test_an_end_that_is_over_is_refused(coupons: ShopifyCoupons, now: datetime) -> None:
    with pytest.raises(Rejected, match="END_DATE_BEFORE_START_DATE"):
        await coupons.issue(CODE, 500, now - timedelta(minutes=1))


@pytest.mark.parametrize("code", ["", "a b", "夏", "a/b", "x" * 61])
async def test_a_code_that_may_not_be_taken_is_not_sent(
    coupons: ShopifyCoupons, until: datetime, transport: Any, code: str
) -> None:
    with pytest.raises(UnsupportedFeature):
        await coupons.issue(code, 500, until)
    await coupons.revoke(code)
    assert transport.operations == []
