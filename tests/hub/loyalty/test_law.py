"""A program that touches a law is told so, with the place and the source; nothing is refused."""

from typing import Any

import pytest

from renkei.loyalty.law import warnings
from renkei.loyalty.program import DEFAULT, Program
from renkei.services.setup.programs import preset, read


def found(**parts: Any) -> dict[str, str]:
    return {one.place: one.text for one in warnings(Program.model_validate(parts))}


def campaign(**fields: Any) -> dict[str, Any]:
    return {"campaigns": [{"name": "c"} | fields]}


def test_the_plain_program_touches_no_law() -> None:
    assert warnings(DEFAULT) == ()
    assert warnings(read(preset("plain"))) == ()


def test_every_warning_names_its_source() -> None:
    keep = ["prescription", "tobacco", "stamps"]
    rules = Program.model_validate(
        {
            "earn": {"points": 25, "keep": keep},
            "redeem": {"minimum": 50},
            "campaigns": [{"name": "c", "when": 'facts["rain"]', "fixed": 500}],
            "activities": [{"name": "review", "points": 300}],
        }
    )
    every = warnings(rules)
    assert len(every) == 9
    assert all(one.source and one.text and one.place for one in every)


@pytest.mark.parametrize(
    ("points", "yen_per_point", "warned"), [(20, 1, False), (21, 1, True), (4, 5, False)]
)
def test_points_worth_more_than_a_fifth_of_the_price_are_a_premium(
    points: int, yen_per_point: int, warned: bool
) -> None:
    places = found(earn={"points": points}, redeem={"yen_per_point": yen_per_point})
    assert ("earn" in places) is warned


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        ({"percent": 2_000}, False),
        ({"percent": 2_001}, True),
        ({"points": 19, "per_yen": 100}, False),
        ({"points": 20, "per_yen": 100}, True),
        ({"fixed": 200}, False),
        ({"fixed": 201}, True),
        ({"fixed": 400, "when": "order.total >= 2000"}, False),
        ({"fixed": 401, "when": "order.total >= 2000"}, True),
        ({"fixed": 201, "when": "order.total > 1005"}, False),
        ({"fixed": 300, "when": "order.total >= 2000 || member.first_purchase"}, True),
        ({"fixed": 300, "when": "!(order.total >= 2000)"}, True),
        ({"fixed": 300, "when": "order.channel != 'cart' && order.total >= 2000"}, False),
    ],
)
def test_a_campaigns_premium_is_measured_with_the_programs_own_points(
    fields: dict[str, Any], warned: bool
) -> None:
    assert ("campaigns c" in found(**campaign(**fields))) is warned


def test_an_activity_counts_as_a_purchase_of_a_hundred_yen() -> None:
    two = [{"name": "check-in", "points": 200}, {"name": "sign-up", "points": 1_000}]
    assert list(found(activities=two)) == ["activities sign-up"]


def test_points_that_cannot_be_used_one_by_one_are_a_question_for_the_accountant() -> None:
    assert "100" in found(redeem={"minimum": 100})["redeem"]
    assert "10" in found(redeem={"unit": 10})["redeem"]
    assert "redeem" not in found(redeem={"minimum": 1})


@pytest.mark.parametrize("name", ["prescription", "tobacco", "stamps"])
def test_classes_that_a_law_keeps_from_earning_are_named_when_kept(name: str) -> None:
    assert list(found(earn={"keep": [name, "utility-bill"]})) == [f"earn.keep {name}"]


@pytest.mark.parametrize("fields", [{"name": "review"}, {"name": "a", "title": "商品レビュー"}])
def test_reviews_for_points_are_advertising(fields: dict[str, Any]) -> None:
    (said,) = found(activities=[fields | {"points": 5}]).values()
    assert "never make points depend" in said


def test_a_campaign_that_hangs_on_a_fact_must_say_who_decides_it() -> None:
    (said,) = found(**campaign(when='facts["rain"]', percent=200)).values()
    assert "who decides" in said


def test_a_product_for_points_is_a_premium_and_a_discount_is_none() -> None:
    parts = {
        "earn": {"points": 1, "per_yen": 50},
        "coupons": [{"name": "drink", "gift": "4900000000018"}, {"name": "less", "yen": 500}],
        "rewards": [
            {"name": "drink", "points": 150, "coupon": "drink"},
            {"name": "sip", "points": 10, "coupon": "drink"},
            {"name": "less", "points": 150, "coupon": "less"},
        ],
    }
    said = found(**parts)
    assert {*said} == {"rewards drink", "rewards sip"}
    assert "at most ¥1,500" in said["rewards drink"]
    assert "at most ¥200" in said["rewards sip"]
