"""Orders and customers as the hub's: amounts, refunds, coupons, states."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_woocommerce import wire
from renkei_woocommerce.mapping import states, to_member, to_order

Make = Callable[..., dict[str, Any]]


def mapped(row: dict[str, Any], refunds: Sequence[dict[str, Any]] = ()) -> Order:
    found = [wire.Refund.model_validate(one) for one in refunds]
    row["refunds"] = [{"id": one.id, "total": str(-one.amount)} for one in found]
    return to_order(wire.Order.model_validate(row), found, "shop", states(["sent"]))


def back(order: Order) -> list[tuple[int, int]]:
    return [(line.returned_quantity, line.returned_amount) for line in order.lines]


def with_lines(row: dict[str, Any], of: str, **changed: object) -> dict[str, Any]:
    """The order with its first line alone, changed."""
    return {**row, "line_items": [{**row["line_items"][0], **changed}], "total": of}


def test_lines_are_with_tax_where_prices_include_it(order: Make) -> None:
    seen = mapped(order())
    told = [(one.sku, one.quantity, one.amount, one.tax_rate) for one in seen.lines]
    assert told == [("TS-01", 2, 6000, 1000), ("CHA-01", 1, 1080, 800)]
    assert all(one.tax_included for one in seen.lines)
    assert (seen.shipping, seen.currency, seen.number) == (500, "JPY", "727")
    assert seen.changed_at.isoformat() == "2026-07-01T01:00:05+00:00"


def test_lines_are_without_tax_where_prices_exclude_it(order: Make) -> None:
    seen = mapped(order(prices_include_tax=False))
    assert [(one.amount, one.tax_included) for one in seen.lines] == [(5455, False), (1000, False)]


def test_a_guest_is_nobody_with_an_address(order: Make) -> None:
    seen = mapped(order(customer_id=0))
    assert seen.customer is None
    assert [one.grade for one in seen.identities] == [Grade.ASSERTED, Grade.ASSERTED]


@pytest.mark.parametrize(
    ("status", "paid", "state"),
    [
        ("pending", None, OrderState.PLACED),
        ("on-hold", None, OrderState.PLACED),
        ("on-hold", "2026-07-01T01:00:04", OrderState.PAID),
        ("failed", "2026-07-01T01:00:04", OrderState.PLACED),
        ("processing", None, OrderState.PAID),
        ("sent", None, OrderState.PAID),
        ("completed", None, OrderState.FULFILLED),
        ("cancelled", "2026-07-01T01:00:04", OrderState.CANCELLED),
        ("trash", None, OrderState.CANCELLED),
    ],
)
def test_each_status_is_a_state(
    order: Make, status: str, paid: str | None, state: OrderState
) -> None:
    assert mapped(order(status=status, date_paid_gmt=paid)).state is state


@pytest.mark.parametrize("status", ["cancelled", "trash"])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"total": "0", "shipping_total": "0", "shipping_tax": "0"},
        {"total": "7000"},
        {"tax_lines": []},
        {"fee_lines": [{"total": "-300", "total_tax": "-30"}], "total": "7250"},
    ],
)
def test_a_cancelled_order_is_worth_nothing_whatever_its_amounts(
    order: Make, status: str, changed: dict[str, Any]
) -> None:
    seen = mapped(order(status=status, **changed))
    assert (seen.state, seen.lines, seen.shipping) == (OrderState.CANCELLED, (), 0)


def test_a_cancelled_order_still_tells_which_coupons_of_ours_it_had(order: Make) -> None:
    codes = ("summer", "hld_1", "294000000000000018")
    row = order(status="cancelled")
    row["coupon_lines"] = [{"code": one, "discount": "1", "discount_tax": "0"} for one in codes]
    seen = mapped(row)
    assert (seen.hold_codes, seen.coupons) == (("hld_1",), ("294000000000000018",))


def test_a_cancelled_order_needs_no_refunds_that_fit(order: Make, refund: Make) -> None:
    for one in (refund(730, {}, "3000"), refund(731, {999: (-1, "-100", "-10")}, "110")):
        assert mapped(order(status="cancelled"), [one]).state is OrderState.CANCELLED


def test_a_status_of_another_plugin_is_refused_until_the_settings_name_it(order: Make) -> None:
    with pytest.raises(PayloadInvalid, match="state is a word"):
        mapped(order(status="gone-fishing"))


def test_pieces_and_money_come_back_by_the_refunds_own_lines(order: Make, refund: Make) -> None:
    one = refund(730, {315: (-1, "-2727", "-273"), 316: (0, "-100", "-8")}, "3108")
    assert back(mapped(order(), [one])) == [(1, 3000), (0, 108)]
    two = refund(731, {315: (-1, "-2728", "-272")}, "3000")
    assert back(mapped(order(), [one, two])) == [(2, 6000), (0, 108)]


def test_a_yen_of_rounding_of_the_last_refund_leaves_nothing(order: Make, refund: Make) -> None:
    gone = refund(730, {315: (-2, "-5454", "-545")}, "5999")
    assert back(mapped(order(), [gone])) == [(2, 6000), (0, 0)]


def test_money_without_lines_up_to_postage_and_fees_is_for_no_goods(
    order: Make, refund: Make
) -> None:
    assert back(mapped(order(), [refund(730, {}, "500")])) == [(0, 0), (0, 0)]
    fee = {"id": 1, "total": "300", "total_tax": "30"}
    row = order(fee_lines=[fee], total="7910")
    assert back(mapped(row, [refund(730, {}, "830")])) == [(0, 0), (0, 0)]
    parcel = refund(730, {315: (-1, "-2727", "-273")}, "3500")
    assert back(mapped(order(), [parcel])) == [(1, 3000), (0, 0)]


@pytest.mark.parametrize("included", [True, False])
def test_money_for_goods_without_lines_is_left_to_a_person(
    order: Make, refund: Make, included: bool
) -> None:
    by_line = refund(730, {315: (-1, "-2727", "-273")}, "3000")
    for refunds in (
        [refund(730, {}, "501")],
        [refund(730, {}, "300"), refund(731, {}, "300")],
        [by_line, refund(731, {}, "502")],
        [refund(730, {315: (-1, "-2727", "-273")}, "3502")],
    ):
        with pytest.raises(PayloadInvalid, match="by hand"):
            mapped(order(prices_include_tax=included), refunds)


@pytest.mark.parametrize("amount", ["2998", "-1", "0"])
def test_a_refund_smaller_than_its_own_lines_is_refused(
    order: Make, refund: Make, amount: str
) -> None:
    with pytest.raises(PayloadInvalid, match="smaller than its lines"):
        mapped(order(), [refund(730, {315: (-1, "-2727", "-273")}, amount)])


def test_a_refund_below_zero_is_refused(order: Make, refund: Make) -> None:
    with pytest.raises(PayloadInvalid, match="smaller"):
        mapped(order(), [refund(730, {}, "-1")])


def test_money_without_lines_that_is_all_of_it_brings_all_back(order: Make, refund: Make) -> None:
    whole = [refund(730, {}, "500"), refund(731, {}, "7080")]
    assert back(mapped(order(), whole)) == [(2, 6000), (1, 1080)]
    assert back(mapped(order(status="refunded"))) == [(2, 6000), (1, 1080)]


@pytest.mark.parametrize(
    ("lines", "amount", "why"),
    [
        ({999: (-1, "-100", "-10")}, "110", "does not have"),
        ({315: (-3, "-5455", "-545")}, "6000", "more was given back"),
        ({315: (-1, "-6000", "-600")}, "6600", "more was given back"),
        ({315: (1, "-2727", "-273")}, "3000", "below zero"),
        ({315: (-1, "2727", "273")}, "1", "negative"),
    ],
)
def test_a_refund_that_does_not_fit_is_refused(
    order: Make, refund: Make, lines: Any, amount: str, why: str
) -> None:
    with pytest.raises(PayloadInvalid, match=why):
        mapped(order(), [refund(730, lines, amount)])


def test_a_refund_that_does_not_name_a_line_is_refused(order: Make, refund: Make) -> None:
    one = refund(730, {315: (-1, "-2727", "-273")}, "3000")
    one["line_items"][0]["meta_data"] = []
    with pytest.raises(PayloadInvalid, match="does not say which"):
        mapped(order(), [one])


@pytest.mark.parametrize(
    ("code", "holds", "coupons"),
    [("hld-01h", ("hld-01h",), ()), ("294000000000000018", (), ("294000000000000018",))],
)
def test_lines_count_before_a_coupon_of_ours(
    order: Make, code: str, holds: tuple[str, ...], coupons: tuple[str, ...]
) -> None:
    row = with_lines(order(), "5950", total="4955", total_tax="495")
    row["line_items"][0]["taxes"][0]["total"] = "495.45"
    row["coupon_lines"] = [{"id": 9, "code": code, "discount": "500", "discount_tax": "50"}]
    seen = mapped(row)
    assert [line.amount for line in seen.lines] == [6000]
    assert (seen.hold_codes, seen.coupons) == (holds, coupons)


def test_of_a_line_with_a_coupon_of_ours_the_pieces_share_comes_back(
    order: Make, refund: Make
) -> None:
    row = with_lines(order(), "5950", total="4955", total_tax="495")
    row["coupon_lines"] = [{"code": "hld_1", "discount": "500", "discount_tax": "50"}]
    one = refund(730, {315: (-1, "-2477", "-248")}, "2725")
    assert back(mapped(row, [one])) == [(1, 3000)]
    odd = refund(730, {315: (-1, "-1000", "-100")}, "1100")
    with pytest.raises(PayloadInvalid, match="do not agree"):
        mapped(row, [odd])


def test_lines_count_after_the_shops_own_coupon(order: Make) -> None:
    row = with_lines(order(), "5950", total="4955", total_tax="495")
    row["coupon_lines"] = [{"code": "summer", "discount": "500", "discount_tax": "50"}]
    seen = mapped(row)
    assert ([line.amount for line in seen.lines], seen.coupons) == ([5450], ())


def test_coupons_of_both_on_one_order_are_refused(order: Make) -> None:
    row = with_lines(order(), "5950", total="4955", total_tax="495")
    row["coupon_lines"] = [
        {"code": "summer", "discount": "250", "discount_tax": "25"},
        {"code": "hld_1", "discount": "250", "discount_tax": "25"},
    ]
    with pytest.raises(PayloadInvalid, match="coupons of ours"):
        mapped(row)


def test_a_fee_is_no_goods(order: Make) -> None:
    fee = {"id": 1, "total": "300", "total_tax": "30"}
    seen = mapped(order(fee_lines=[fee], total="7910"))
    assert (seen.shipping, sum(line.amount for line in seen.lines)) == (830, 7080)


@pytest.mark.parametrize(
    "changed",
    [
        {"fee_lines": [{"total": "-300", "total_tax": "-30"}], "total": "7250"},
        {"total": "7000"},
        {"total": "7580.50", "shipping_tax": "45.50"},
        {"tax_lines": []},
        {"coupon_lines": [{"code": "summer", "discount": "500", "discount_tax": "50"}]},
    ],
)
def test_an_amount_that_is_not_certain_is_refused(order: Make, changed: dict[str, Any]) -> None:
    with pytest.raises(PayloadInvalid):
        mapped(order(**changed))


@pytest.mark.parametrize(
    "wrong",
    [{"compound": True}, {"rate_percent": None}, {"rate_percent": 5}, {"rate_percent": 0.0}],
)
def test_a_tax_rate_that_is_not_certain_is_refused(order: Make, wrong: dict[str, object]) -> None:
    row = order()
    row["tax_lines"][0].update(wrong)
    with pytest.raises(PayloadInvalid):
        mapped(row)


def test_two_rates_on_one_line_add_up(order: Make) -> None:
    row = order()
    row["tax_lines"][0]["rate_percent"] = 7.8
    row["tax_lines"].append({"rate_id": 3, "compound": False, "rate_percent": 2.2})
    row["line_items"][0]["taxes"].append({"id": 3, "total": "120", "subtotal": "120"})
    assert mapped(row).lines[0].tax_rate == 1000


def test_decimals_are_taken_where_the_sum_is_whole(order: Make) -> None:
    cents = {"total": "5454.55", "total_tax": "545.45"}
    before = {"subtotal": "5454.55", "subtotal_tax": "545.45"}
    assert mapped(with_lines(order(), "6500.00", **cents, **before)).lines[0].amount == 6000
    with pytest.raises(PayloadInvalid, match="fraction"):
        mapped(with_lines(order(), "6500.00", **{**cents, "total_tax": "545.46"}, **before))


def member(row: dict[str, Any], *, trust: bool = False) -> Any:
    return to_member(wire.Customer.model_validate(row), "shop", "_renkei_points", trust_email=trust)


def test_a_customers_address_is_proven_only_where_the_shop_proves_it(customer: Make) -> None:
    for trust, grade in ((False, Grade.ASSERTED), (True, Grade.VERIFIED)):
        found = member(customer(), trust=trust).identities
        mails = [one for one in found if one.kind is IdentityKind.EMAIL]
        assert [(one.value, one.grade) for one in mails] == [("h@example.com", grade)]


def test_a_customer_without_a_name_has_the_one_on_the_bill(customer: Make) -> None:
    seen = member(customer(first_name="", last_name=""))
    assert (seen.family_name, seen.given_name) == ("山", "花")


def test_a_customer_who_never_changed_is_as_old_as_the_account(customer: Make) -> None:
    assert member(customer()).changed_at.isoformat() == "2026-06-01T00:00:00+00:00"
    later = member(customer(date_modified_gmt="2026-06-02T00:00:00"))
    assert later.changed_at.day == 2


@pytest.mark.parametrize("value", ["", "-1", "1.5", None, [], "1e3", "１２", "²"])
def test_points_that_are_no_number_are_refused(customer: Make, value: object) -> None:
    with pytest.raises(PayloadInvalid):
        member(customer(meta_data=[{"id": 1, "key": "_renkei_points", "value": value}]))
