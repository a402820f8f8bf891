"""Coupons: what they take off, where and how long they count, and yen that always add up."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from renkei.ledger.books import Channel
from renkei.loyalty.basket import gross_of
from renkei.loyalty.context import Facts
from renkei.loyalty.coupon import Coupon, per_rate
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.program import Program
from renkei_contracts.order import Order

PLACED = datetime(2026, 11, 10, 3, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
INCLUDED = {"earn": {"base": "tax_included"}}


def coupon(name: str = "c", **terms: Any) -> Coupon:
    return Coupon.model_validate({"name": name} | (terms or {"yen": 300}))


def line(id: str, amount: int, rate: int = 1000, **more: Any) -> dict[str, Any]:
    return {"id": id, "quantity": 1, "amount": amount, "tax_rate": rate} | more


def order(*lines: dict[str, Any], **more: Any) -> Order:
    fields: dict[str, Any] = {
        "ref": {"connection": "cart", "id": "o1"},
        "changed_at": PLACED,
        "placed_at": PLACED,
        "state": "paid",
        "lines": lines or (line("1", 11_000),),
    }
    return Order.model_validate(fields | more)


def evaluated(order: Order, *coupons: Coupon, **program: Any) -> Evaluation:
    by_code = {one.name: one for one in coupons}
    used = order.model_copy(update={"coupons": tuple(by_code)})
    facts = Facts(coupons=by_code)
    return evaluate_order(used, Program.model_validate(INCLUDED | program), facts)


def off(result: Evaluation) -> dict[int, int]:
    return {rate.tax_rate: rate.coupon_discount for rate in result.rates}


@pytest.mark.parametrize(
    ("terms", "yen"),
    [
        ({"yen": 300}, 300),
        ({"yen": 99_999}, 3_300),
        ({"percent": 10}, 330),
        ({"percent": 10, "cap_yen": 200}, 200),
        ({"gift": "4900000000018"}, 550),
        ({"lines": "line.tax_rate == 800", "percent": 50}, 550),
    ],
)
def test_a_coupon_takes_off_what_it_says_and_never_more_than_there_is(
    terms: dict[str, Any], yen: int
) -> None:
    tea = line("tea", 1_100, 800, jan="4900000000018", quantity=2)
    result = evaluated(order(tea, line("pot", 2_200)), coupon(**terms))
    assert sum(off(result).values()) == yen
    assert result.base == 3_300 - yen
    assert result.earned == (3_300 - yen) // 100
    assert f"coupon c: ¥{yen:,} off" in result.reasons


def test_a_rates_tax_is_counted_on_what_is_left_of_it() -> None:
    result = evaluated(order(line("a", 1_080, 800), line("b", 3_300)), coupon(yen=438))
    assert off(result) == {800: 108, 1000: 330}
    assert [(rate.total, rate.tax) for rate in result.rates] == [(972, 72), (2_970, 270)]


def test_points_pay_what_coupons_leave() -> None:
    sale = order(line("1", 1_000), points_used=900, points_value=900)
    result = evaluated(sale, coupon(yen=300))
    assert [(rate.total, rate.points_discount) for rate in result.rates] == [(0, 700)]


def test_free_shipping_takes_off_the_shipping_and_no_rate() -> None:
    result = evaluated(order(shipping=550), coupon(free_shipping=True))
    assert (result.coupons[0].yen, off(result)) == (550, {1000: 0})
    nothing = evaluated(order(), coupon(free_shipping=True))
    assert "coupon c: nothing to pay to ship" in nothing.reasons


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"yen": 300, "minimum": 11_001}, "needs ¥11,001 of its lines"),
        ({"gift": "4900000000018"}, "none of its lines is here"),
        ({"yen": 1, "lines": "line.quantity / 0 == 1"}, "line 1: 1:15: divide by zero"),
    ],
)
def test_a_coupon_that_does_not_fit_takes_nothing_and_says_why(
    terms: dict[str, Any], why: str
) -> None:
    result = evaluated(order(), coupon(**terms))
    assert off(result) == {1000: 0}
    assert f"coupon c: {why}" in result.reasons


def test_a_code_that_nobody_knows_takes_nothing_and_says_so() -> None:
    result = evaluate_order(order(coupons=("x",)), Program())
    assert "coupon: x is not known" in result.reasons


def test_percentages_come_before_yen_whatever_the_order_of_codes() -> None:
    ten, yen = coupon("z", percent=10), coupon("a", yen=1_000)
    first, other = evaluated(order(), ten, yen), evaluated(order(), yen, ten)
    assert off(first) == off(other) == {1000: 1_100 + 1_000}


def test_what_is_given_back_takes_its_share_of_the_coupon_along() -> None:
    def kept(returned: int) -> int:
        lines = (line("a", 1_000, returned_amount=returned), line("b", 1_000))
        return evaluated(order(*lines), coupon(yen=500, minimum=1_500)).base

    assert [kept(0), kept(1_000)] == [1_500, 750]


def test_a_campaign_may_give_a_coupon_for_the_next_visit() -> None:
    parts = {
        "coupons": [{"name": "next", "yen": 300}],
        "campaigns": [{"name": "visit", "when": "order.total >= 1000", "coupon": "next"}],
    }
    result = evaluate_order(order(), Program.model_validate(parts))
    assert [part.rule for part in result.issues] == ["visit"]
    assert result.earned == 100
    assert "visit: coupon next" in result.reasons
    assert evaluate_order(order(state="placed"), Program.model_validate(parts)).issues == ()
    assert evaluate_order(order(line("1", 10)), Program.model_validate(parts)).issues == ()


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"coupons": [{"name": "c"}]}, "exactly one of yen"),
        ({"coupons": [{"name": "c", "yen": 1, "percent": 1}]}, "exactly one of yen"),
        ({"coupons": [{"name": "c", "yen": 1, "cap_yen": 1}]}, "only a percentage has a cap"),
        (
            {"coupons": [{"name": "c", "yen": 1, "valid_days": 1, "valid_months": 1}]},
            "give one of valid_days",
        ),
        ({"coupons": [{"name": "c", "yen": 1}] * 2}, "share a name"),
        ({"campaigns": [{"name": "v", "coupon": "c"}]}, "does not have"),
        ({"rewards": [{"name": "r", "points": 9, "coupon": "c"}]}, "does not have"),
        ({"coupons": [{"name": "c", "yen": 1, "lines": "line.nmae == ''"}]}, "1:5"),
    ],
)
def test_a_coupon_that_makes_no_sense_is_refused_when_saved(
    parts: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Program.model_validate(parts)


@pytest.mark.parametrize(
    ("terms", "starts", "ends"),
    [
        ({}, "2026-11-10T12:00", None),
        ({"usable_from": "next_day"}, "2026-11-11T00:00", None),
        ({"valid_days": 1}, "2026-11-10T12:00", "2026-11-12T00:00"),
        ({"valid_months": 3}, "2026-11-10T12:00", "2027-02-11T00:00"),
        ({"valid_until": "2026-12-31"}, "2026-11-10T12:00", "2027-01-01T00:00"),
    ],
)
def test_a_coupon_lives_as_long_as_it_says_in_the_programs_zone(
    terms: dict[str, Any], starts: str, ends: str | None
) -> None:
    kind = coupon(yen=1, **terms)
    assert kind.starts(PLACED, TOKYO) == datetime.fromisoformat(starts).replace(tzinfo=TOKYO)
    end = datetime.fromisoformat(ends).replace(tzinfo=TOKYO) if ends else None
    assert kind.ends(PLACED, TOKYO) == end


def test_a_coupon_counts_in_its_kind_of_channel_and_in_those_it_names() -> None:
    store, web = Channel("pos", "shibuya"), Channel("cart")
    counts = {
        name: (kind.counts_at(store), kind.counts_at(web))
        for name, kind in {
            "anywhere": coupon(),
            "store": coupon(yen=1, where="store"),
            "web": coupon(yen=1, where="web"),
            "shibuya": coupon(yen=1, only_at=["pos/shibuya"]),
            "ueno": coupon(yen=1, only_at=["pos/ueno"]),
            "pos": coupon(yen=1, only_at=["pos"]),
        }.items()
    }
    assert counts == {
        "anywhere": (True, True),
        "store": (True, False),
        "web": (False, True),
        "shibuya": (True, False),
        "ueno": (False, False),
        "pos": (True, False),
    }


LINES = st.lists(
    st.tuples(
        st.integers(0, 5_000), st.sampled_from([800, 1000]), st.booleans(), st.integers(0, 100)
    ),
    min_size=1,
    max_size=6,
)
KINDS = st.lists(
    st.one_of(
        st.integers(1, 9_000).map(lambda yen: {"yen": yen}),
        st.integers(1, 100).map(lambda percent: {"percent": percent}),
        st.tuples(st.integers(1, 100), st.integers(1, 900)).map(
            lambda both: {"percent": both[0], "cap_yen": both[1]}
        ),
        st.just({"gift": "4900000000018"}),
        st.just({"yen": 700, "lines": "line.tax_rate == 800"}),
    ),
    min_size=1,
    max_size=3,
)


def sold(lines: list[tuple[int, int, bool, int]], back: bool = True) -> Order:
    made = [
        line(
            str(n),
            amount,
            rate,
            tax_included=included,
            jan="4900000000018" if n == 1 else "",
            returned_amount=amount * share // 100 if back else 0,
        )
        for n, (amount, rate, included, share) in enumerate(lines)
    ]
    return order(*made)


@settings(max_examples=200, deadline=None)
@given(lines=LINES, kinds=KINDS, points=st.integers(0, 3_000))
def test_discounts_add_up_over_the_rates_and_nothing_goes_below_zero(
    lines: list[tuple[int, int, bool, int]], kinds: list[dict[str, Any]], points: int
) -> None:
    coupons = [coupon(f"c{n}", **terms) for n, terms in enumerate(kinds)]
    whole = sold(lines, back=False)
    result = evaluated(
        whole.model_copy(update={"points_used": points, "points_value": points}), *coupons
    )
    gross = gross_of(whole.lines)
    taken = sum(one.yen for one in result.coupons)
    assert sum(off(result).values()) == taken == sum(per_rate(result.coupons).values()) <= gross
    paid = sum(rate.total + rate.points_discount for rate in result.rates)
    assert paid == gross - taken == gross_of(whole.lines, per_rate(result.coupons))
    assert all(rate.total >= 0 and rate.coupon_discount >= 0 for rate in result.rates)
    backwards = whole.model_copy(update={"lines": whole.lines[::-1], "points_used": points})
    again = evaluated(backwards.model_copy(update={"points_value": points}), *coupons[::-1])
    assert (again.earned, off(again)) == (result.earned, off(result))


@settings(max_examples=200, deadline=None)
@given(lines=LINES, kinds=KINDS)
def test_what_is_kept_never_costs_less_than_nothing_or_more_than_before(
    lines: list[tuple[int, int, bool, int]], kinds: list[dict[str, Any]]
) -> None:
    coupons = [coupon(f"c{n}", **terms) for n, terms in enumerate(kinds)]
    before, after = evaluated(sold(lines, back=False), *coupons), evaluated(sold(lines), *coupons)
    assert all(rate.total >= 0 for rate in after.rates)
    assert sum(off(after).values()) <= sum(off(before).values())
    assert after.earned <= before.earned
    everything = [(amount, rate, included, 100) for amount, rate, included, _ in lines]
    assert evaluated(sold(everything), *coupons).base == 0


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"yen": 1_300}, "1,300円引き"),
        ({"percent": 10}, "10%引き"),
        ({"percent": 10, "cap_yen": 500}, "10%引き(上限500円)"),
        ({"free_shipping": True}, "送料無料"),
        ({"gift": "4900000000018"}, "商品 4900000000018 を1点無料"),
    ],
)
def test_what_a_coupon_gives_is_said_as_a_cashier_reads_it(
    terms: dict[str, object], said: str
) -> None:
    assert Coupon.model_validate({"name": "c", **terms}).benefit == said
