"""Refunds told apart from their order, what an order is evaluated to, and a program's dates."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renkei.ledger.staged import NewRefund
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.program import Program
from renkei.loyalty.redeem import max_usable
from renkei.loyalty.refunds import effective, exceeding
from renkei.loyalty.rounding import tax_upon, tax_within
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine

NOON = datetime(2026, 11, 1, 3, tzinfo=UTC)


def line(id: str, amount: int, **more: Any) -> LineItem:
    return LineItem(id=id, **({"quantity": 2, "amount": amount, "tax_rate": 1000} | more))


def order(*lines: LineItem, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id="o1"),
        "changed_at": NOON,
        "placed_at": NOON,
        "state": OrderState.PAID,
        "lines": lines or (line("1", 11_000),),
    }
    return Order(**(fields | more))


def refund(id: str = "r1", **more: Any) -> Refund:
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "order": ExternalRef(connection="cart", id="o1"),
        "occurred_at": NOON,
    }
    return Refund(**(fields | more))


def parked(*refunds: Refund) -> list[NewRefund]:
    return [
        NewRefund(("cart", "o1", str(one.ref)), b"", one.model_dump(mode="json")) for one in refunds
    ]


def test_refunds_add_up_line_by_line_and_never_beyond_the_line() -> None:
    seen = order(line("1", 1_000), line("2", 500), points_used=100, points_value=90)
    less = effective(
        seen,
        parked(
            refund(lines=(RefundLine(id="1", amount=300, quantity=1),), points_returned=30),
            refund("r2", lines=(RefundLine(id="1", amount=900, quantity=9),), value_returned=40),
        ),
    )
    assert [(one.returned_amount, one.returned_quantity) for one in less.lines] == [
        (1_000, 2),
        (0, 0),
    ]
    assert (less.points_used, less.points_value, less.state) == (70, 50, OrderState.PAID)


def test_points_given_back_never_make_less_than_none_used() -> None:
    less = effective(
        order(points_used=10, points_value=5), parked(refund(points_returned=11, value_returned=9))
    )
    assert (less.points_used, less.points_value) == (0, 0)


def test_a_whole_refund_is_a_cancellation() -> None:
    seen = order(points_used=10)
    less = effective(seen, parked(refund(whole=True)))
    assert (less.state, less.points_used) == (OrderState.CANCELLED, 10)
    assert effective(seen, ()) is seen


def test_what_a_refund_gives_back_beyond_the_order_is_named() -> None:
    seen = order(line("1", 1_000, returned_amount=400, returned_quantity=1), points_used=10)
    fitting = refund(lines=(RefundLine(id="1", amount=600),), points_returned=10)
    assert exceeding(seen, fitting) == []
    beyond = refund(
        lines=(RefundLine(id="1", amount=601), RefundLine(id="9", amount=1)), points_returned=11
    )
    assert exceeding(seen, beyond) == [
        "line 9 is not in the order",
        "line 1: more is given back than is left",
        "more points are given back than were used",
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"state": OrderState.CANCELLED}, "cancelled: nothing earned, nothing used"),
        ({"test": True}, "a test order"),
        ({"currency": "USD"}, "currency USD is not this program's"),
    ],
)
def test_an_order_that_counts_for_nothing_says_why(more: dict[str, Any], reason: str) -> None:
    result = evaluate_order(order(points_used=10, **more), Program())
    assert (result.earned, result.confirmed, result.redeemed, result.base) == (0, 0, 0, 0)
    assert (result.rates, result.reasons) == ((), (f"order: {reason}",))


@pytest.mark.parametrize(
    ("state", "confirmed"),
    [(OrderState.PLACED, 0), (OrderState.PAID, 99), (OrderState.FULFILLED, 99)],
)
def test_an_order_earns_when_placed_and_is_confirmed_when_paid(
    state: OrderState, confirmed: int
) -> None:
    result = evaluate_order(order(points_used=100, points_value=100, state=state), Program())
    assert (result.earned, result.confirmed, result.redeemed, result.base) == (
        99,
        confirmed,
        100,
        9_910,
    )
    reason = "1 per ¥100 on ¥9,910 net of tax: 99"
    assert result.reasons == (
        (reason,) if confirmed else (reason, "confirmation: pending until paid")
    )
    assert [(rate.tax_rate, rate.total, rate.points_discount) for rate in result.rates] == [
        (1000, 10_900, 100)
    ]


def test_a_basket_on_gross_amounts_says_so() -> None:
    program = Program(base="tax_included", points=3, per_yen=200)
    result = evaluate_order(order(line("1", 1_100)), program)
    assert (result.earned, result.confirmed, result.redeemed, result.base) == (15, 15, 0, 1_100)
    assert result.reasons == ("3 per ¥200 on ¥1,100 tax included: 15",)


def test_points_never_pay_more_than_the_goods_cost() -> None:
    seen = order(line("1", 1_100), line("2", 540, tax_rate=800), points_value=2_000)
    result = evaluate_order(seen, Program())
    assert [(rate.total, rate.points_discount) for rate in result.rates] == [(0, 540), (0, 1_100)]
    assert (result.earned, result.base) == (0, 0)


def test_tax_is_added_once_per_rate_and_lines_of_both_kinds_add_up() -> None:
    lines = [
        line("1", 105, tax_included=False),
        line("2", 105, tax_included=False, earns=False),
        line("3", 1_100, returned_amount=100),
        line("4", 220, earns=False),
    ]
    result = evaluate_order(order(*lines), Program())
    assert [rate.total for rate in result.rates] == [210 + 21 + 1_220]
    assert result.base == 1_115 - tax_within(1_115, 1000)


def test_the_most_points_that_may_be_used() -> None:
    basket = [line("1", 1_100)]
    assert max_usable(basket, 5_000, Program()) == 1_100
    assert max_usable(basket, 700, Program()) == 700
    assert max_usable(basket, 5_000, Program(yen_per_point=3)) == 366


def test_tax_is_floored() -> None:
    assert (tax_within(1_099, 1000), tax_within(1_100, 1000)) == (99, 100)
    assert (tax_upon(1_099, 1000), tax_upon(1_250, 800)) == (109, 100)


def test_a_programs_dates_are_midnights_of_its_zone() -> None:
    late = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)  # 1 December, half past midnight in Tokyo
    program = Program(usable="next_day", expires_months=2, restore_days=3)
    midnight = datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert program.usable_from(late) == midnight + timedelta(days=1)
    assert Program().usable_from(late) == late
    assert program.expires_at(late) == datetime(2027, 2, 1, 15, tzinfo=UTC)
    assert Program(expires_months=None).expires_at(late) is None
    assert program.restored_until(late) == midnight + timedelta(days=4)
    assert program.period_of(late) == "2026-12"
    assert (program.slides_months, Program(expiry="sliding").slides_months) == (None, 12)
