"""Tiers follow from a member's sales: in windows of the program's zone, kept as the rules say."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from renkei.ledger.past import PastSale
from renkei.loyalty.tiers import (
    Tiers,
    looked_at,
    looks_back,
    metric_at,
    reached,
    tier_at,
)

JAPAN = ZoneInfo("Asia/Tokyo")
LEVELS = (
    {"name": "silver", "at_least": 10_000},
    {"name": "gold", "at_least": 30_000, "bonus": 500},
)


def rules(**terms: Any) -> Tiers:
    return Tiers.model_validate({"levels": LEVELS} | terms)


def at(text: str) -> datetime:
    """An instant in Japan."""
    return datetime.fromisoformat(text).replace(tzinfo=JAPAN).astimezone(UTC)


def sale(when: str, yen: int, points: int = 0) -> PastSale:
    return PastSale(at(when), yen, points)


def tier(tiers: Tiers, sales: list[PastSale], when: str) -> str:
    return tier_at(tiers, sales, at(when), JAPAN)


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ({"levels": LEVELS[::-1]}, "more than the one before"),
        ({"levels": [LEVELS[0], LEVELS[1] | {"name": "silver"}]}, "share a name"),
        ({"recalculated": "period_end"}, "need a yearly window"),
        ({"kept": "next_period"}, "need a yearly window"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(terms: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        rules(**terms)


def test_a_sale_counts_for_the_sales_after_it() -> None:
    sales = [sale("2026-03-01T10:00", 12_000)]
    assert tier(rules(), sales, "2026-03-01T10:00") == ""
    assert tier(rules(), sales, "2026-03-01T10:00:01") == "silver"


@pytest.mark.parametrize(
    ("metric", "count"), [("spend", 250), ("points", 30), ("visits", 2), ("purchases", 3)]
)
def test_each_metric_counts_its_own(metric: str, count: int) -> None:
    sales = [
        sale("2026-03-01T23:59", 10_010, 10),
        sale("2026-03-02T00:00", 10_000, 10),
        sale("2026-03-02T23:59", 5_000, 10),
    ]
    assert metric_at(rules(metric=metric, per_yen=100), sales, at("2026-04-01"), JAPAN) == count


def test_a_rolling_window_lets_a_sale_go_at_midnight_in_the_programs_zone() -> None:
    sales = [sale("2025-03-31T00:00", 12_000)]
    assert tier(rules(), sales, "2026-03-31T23:59:59") == "silver"
    assert tier(rules(), sales, "2026-04-01T00:00") == ""
    months = rules(months=1)
    assert tier(months, [sale("2026-01-31T10:00", 12_000)], "2026-02-28T23:59") == "silver"
    assert tier(months, [sale("2026-01-31T10:00", 12_000)], "2026-03-01T00:00") == ""


def test_a_yearly_window_begins_anew_in_its_month() -> None:
    miles = rules(window="yearly", resets=2)
    sales = [sale("2026-01-31T23:59", 40_000)]
    assert tier(miles, sales, "2026-01-31T23:59:59") == "gold"
    assert tier(miles, sales, "2026-02-01T00:00") == ""
    new_year = [sale("2026-02-01T00:00", 40_000)]
    assert tier(miles, new_year, "2027-01-31T23:59") == "gold"
    assert tier(miles, new_year, "2027-02-01T00:00") == ""


def test_a_level_is_kept_for_months_after_it_was_last_reached() -> None:
    kept = rules(months=1, kept="months", kept_months=3)
    sales = [sale("2026-01-10T10:00", 30_000)]
    assert tier(kept, sales, "2026-04-10T23:59") == "gold"
    assert tier(kept, sales, "2026-04-11T00:00") == ""
    again = [*sales, sale("2026-03-05T10:00", 10_000)]
    assert tier(kept, again, "2026-04-11T00:00") == "silver"
    assert tier(kept, again, "2026-06-06T00:00") == ""


def test_a_level_is_kept_to_the_end_of_the_next_period() -> None:
    kept = rules(window="yearly", resets=4, kept="next_period")
    sales = [sale("2026-03-31T23:59", 30_000)]
    assert tier(kept, sales, "2027-03-31T23:59") == "gold"
    assert tier(kept, sales, "2027-04-01T00:00") == ""


def test_what_is_looked_at_monthly_counts_from_the_first_of_the_next_month() -> None:
    monthly = rules(recalculated="monthly")
    sales = [sale("2026-03-31T23:59:59", 30_000)]
    assert tier(monthly, sales, "2026-03-31T23:59:59.5") == ""
    assert tier(monthly, sales, "2026-04-01T00:00") == "gold"
    assert tier(monthly, sales, "2027-03-31T23:59") == "gold"
    assert tier(monthly, sales, "2027-04-01T00:00") == ""


def test_what_is_looked_at_when_a_period_ends_holds_for_the_next() -> None:
    yearly = rules(window="yearly", resets=4, recalculated="period_end")
    sales = [sale("2026-01-10T10:00", 30_000)]
    assert tier(yearly, sales, "2026-03-31T23:59") == ""
    assert tier(yearly, sales, "2026-04-01T00:00") == "gold"
    assert tier(yearly, sales, "2027-03-31T23:59") == "gold"
    assert tier(yearly, sales, "2027-04-01T00:00") == ""


def occasions(tiers: Tiers, sales: list[PastSale], until: str) -> list[tuple[str, str, str]]:
    found = reached(tiers, sales, at(until), JAPAN)
    return [
        (one.level.name, one.at.astimezone(JAPAN).isoformat()[:16], one.period) for one in found
    ]


def test_one_sale_reaches_every_level_it_passes_once_a_period() -> None:
    miles = rules(window="yearly", resets=2)
    sales = [
        sale("2026-01-10T10:00", 30_000),
        sale("2026-01-11T10:00", 30_000),
        sale("2026-02-01T10:00", 12_000),
    ]
    assert occasions(miles, sales, "2026-03-01T00:00") == [
        ("silver", "2026-01-10T10:00", "2025-02-01"),
        ("gold", "2026-01-10T10:00", "2025-02-01"),
        ("silver", "2026-02-01T10:00", "2026-02-01"),
    ]


def test_a_rolling_window_is_reached_once_for_ever() -> None:
    sales = [sale("2024-01-10T10:00", 12_000), sale("2026-01-10T10:00", 12_000)]
    found = occasions(rules(), sales, "2026-02-01T00:00")
    assert found == [("silver", "2024-01-10T10:00", "ever")]


def test_what_is_not_looked_at_yet_is_not_reached() -> None:
    monthly = rules(recalculated="monthly")
    sales = [sale("2026-03-31T23:59", 30_000)]
    assert looked_at(monthly, sales[0].at, JAPAN) == at("2026-04-01")
    assert occasions(monthly, sales, "2026-03-31T23:59:59") == []
    assert occasions(monthly, sales, "2026-04-01T00:00") == [
        ("silver", "2026-04-01T00:00", "ever"),
        ("gold", "2026-04-01T00:00", "ever"),
    ]


SOMETIME = st.builds(
    lambda day, seconds: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=seconds),
    st.integers(0, 1460),
    st.sampled_from([0, 40_000, 53_999, 54_000]),
)
"""Noon, night and both sides of midnight in Japan."""

SALES = st.lists(
    st.builds(PastSale, SOMETIME, st.integers(1, 20_000), st.integers(0, 20_000)), max_size=12
)
RULES = st.builds(
    lambda terms, metric: rules(**terms, metric=metric),
    st.sampled_from(
        [
            {},
            {"months": 3, "kept": "months", "kept_months": 5},
            {"recalculated": "monthly", "kept": "months", "kept_months": 2},
            {"window": "yearly", "resets": 2},
            {"window": "yearly", "resets": 4, "kept": "next_period"},
            {"window": "yearly", "resets": 7, "recalculated": "period_end", "kept": "next_period"},
        ]
    ),
    st.sampled_from(["spend", "points"]),
)


@settings(max_examples=60, deadline=None)
@given(RULES, SALES, SOMETIME, st.randoms(use_true_random=False))
def test_the_order_of_sales_does_not_matter(
    tiers: Tiers, sales: list[PastSale], when: datetime, chance: Any
) -> None:
    other = list(sales)
    chance.shuffle(other)
    assert tier_at(tiers, sales, when, JAPAN) == tier_at(tiers, other, when, JAPAN)
    assert {*reached(tiers, sales, when, JAPAN)} == {*reached(tiers, other, when, JAPAN)}


@settings(max_examples=60, deadline=None)
@given(RULES, SALES, SOMETIME)
def test_giving_goods_back_never_raises_a_tier(
    tiers: Tiers, sales: list[PastSale], when: datetime
) -> None:
    names = ["", *(level.name for level in tiers.levels)]
    kept = [names.index(tier_at(tiers, sales[:n], when, JAPAN)) for n in range(len(sales) + 1)]
    assert all(fewer <= more for fewer, more in pairwise(kept))
    counts = [metric_at(tiers, sales[:n], when, JAPAN) for n in range(len(sales) + 1)]
    assert all(fewer <= more for fewer, more in pairwise(counts))


@settings(max_examples=60, deadline=None)
@given(RULES, SALES, SOMETIME)
def test_what_lies_before_the_look_back_changes_nothing(
    tiers: Tiers, sales: list[PastSale], when: datetime
) -> None:
    since = looks_back(tiers, when, JAPAN)
    near = [one for one in sales if one.at >= since]
    assert tier_at(tiers, sales, when, JAPAN) == tier_at(tiers, near, when, JAPAN)


@settings(max_examples=60, deadline=None)
@given(RULES, SALES, SOMETIME)
def test_who_has_a_tier_has_reached_it(tiers: Tiers, sales: list[PastSale], when: datetime) -> None:
    has = tier_at(tiers, sales, when, JAPAN)
    names = {one.level.name for one in reached(tiers, sales, when, JAPAN)}
    assert not has or has in names
    for one in reached(tiers, sales, when, JAPAN):
        had = tier_at(tiers, sales, one.at + timedelta(microseconds=1), JAPAN)
        assert had, one
