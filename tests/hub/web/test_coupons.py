"""A member's coupons over HTTP, as a register sees them."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from renkei.services.points.coupons import IssueCoupon
from renkei_contracts.point import CouponGrant

RESOLVE = "/pos/v1/members:resolve"
QUOTES = "/pos/v1/quotes"
SALES = "/pos/v1/transactions"
HOLD = "/pos/v1/coupons:hold"
RELEASE = "/pos/v1/coupons:release"

RULES = {
    "coupons": [
        {"name": "hundred", "yen": 100, "title": "100円引き", "valid_days": 30},
        {"name": "online", "yen": 100, "where": "web"},
        {"name": "big", "yen": 100, "minimum": 5_000, "combinable": True},
    ]
}


@pytest.fixture
async def code(hub: Any, regular: Any) -> str:
    """A coupon of the regular, beside one that no register can use."""
    async with hub.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(RULES)},
        )
    codes = []
    for kind in ("online", "hundred"):
        grant = CouponGrant(member=regular.id, coupon=kind, occasion="test")
        codes.append((await hub.ledger.submit(IssueCoupon(grant, "seed"))).code)
    return str(codes[-1])


async def test_the_look_up_lists_coupons_and_says_which_can_be_used_here(
    register: Any, regular: Any, code: str
) -> None:
    found = (await register.post(RESOLVE, {"value": regular.card})).json()["coupons"]
    said = [(one["name"], one["benefit"], one["usable"], one["why_not"]) for one in found]
    assert said == [
        ("hundred", "100円引き", True, ""),
        ("online", "100円引き", False, "このお店では使えないか、期間外です"),
    ]
    assert found[0]["code"] == code


async def test_a_coupon_is_quoted_set_aside_used_and_listed_no_more(
    register: Any, regular: Any, new_sale: Any, code: str
) -> None:
    lines = new_sale("1", None)["lines"]
    ask = {"member": regular.id, "lines": lines, "coupons": [code]}
    quote = (await register.post(QUOTES, ask)).json()
    assert (quote["total"], quote["rates"][0]["coupon_discount"]) == (1_000, 100)
    held = await register.post(HOLD, {"code": code, "member": regular.id})
    assert held.json()["lapses_at"] is not None
    booked = await register.post(SALES, new_sale("1", regular.id, coupons=[code]))
    assert booked.json()["coupon_value"] == 100
    again = await register.post(SALES, new_sale("2", regular.id, coupons=[code]))
    assert (again.status_code, again.json()["code"]) == (409, "coupon_used")
    left = (await register.post(RESOLVE, {"value": regular.card})).json()["coupons"]
    assert [one["name"] for one in left] == ["online"]


async def test_a_release_again_changes_nothing_and_nobodys_code_is_not_found(
    register: Any, regular: Any, code: str
) -> None:
    await register.post(HOLD, {"code": code, "member": regular.id})
    for _ in range(2):
        assert (await register.post(RELEASE, {"code": code})).json()["lapses_at"] is None
    unknown = await register.post(RELEASE, {"code": "280000000000000000"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "coupon_not_found")


@pytest.fixture
async def big(hub: Any, regular: Any, code: str) -> str:
    """Another one, for baskets of ¥5,000."""
    grant = CouponGrant(member=regular.id, coupon="big", occasion="test")
    return str((await hub.ledger.submit(IssueCoupon(grant, "seed"))).code)


async def test_a_coupon_that_would_take_nothing_off_is_refused_and_kept(
    register: Any, regular: Any, new_sale: Any, big: str
) -> None:
    small = await register.post(SALES, new_sale("1", regular.id, yen=4_999, coupons=[big]))
    assert (small.status_code, small.json()["code"]) == (422, "coupon_not_usable")
    enough = await register.post(SALES, new_sale("1", regular.id, yen=5_000, coupons=[big]))
    assert enough.json()["coupon_value"] == 100


@pytest.mark.parametrize("occurred", [False, True])
async def test_a_coupon_that_is_named_twice_is_used_once(
    register: Any, regular: Any, new_sale: Any, big: str, occurred: bool
) -> None:
    ask = new_sale("1", regular.id, yen=5_000, coupons=[big, big], occurred=occurred)
    quote = {"member": regular.id, "lines": ask["lines"], "coupons": [big, big]}
    quoted = (await register.post(QUOTES, quote)).json()["coupons"]
    assert [one["value"] for one in quoted] == [100]
    booked = await register.post(SALES, ask)
    assert (booked.status_code, booked.json().get("coupon_value")) == (200, 100)
