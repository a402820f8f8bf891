"""What a basket earns, and how points divide over tax rates: the worked examples."""

from datetime import UTC, date, datetime

import pytest

from renkei.ledger.months import months_later
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.program import Program
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState

PROGRAM = Program(usable="next_day", expires_months=5)


def line(amount: int, rate: int, *, included: bool = True, **more: object) -> LineItem:
    fields = {"id": f"{amount}-{rate}", "quantity": 1, "amount": amount, "tax_rate": rate}
    return LineItem.model_validate(fields | {"tax_included": included} | more)


def evaluated(lines: list[LineItem], points: int, program: Program) -> Evaluation:
    """What these lines earn as a paid order, so many yen of it paid in points."""
    at = datetime(2026, 11, 1, 3, tzinfo=UTC)
    order = Order(
        ref=ExternalRef(connection="cart", id="o1"),
        changed_at=at,
        placed_at=at,
        state=OrderState.PAID,
        lines=lines,
        points_value=points,
    )
    return evaluate_order(order, program)


def test_points_are_floored_per_order_and_not_per_line() -> None:
    lines = [line(1250, 1000, included=False), line(2050, 1000, included=False)]
    assert evaluated(lines, 0, PROGRAM).earned == 33


def test_a_returned_line_earns_nothing() -> None:
    lines = [
        line(1250, 1000, included=False, returned_quantity=1, returned_amount=1250),
        line(2050, 1000, included=False),
    ]
    assert evaluated(lines, 0, PROGRAM).earned == 20


@pytest.mark.parametrize(
    ("points", "shares", "remaining", "tax", "earns"),
    [
        (218, (108, 110), (972, 990), (72, 90), 18),
        (100, (50, 50), (1030, 1050), (76, 95), 19),
    ],
)
def test_points_used_divide_over_the_rates_and_tax_is_floored_once_per_rate(
    points: int,
    shares: tuple[int, int],
    remaining: tuple[int, int],
    tax: tuple[int, int],
    earns: int,
) -> None:
    result = evaluated([line(1080, 800), line(1100, 1000)], points, PROGRAM)
    assert tuple(rate.points_discount for rate in result.rates) == shares
    assert tuple(rate.total for rate in result.rates) == remaining
    assert tuple(rate.tax for rate in result.rates) == tax
    assert result.earned == earns


def test_a_line_that_does_not_earn_lowers_the_base_only_by_itself() -> None:
    lines = [line(1100, 1000), line(5500, 1000, earns=False)]
    assert evaluated(lines, 0, PROGRAM).base == 1000


def test_paying_everything_in_points_earns_nothing() -> None:
    result = evaluated([line(1080, 800), line(1100, 1000)], 9_999, PROGRAM)
    assert (result.earned, sum(rate.points_discount for rate in result.rates)) == (0, 2180)


def test_points_are_usable_from_the_next_midnight_in_japan() -> None:
    late = datetime(2026, 11, 1, 14, 59, tzinfo=UTC)
    assert PROGRAM.usable_from(late) == datetime(2026, 11, 1, 15, tzinfo=UTC)
    assert PROGRAM.usable_from(datetime(2026, 11, 1, 15, tzinfo=UTC)) == datetime(
        2026, 11, 2, 15, tzinfo=UTC
    )


def test_points_expire_at_the_end_of_the_same_day_months_later() -> None:
    sold = datetime(2026, 9, 30, 3, tzinfo=UTC)
    assert PROGRAM.expires_at(sold) == datetime(2027, 2, 28, 15, tzinfo=UTC)


def test_a_month_without_that_day_ends_on_its_last() -> None:
    assert months_later(date(2027, 8, 31), 6) == date(2028, 2, 29)


def test_a_sale_just_after_midnight_in_japan_belongs_to_that_month() -> None:
    assert PROGRAM.period_of(datetime(2026, 10, 31, 15, tzinfo=UTC)) == "2026-11"
