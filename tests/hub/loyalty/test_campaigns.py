"""Campaigns and rates: who gets what, how they stack, and a reason for every point."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renkei.loyalty.context import Facts, MemberFacts
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.program import Program
from renkei_contracts.order import Order

PLACED = datetime(2026, 11, 10, 3, tzinfo=UTC)


def program(**parts: Any) -> Program:
    return Program.model_validate(parts)


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


def given_by(result: Evaluation) -> dict[str, int]:
    return {part.rule: part.points for part in result.parts}


def refused(result: Evaluation) -> dict[str, str]:
    return {one.rule: one.why for one in result.refused}


DOUBLE = {"name": "double", "percent": 200}


def test_double_points_add_as_many_again() -> None:
    result = evaluate_order(order(), program(campaigns=[DOUBLE]))
    assert given_by(result) == {"earn": 100, "double": 100}
    assert result.earned == 200


def test_reasons_call_campaigns_and_coupons_by_their_titles() -> None:
    coupon = {
        "name": "next",
        "title": "次回300円引き",
        "yen": 300,
        "minimum": 99_000,
        "valid_days": 9,
    }
    rules = program(
        campaigns=[
            DOUBLE | {"title": "二倍デー", "stacking": "best"},
            {"name": "thrice", "title": "三倍デー", "percent": 300, "stacking": "best"},
            {"name": "visit", "title": "ご来店", "coupon": "next"},
            {"name": "over", "title": "開店祝い", "fixed": 10, "ends": PLACED},
        ],
        coupons=[coupon],
    )
    facts = Facts(coupons={"c-1": rules.coupons[0]})
    reasons = evaluate_order(order(coupons=("c-1",)), rules, facts).reasons
    assert reasons == (
        "1 per ¥100 on ¥10,000 net of tax: 100",
        "三倍デー: 300 % on ¥10,000: 200",
        "ご来店: coupon 次回300円引き",
        "開店祝い: not in its dates",
        "二倍デー: 三倍デー gives more",
        "coupon 次回300円引き: needs ¥99,000 of its lines",
    )


@pytest.mark.parametrize(
    ("benefit", "extra"),
    [({"percent": 150}, 50), ({"points": 5, "per_yen": 1000}, 50), ({"fixed": 30}, 30)],
)
def test_a_campaign_gives_a_percentage_a_rate_or_fixed_points(
    benefit: dict[str, int], extra: int
) -> None:
    result = evaluate_order(order(), program(campaigns=[{"name": "c", **benefit}]))
    assert given_by(result)["c"] == extra


def test_a_campaign_for_some_lines_counts_only_those() -> None:
    tea = {"name": "tea", "lines": "'tea' in line.classes", "percent": 300}
    lines = (line("1", 11_000, sku="T"), line("2", 22_000, sku="X"))
    facts = Facts(classes={"T": ("tea",)})
    result = evaluate_order(order(*lines), program(campaigns=[tea]), facts)
    assert given_by(result) == {"earn": 300, "tea": 200}


@pytest.mark.parametrize(
    ("starts", "ends", "runs"),
    [(0, 1, True), (-1, 0, False), (1, 2, False), (None, None, True), (None, 0, False)],
)
def test_a_campaign_runs_from_its_start_until_before_its_end(
    starts: int | None, ends: int | None, runs: bool
) -> None:
    dates = {
        name: (PLACED + timedelta(hours=hours)).isoformat()
        for name, hours in (("starts", starts), ("ends", ends))
        if hours is not None
    }
    result = evaluate_order(order(), program(campaigns=[DOUBLE | dates]))
    assert ("double" in given_by(result)) == runs
    assert runs or refused(result)["double"] == "not in its dates"


def test_of_campaigns_that_compete_the_best_counts_and_the_others_say_so() -> None:
    campaigns = [
        {"name": "a", "percent": 150, "stacking": "best"},
        {"name": "b", "percent": 200, "stacking": "best"},
        {"name": "c", "fixed": 5},
    ]
    result = evaluate_order(order(), program(campaigns=campaigns))
    assert given_by(result) == {"earn": 100, "b": 100, "c": 5}
    assert refused(result)["a"] == "b gives more"


def test_percents_that_multiply_count_upon_each_other() -> None:
    campaigns = [
        {"name": "a", "percent": 200, "stacking": "multiply"},
        {"name": "b", "percent": 300, "stacking": "multiply"},
    ]
    result = evaluate_order(order(), program(campaigns=campaigns))
    assert result.earned == 600


def test_all_campaigns_together_add_no_more_than_the_cap() -> None:
    campaigns = [DOUBLE, {"name": "more", "fixed": 70}]
    result = evaluate_order(order(), program(campaigns=campaigns, campaign_cap_percent=120))
    assert result.earned == 220


def test_a_fact_that_nobody_stated_gives_nothing_and_is_reported() -> None:
    rain = {"name": "rain", "when": 'facts["rain"]', "percent": 200}
    with_fact = evaluate_order(order(), program(campaigns=[rain]), Facts(stated={"rain": True}))
    assert with_fact.earned == 200
    result = evaluate_order(order(), program(campaigns=[rain]))
    assert result.earned == 100
    assert [one.fault for one in result.refused] == [True]


def test_a_first_purchase_and_a_birthday_are_the_members() -> None:
    campaigns = [
        {"name": "first", "when": "member.first_purchase", "fixed": 500},
        {"name": "birthday", "when": "member.birthday_today", "fixed": 50},
    ]
    born = MemberFacts(first_purchase=True, birthday=datetime(1990, 11, 10, tzinfo=UTC).date())
    result = evaluate_order(order(), program(campaigns=campaigns), Facts(member=born))
    assert given_by(result) == {"earn": 100, "first": 500, "birthday": 50}
    assert evaluate_order(order(), program(campaigns=campaigns)).earned == 100


def test_goods_of_the_default_list_earn_nothing_unless_kept_by_name() -> None:
    facts = Facts(classes={"T": ("tobacco",)})
    lines = (line("1", 11_000), line("2", 22_000, sku="T"))
    assert evaluate_order(order(*lines), program(), facts).earned == 100
    assert "line 2" in refused(evaluate_order(order(*lines), program(), facts))["exclusion"]
    kept = program(earn={"keep": ["tobacco"]})
    assert evaluate_order(order(*lines), kept, facts).earned == 300


def test_another_rate_counts_for_the_lines_it_fits() -> None:
    rates = [{"name": "pc", "when": "'pc' in line.classes", "points": 10, "per_yen": 100}]
    lines = (line("1", 11_000), line("2", 22_000, sku="P"))
    facts = Facts(classes={"P": ("pc",)})
    result = evaluate_order(order(*lines), program(earn={"rates": rates}), facts)
    assert given_by(result) == {"earn": 100, "pc": 2000}


@pytest.mark.parametrize(
    ("earn", "points"),
    [
        ({}, 33),
        ({"per": "line"}, 32),
        ({"rounding": "ceil"}, 33),
        ({"per": "line", "rounding": "ceil"}, 34),
        ({"per": "line", "rounding": "half_up"}, 34),
        ({"base": "tax_included"}, 36),
    ],
)
def test_points_are_rounded_as_the_program_says(earn: dict[str, str], points: int) -> None:
    lines = (line("1", 1250, tax_included=False), line("2", 2050, tax_included=False))
    assert evaluate_order(order(*lines), program(earn=earn)).earned == points


def test_a_rate_that_no_line_is_left_to_says_so() -> None:
    rates = [{"name": "pc", "when": "line.sku == 'P'", "points": 10, "per_yen": 100}]
    rules = program(earn={"rates": rates})
    assert refused(evaluate_order(order(), rules)) == {"pc": "no line is left to it"}
    other = evaluate_order(order(line("1", 11_000, sku="P")), rules)
    assert refused(other) == {"earn": "no line is left to it"}


def test_a_line_sold_as_earning_nothing_is_named() -> None:
    result = evaluate_order(order(line("1", 11_000), line("2", 500, earns=False)), program())
    assert refused(result) == {"exclusion": "line 2: sold as earning nothing"}


def test_points_wait_until_the_program_says_they_are_earned() -> None:
    late = program(earn={"confirmed": "fulfilled"})
    assert evaluate_order(order(), late).confirmed == 0
    assert evaluate_order(order(state="fulfilled"), late).confirmed == 100
    assert "fulfilled" in refused(evaluate_order(order(), late))["confirmation"]


def test_a_document_of_the_first_format_is_read_as_it_was_meant() -> None:
    old = program(points=2, per_yen=50, usable="next_day", expires_months=None, yen_per_point=3)
    assert (old.earn.points, old.earn.per_yen, old.earn.usable) == (2, 50, "next_day")
    assert old.expires_at(PLACED) is None
    assert old.redeem.yen_per_point == 3
    slid = program(expiry="sliding", expires_months=3, restore_days=5)
    assert (slid.slides_months, slid.expiry.restore_days) == (3, 5)
    assert Program.model_validate(old.model_dump(mode="json")) == old


@pytest.mark.parametrize(
    ("expiry", "last"),
    [
        ({"months": 5}, "2027-04-10"),
        ({"months": 0, "days": 30}, "2026-12-10"),
        ({"months": 5, "ends": "month"}, "2027-04-30"),
        ({"kind": "yearly", "months": 0, "month": 2, "day": 31}, "2027-02-28"),
        ({"kind": "yearly", "months": 6, "month": 3, "day": 31}, "2028-03-31"),
    ],
)
def test_points_end_with_the_last_day_the_program_names(expiry: Any, last: str) -> None:
    ends = program(expiry=expiry).expires_at(PLACED)
    assert ends is not None
    assert (ends - timedelta(seconds=1)).date().isoformat() == last


def test_segments_that_nobody_told_decide_nothing() -> None:
    campaign = {"name": "x", "when": "!('tea' in member.segments)", "fixed": 5}
    rules = program(campaigns=[campaign])
    unknown = evaluate_order(order(), rules, Facts(member=MemberFacts()))
    assert [one.rule for one in unknown.refused if one.fault] == ["x"]
    told = evaluate_order(order(), rules, Facts(member=MemberFacts(segments=("wine",))))
    stranger = evaluate_order(order(), rules)
    assert given_by(told) == given_by(stranger) == {"earn": 100, "x": 5}
