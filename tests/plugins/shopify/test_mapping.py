"""What an order is worth to the hub, to the yen, or nothing at all."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind, MemberState
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import mapping, wire

Payload = Callable[[str], dict[str, Any]]


def order_of(body: dict[str, Any]) -> Order:
    sent = json.loads(json.dumps(body), parse_float=Decimal)
    return mapping.to_order(parse(wire.Order, sent, "order"), "shop-a")


def line_of(body: dict[str, Any]) -> LineItem:
    (line,) = order_of(body).lines
    return line


@pytest.fixture
def body(payload: Payload) -> dict[str, Any]:
    return payload("order_paid")


@pytest.fixture
def line(body: dict[str, Any]) -> dict[str, Any]:
    """The only line of ``body``: 2 x 1500 yen less 200, 10 %."""
    first: dict[str, Any] = body["line_items"][0]
    return first


def refund(quantity: int, subtotal: float, tax: float = 0, line: int = 13123) -> dict[str, Any]:
    part = {"line_item_id": line, "quantity": quantity, "subtotal": subtotal, "total_tax": tax}
    return {"refund_line_items": [part]}


class TestHead:
    def test_ids_numbers_and_buyer_are_taken_over(self, body: dict[str, Any]) -> None:
        order = order_of(body)
        assert (order.number, order.currency, order.test) == ("#1001", "JPY", False)
        assert order.customer == ExternalRef(connection="shop-a", id="7123456789")

    def test_times_are_read_with_the_shops_offset(self, body: dict[str, Any]) -> None:
        order = order_of(body)
        assert order.changed_at == datetime(2026, 7, 1, 1, 0, 8, tzinfo=UTC)
        assert order.placed_at == datetime(2026, 7, 1, 0, 59, 58, tzinfo=UTC)

    def test_without_processed_at_the_order_was_placed_when_it_was_created(
        self, body: dict[str, Any]
    ) -> None:
        body["processed_at"] = None
        assert order_of(body).placed_at == datetime(2026, 7, 1, 1, 0, tzinfo=UTC)

    def test_a_time_without_zone_is_refused(self, body: dict[str, Any]) -> None:
        body["updated_at"] = "2026-07-01T10:00:08"
        with pytest.raises(PayloadInvalid):
            order_of(body)

    def test_the_address_typed_at_checkout_proves_nothing(self, body: dict[str, Any]) -> None:
        (identity,) = order_of(body).identities
        assert (identity.kind, identity.grade) == (IdentityKind.EMAIL, Grade.ASSERTED)

    def test_a_guest_or_till_sale_has_no_customer(self, body: dict[str, Any]) -> None:
        body |= {"customer": None, "email": None, "location_id": 487838322, "source_name": "pos"}
        order = order_of(body)
        assert (order.customer, order.identities, order.location) == (None, (), "487838322")

    def test_a_test_order_is_marked(self, body: dict[str, Any]) -> None:
        body["test"] = True
        assert order_of(body).test

    def test_another_currency_is_refused_by_name_before_its_fractions(
        self, body: dict[str, Any]
    ) -> None:
        body |= {"currency": "USD"}
        body["line_items"][0]["price"] = "10.50"
        with pytest.raises(PayloadInvalid, match=f"^order {body['id']} is in 'USD'"):
            order_of(body)

    def test_shipping_is_no_line(self, body: dict[str, Any]) -> None:
        order = order_of(body)
        assert order.shipping == 500
        assert sum(line.amount for line in order.lines) == 2800

    def test_the_total_of_shipping_goes_before_its_parts(self, body: dict[str, Any]) -> None:
        body["total_shipping_price_set"] = {"shop_money": {"amount": "300.00"}}
        assert order_of(body).shipping == 300

    def test_restating_twice_is_equal(self, body: dict[str, Any]) -> None:
        assert order_of(body) == order_of(body)

    @pytest.mark.parametrize(
        "key", ["id", "updated_at", "currency", "taxes_included", "test", "line_items", "refunds"]
    )
    def test_a_null_that_decides_something_is_refused(self, body: dict[str, Any], key: str) -> None:
        body[key] = None
        with pytest.raises(PayloadInvalid):
            order_of(body)


class TestState:
    @pytest.mark.parametrize(
        ("financial", "state"),
        [
            (None, OrderState.PLACED),
            ("pending", OrderState.PLACED),
            ("authorized", OrderState.PLACED),
            ("partially_paid", OrderState.PLACED),
            ("expired", OrderState.PLACED),
            ("paid", OrderState.PAID),
            ("partially_refunded", OrderState.PAID),
            ("refunded", OrderState.PAID),
            ("voided", OrderState.CANCELLED),
        ],
    )
    def test_the_money_decides_the_state(
        self, body: dict[str, Any], financial: str | None, state: OrderState
    ) -> None:
        body["financial_status"] = financial
        assert order_of(body).state is state

    def test_a_paid_order_that_was_shipped_is_fulfilled(self, body: dict[str, Any]) -> None:
        body["fulfillment_status"] = "fulfilled"
        assert order_of(body).state is OrderState.FULFILLED

    @pytest.mark.parametrize("fulfillment", ["partial", "restocked", "unfulfilled"])
    def test_a_paid_order_not_wholly_shipped_is_paid(
        self, body: dict[str, Any], fulfillment: str
    ) -> None:
        body["fulfillment_status"] = fulfillment
        assert order_of(body).state is OrderState.PAID

    def test_an_unpaid_order_that_was_shipped_is_only_placed(self, body: dict[str, Any]) -> None:
        body |= {"financial_status": "pending", "fulfillment_status": "fulfilled"}
        assert order_of(body).state is OrderState.PLACED

    def test_a_cancelled_order_is_cancelled_whatever_was_paid(self, body: dict[str, Any]) -> None:
        body["cancelled_at"] = "2026-07-01T11:00:00+09:00"
        assert order_of(body).state is OrderState.CANCELLED

    def test_a_cancelled_order_is_cancelled_whatever_its_lines_say(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line["tax_lines"].append({"title": "another", "rate": 0.08})
        with pytest.raises(PayloadInvalid):
            order_of(body)
        body["cancelled_at"] = "2026-07-01T11:00:00+09:00"
        assert (order_of(body).state, order_of(body).lines) == (OrderState.CANCELLED, ())

    def test_an_unknown_status_is_refused(self, body: dict[str, Any]) -> None:
        body["financial_status"] = "surprising"
        with pytest.raises(PayloadInvalid):
            order_of(body)


class TestAmount:
    def test_a_line_costs_its_price_less_its_discounts(self, body: dict[str, Any]) -> None:
        line = line_of(body)
        assert (line.quantity, line.amount, line.tax_rate) == (2, 2800, 1000)
        assert line.tax_included

    def test_several_discounts_add_up(self, body: dict[str, Any], line: dict[str, Any]) -> None:
        line["discount_allocations"] = [{"amount": "200"}, {"amount": "333.00"}]
        assert line_of(body).amount == 2467

    def test_prices_without_tax_are_told_as_such(self, body: dict[str, Any]) -> None:
        body["taxes_included"] = False
        assert not line_of(body).tax_included

    def test_a_gift_card_earns_nothing(self, body: dict[str, Any], line: dict[str, Any]) -> None:
        line |= {"gift_card": True, "tax_lines": []}
        assert not line_of(body).earns

    @pytest.mark.parametrize("price", ["1500", "1500.0", "1500.00", 1500, 1500.0])
    def test_yen_may_be_written_with_an_empty_fraction(
        self, body: dict[str, Any], line: dict[str, Any], price: Any
    ) -> None:
        line["price"] = price
        assert line_of(body).amount == 2800

    @pytest.mark.parametrize(
        "price",
        ["1500.5", "-1500", "1e20", "1e999999999", "NaN", "Infinity", "", "1,500", None],
    )
    def test_a_price_that_is_no_whole_yen_is_refused(
        self, body: dict[str, Any], line: dict[str, Any], price: Any
    ) -> None:
        line["price"] = price
        with pytest.raises(PayloadInvalid):
            order_of(body)

    def test_discounts_above_the_price_are_refused(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line["discount_allocations"] = [{"amount": "3001"}]
        with pytest.raises(PayloadInvalid):
            order_of(body)

    @pytest.mark.parametrize("quantity", [-1, 1.5, "2", True, None])
    def test_a_quantity_that_is_no_count_is_refused(
        self, body: dict[str, Any], line: dict[str, Any], quantity: Any
    ) -> None:
        line["quantity"] = quantity
        with pytest.raises(PayloadInvalid):
            order_of(body)

    def test_two_lines_of_one_id_are_refused(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        body["line_items"].append(line)
        with pytest.raises(PayloadInvalid):
            order_of(body)


class TestTaxRate:
    @pytest.mark.parametrize(
        ("lines", "rate"),
        [
            ([], 0),
            ([{"title": "消費税", "rate": 0.1}], 1000),
            ([{"title": "消費税", "rate": 0.08}], 800),
            ([{"title": "消費税", "rate": 0}], 0),
            ([{"title": "消費税", "rate": 0.08}, {"title": "消費税", "rate": 0.08}], 800),
        ],
    )
    def test_a_rate_is_read_in_basis_points(
        self, body: dict[str, Any], line: dict[str, Any], lines: list[Any], rate: int
    ) -> None:
        line["tax_lines"] = lines
        assert line_of(body).tax_rate == rate

    @pytest.mark.parametrize(
        "lines",
        [
            [{"title": "国税", "rate": 0.078}, {"title": "地方税", "rate": 0.022}],
            [{"title": "消費税", "rate": None}],
            [{"title": "消費税", "rate": 0.00001}],
            [{"title": "消費税", "rate": 10}],
            [{"title": "消費税", "rate": -0.1}],
            None,
        ],
        ids=["several", "null", "too-fine", "percent", "negative", "none"],
    )
    def test_a_rate_that_could_be_wrong_is_refused(
        self, body: dict[str, Any], line: dict[str, Any], lines: Any
    ) -> None:
        line["tax_lines"] = lines
        with pytest.raises(PayloadInvalid):
            order_of(body)


class TestReturns:
    def test_a_refund_gives_back_pieces_and_their_money(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line["current_quantity"] = 1
        body["refunds"] = [refund(1, 1400.0, 127.0)]
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (1, 1400)

    def test_a_subtotal_without_tax_is_recognized_where_prices_include_it(
        self, body: dict[str, Any]
    ) -> None:
        body["refunds"] = [refund(1, 1273.0, 127.0)]
        assert line_of(body).returned_amount == 1400

    def test_tax_is_left_out_where_prices_do_not_include_it(self, body: dict[str, Any]) -> None:
        body["taxes_included"] = False
        body["refunds"] = [refund(1, 1400.0, 140.0)]
        assert line_of(body).returned_amount == 1400

    def test_no_tax_is_added_to_a_refund_where_prices_do_not_include_it(
        self, body: dict[str, Any]
    ) -> None:
        body["taxes_included"] = False
        body["refunds"] = [refund(1, 1273.0, 127.0)]
        with pytest.raises(PayloadInvalid, match="do not agree"):
            order_of(body)

    def test_several_refunds_add_up(self, body: dict[str, Any], line: dict[str, Any]) -> None:
        line |= {"quantity": 3, "discount_allocations": [{"amount": "100"}]}
        body["refunds"] = [refund(1, 1467.0), refund(1, 1466.0)]
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (2, 2933)

    def test_when_every_piece_is_back_the_whole_amount_is(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line["current_quantity"] = 0
        body["refunds"] = [refund(2, 2799.0)]
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (2, back.amount)

    def test_an_order_wholly_refunded_keeps_no_amount(self, body: dict[str, Any]) -> None:
        body["financial_status"] = "refunded"
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (0, back.amount)

    def test_pieces_removed_by_an_edit_take_their_share(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line |= {"quantity": 3, "current_quantity": 2, "discount_allocations": []}
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (1, 1500)

    def test_an_edit_and_a_refund_are_both_counted(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line |= {"quantity": 3, "current_quantity": 1, "discount_allocations": []}
        body["refunds"] = [refund(1, 1500.0)]
        back = line_of(body)
        assert (back.returned_quantity, back.returned_amount) == (2, 3000)

    def test_a_line_of_no_pieces_is_worth_nothing(
        self, body: dict[str, Any], line: dict[str, Any]
    ) -> None:
        line |= {"quantity": 0, "current_quantity": 0, "discount_allocations": []}
        assert line_of(body).amount == 0

    @pytest.mark.parametrize(
        "refunds",
        [
            [refund(1, 1000.0)],
            [refund(1, 2800.0)],
            [refund(3, 4200.0)],
            [refund(0, 500.0)],
            [refund(1, -1400.0)],
            [refund(1, 1400.5)],
            [refund(1, 1400.0, line=9)],
            [{"refund_line_items": None}],
        ],
        ids=["less", "more", "too-many", "no-pieces", "negative", "fraction", "foreign", "null"],
    )
    def test_a_refund_that_does_not_fit_its_line_is_refused(
        self, body: dict[str, Any], refunds: list[Any]
    ) -> None:
        body["refunds"] = refunds
        with pytest.raises(PayloadInvalid):
            order_of(body)


class TestMember:
    def member(self, body: dict[str, Any], **changed: Any) -> Any:
        sent = parse(wire.Customer, {**body, **changed}, "customer")
        return mapping.to_member(sent, "shop-a", trust_verified_email=True)

    def test_the_vendors_own_id_is_the_strongest_identity(self, payload: Payload) -> None:
        first = self.member(payload("customer")).identities[0]
        assert (first.kind, first.scope, first.value, first.grade) == (
            IdentityKind.VENDOR_CUSTOMER,
            "shop-a",
            "7123456789",
            Grade.STRONG,
        )

    @pytest.mark.parametrize(
        ("verified", "grade"),
        [(True, Grade.VERIFIED), (False, Grade.ASSERTED), (None, Grade.ASSERTED)],
    )
    def test_an_address_is_as_proven_as_shopify_says(
        self, payload: Payload, verified: bool | None, grade: Grade
    ) -> None:
        member = self.member(payload("customer"), verified_email=verified)
        kinds = {one.kind: one.grade for one in member.identities}
        assert kinds[IdentityKind.EMAIL] is grade

    def test_a_telephone_number_proves_nothing(self, payload: Payload) -> None:
        kinds = {one.kind: one.grade for one in self.member(payload("customer")).identities}
        assert kinds[IdentityKind.PHONE] is Grade.ASSERTED

    def test_a_customer_without_addresses_is_known_by_id_only(self, payload: Payload) -> None:
        member = self.member(
            payload("customer"), email=None, phone=None, first_name=None, last_name=None
        )
        assert [one.kind for one in member.identities] == [IdentityKind.VENDOR_CUSTOMER]

    @pytest.mark.parametrize("state", ["disabled", "invited", "enabled", "declined"])
    def test_the_accounts_state_suspends_nobody(self, payload: Payload, state: str) -> None:
        assert self.member(payload("customer"), state=state).state is MemberState.ACTIVE

    def test_an_error_names_the_field_and_not_its_value(self, payload: Payload) -> None:
        with pytest.raises(PayloadInvalid, match="family_name") as caught:
            self.member(payload("customer"), last_name="山田\x00")
        assert "山田" not in str(caught.value)
