"""Recorded orders and customers as the hub gets them: amounts, states, clocks, identities."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest

from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_contracts.toolkit.wire import parse
from renkei_vendure import mapping, wire

Payload = Callable[[str], Any]
UNIT = 100


@pytest.fixture
def sent(payload: Payload) -> Callable[..., Any]:
    """A recorded order as sent; keyword arguments replace fields."""

    def make(name: str = "order-paid", **changes: Any) -> Any:
        return {**payload(name)["response"]["data"]["order"], **changes}

    return make


def read(order: Any, unit: int = UNIT) -> Order:
    return mapping.to_order(parse(wire.Order, order, "order"), "shop", unit)


def left(order: Order) -> dict[str, int]:
    return {line.sku: line.amount - line.returned_amount for line in order.lines}


def refund(total: int, **changes: Any) -> dict[str, Any]:
    given = {"total": total, "shipping": 0, "state": "Settled", "lines": []}
    return {**given, "createdAt": "2026-11-26T15:06:00.000Z", **changes}


def refunded(order: Any, *refunds: Any) -> Any:
    changed = deepcopy(order)
    changed["payments"][0]["refunds"] = list(refunds)
    return changed


class TestOrder:
    def test_a_paid_order_has_its_goods_in_yen_with_tax(self, sent: Callable[..., Any]) -> None:
        order = read(sent())
        assert (order.ref.id, order.number) == ("1", "2BRCCTCWZ54VT894")
        assert (order.state, order.currency, order.shipping) == (OrderState.PAID, "JPY", 550)
        assert order.customer is not None
        assert order.customer.id == "1"
        assert [
            (line.sku, line.title, line.quantity, line.amount, line.tax_rate, line.tax_included)
            for line in order.lines
        ] == [
            ("TEA-1", "煎茶", 3, 3240, 800, True),
            ("CUP-1", "有田焼の湯のみ", 1, 3300, 1000, True),
        ]
        assert all(line.returned_amount == 0 for line in order.lines)

    def test_its_address_is_asserted_only(self, sent: Callable[..., Any]) -> None:
        (email,) = read(sent()).identities
        assert (email.value, email.grade) == ("hanako@example.jp", Grade.ASSERTED)

    def test_an_order_without_a_customer_names_nobody(self, sent: Callable[..., Any]) -> None:
        order = read(sent(customer=None))
        assert (order.customer, order.identities) == (None, ())

    def test_what_a_guest_buys_is_nobodys_though_vendure_makes_a_customer_of_each(
        self, sent: Callable[..., Any]
    ) -> None:
        guest = sent()["customer"] | {"user": None}
        order = read(sent(customer=guest))
        assert order.customer is None
        assert [one.grade for one in order.identities] == [Grade.ASSERTED]

    def test_points_are_never_read_as_payment(self, sent: Callable[..., Any]) -> None:
        order = read(sent("order-with-coupon"))
        assert (order.points_used, order.points_value) == (0, 0)

    @pytest.mark.parametrize(
        ("state", "is_now"),
        [
            ("PaymentAuthorized", OrderState.PLACED),
            ("PaymentSettled", OrderState.PAID),
            ("PartiallyShipped", OrderState.PAID),
            ("Shipped", OrderState.FULFILLED),
            ("PartiallyDelivered", OrderState.PAID),
            ("Delivered", OrderState.FULFILLED),
            ("Cancelled", OrderState.CANCELLED),
            ("Modifying", OrderState.PAID),
            ("ArrangingAdditionalPayment", OrderState.PAID),
        ],
    )
    def test_each_state_is_one_of_ours(
        self, sent: Callable[..., Any], state: str, is_now: OrderState
    ) -> None:
        assert read(sent(state=state)).state is is_now

    def test_an_order_that_costs_more_now_is_not_paid(self, sent: Callable[..., Any]) -> None:
        order = sent(state="ArrangingAdditionalPayment", totalWithTax=709001)
        assert read(order).state is OrderState.PLACED

    def test_a_state_of_the_shops_own_is_refused(self, sent: Callable[..., Any]) -> None:
        with pytest.raises(PayloadInvalid, match="state"):
            read(sent(state="CheckedByHand"))

    @pytest.mark.parametrize("changes", [{"orderPlacedAt": None}, {"type": "Seller"}])
    def test_a_cart_and_a_part_of_another_order_are_none(
        self, sent: Callable[..., Any], changes: Any
    ) -> None:
        with pytest.raises(NotFound):
            read(sent(**changes))


class TestGivenBack:
    def test_a_cancelled_piece_comes_off_its_line(self, sent: Callable[..., Any]) -> None:
        order = read(sent("order-line-returned"))
        tea, cup = order.lines
        assert (tea.quantity, tea.amount, tea.returned_quantity, tea.returned_amount) == (
            3,
            3240,
            1,
            1080,
        )
        assert (cup.quantity, cup.amount, cup.returned_quantity) == (1, 3300, 0)

    def test_a_line_is_worth_the_same_before_and_after(self, sent: Callable[..., Any]) -> None:
        before, after = read(sent()), read(sent("order-line-returned"))
        assert [line.amount for line in before.lines] == [line.amount for line in after.lines]

    def test_a_cancelled_piece_counts_before_its_money_goes_back(
        self, sent: Callable[..., Any]
    ) -> None:
        order = sent("order-line-returned")
        assert left(read(refunded(order))) == left(read(order)) == {"TEA-1": 2160, "CUP-1": 3300}

    def test_money_back_without_a_piece_comes_off_all_in_proportion(
        self, sent: Callable[..., Any]
    ) -> None:
        order = read(sent("order-amount-refunded"))
        assert left(order) == {"TEA-1": 2140, "CUP-1": 3270}
        assert [line.returned_quantity for line in order.lines] == [1, 0]

    def test_a_cancelled_order_has_nothing_left(self, sent: Callable[..., Any]) -> None:
        order = read(sent("order-cancelled"))
        assert order.state is OrderState.CANCELLED
        (pot,) = order.lines
        assert (pot.quantity, pot.amount, pot.returned_quantity, pot.returned_amount) == (
            1,
            8800,
            1,
            8800,
        )

    def test_a_refund_of_all_the_money_leaves_nothing(self, sent: Callable[..., Any]) -> None:
        assert left(read(refunded(sent(), refund(709000)))) == {"TEA-1": 0, "CUP-1": 0}

    def test_several_refunds_add_up(self, sent: Callable[..., Any]) -> None:
        order = read(refunded(sent(), refund(300000), refund(354000)))
        assert left(order) == {"TEA-1": 0, "CUP-1": 0}

    @pytest.mark.parametrize("state", ["Pending", "Failed"])
    def test_only_a_settled_refund_counts(self, sent: Callable[..., Any], state: str) -> None:
        order = read(refunded(sent(), refund(100000, state=state)))
        assert sum(left(order).values()) == 6540

    def test_a_refund_that_names_pieces_comes_off_their_line(
        self, sent: Callable[..., Any]
    ) -> None:
        named = refund(330000, lines=[{"orderLineId": "2", "quantity": 1}])
        order = read(refunded(sent(), named))
        assert left(order) == {"TEA-1": 3240, "CUP-1": 0}
        assert [line.returned_quantity for line in order.lines] == [0, 1]

    def test_a_piece_that_was_refunded_by_name_and_cancelled_counts_once(
        self, sent: Callable[..., Any]
    ) -> None:
        named = refund(108000, lines=[{"orderLineId": "1", "quantity": 1}])
        order = read(refunded(sent("order-line-returned"), named))
        assert left(order) == {"TEA-1": 2160, "CUP-1": 3300}
        assert order.lines[0].returned_quantity == 1

    def test_money_known_to_be_for_shipping_is_not_the_goods(
        self, sent: Callable[..., Any]
    ) -> None:
        order = read(refunded(sent(), refund(55000, shipping=55000)))
        assert left(order) == {"TEA-1": 3240, "CUP-1": 3300}

    def test_cancelled_shipping_is_not_the_goods(self, sent: Callable[..., Any]) -> None:
        order = sent(shippingWithTax=0, totalWithTax=654000)
        assert left(read(refunded(order, refund(55000)))) == {"TEA-1": 3240, "CUP-1": 3300}

    def test_a_payment_that_was_only_authorized_owes_nothing(
        self, sent: Callable[..., Any]
    ) -> None:
        order = sent("order-line-returned", state="PaymentAuthorized")
        order["payments"][0] |= {"state": "Authorized", "refunds": []}
        assert left(read(order)) == {"TEA-1": 2160, "CUP-1": 3300}

    def test_a_declined_payment_explains_no_refund(self, sent: Callable[..., Any]) -> None:
        order = refunded(sent(), refund(100000))
        order["payments"].append(order["payments"][0] | {"state": "Declined", "refunds": []})
        assert sum(left(read(order)).values()) == 5540

    def test_a_line_added_by_a_modification_is_sold(self, sent: Callable[..., Any]) -> None:
        order = sent()
        order["lines"][1]["orderPlacedQuantity"] = 0
        assert read(order).lines[1].quantity == 1

    def test_a_surcharge_that_reduces_comes_off_the_goods(self, sent: Callable[..., Any]) -> None:
        order = sent(
            surcharges=[{"priceWithTax": -65400}, {"priceWithTax": 30000}],
            subTotalWithTax=654000 - 65400 + 30000,
        )
        assert left(read(order)) == {"TEA-1": 2916, "CUP-1": 2970}


class TestFractions:
    def test_a_discount_of_the_whole_order_divides_to_the_yen(
        self, sent: Callable[..., Any]
    ) -> None:
        assert left(read(sent("order-with-coupon"))) == {"CAKE-1": 3200, "CUP-1": 3056}

    def test_an_order_that_is_no_whole_yen_is_refused(self, sent: Callable[..., Any]) -> None:
        order = sent("order-with-coupon", subTotalWithTax=625601)
        with pytest.raises(PayloadInvalid, match="fraction"):
            read(order)

    def test_a_refund_that_is_no_whole_yen_is_refused(self, sent: Callable[..., Any]) -> None:
        with pytest.raises(PayloadInvalid, match="fraction"):
            read(refunded(sent(), refund(1050)))

    def test_lines_that_miss_the_subtotal_are_refused(self, sent: Callable[..., Any]) -> None:
        with pytest.raises(PayloadInvalid, match="add up"):
            read(sent(subTotalWithTax=655000))

    def test_a_shop_that_counts_in_yen_is_read_in_yen(self, sent: Callable[..., Any]) -> None:
        assert left(read(sent(), unit=1)) == {"TEA-1": 324000, "CUP-1": 330000}

    @pytest.mark.parametrize(
        ("digits", "unit"),
        [(0, 1), (2, 100), (4, 10_000)],
    )
    def test_the_unit_is_the_shops_own(self, digits: int, unit: int) -> None:
        given = {"serverConfig": {"moneyStrategyPrecision": digits}}
        assert mapping.unit_of(parse(wire.GlobalSettings, given, "settings")) == unit

    @pytest.mark.parametrize("rate", [8.125, -1, 100.5])
    def test_an_odd_tax_rate_is_refused(self, sent: Callable[..., Any], rate: float) -> None:
        order = sent()
        order["lines"][0]["taxRate"] = rate
        with pytest.raises(PayloadInvalid, match="tax rate"):
            read(order)

    @pytest.mark.parametrize("price", [324000.5, "324000", True, -1, None, 10**30])
    def test_money_is_a_whole_number(self, sent: Callable[..., Any], price: Any) -> None:
        order = sent()
        order["lines"][0]["proratedLinePriceWithTax"] = price
        with pytest.raises(PayloadInvalid):
            read(order)


class TestClock:
    def test_it_is_that_of_the_newest_thing_added(self, sent: Callable[..., Any]) -> None:
        order = read(refunded(sent(), refund(5000)))
        assert order.changed_at == datetime.fromisoformat("2026-11-26T15:06:00Z")
        assert order.placed_at == datetime.fromisoformat("2026-11-26T15:05:40.448Z")

    @pytest.mark.parametrize("what", ["fulfillments", "modifications"])
    def test_a_parcel_and_a_modification_move_it(self, sent: Callable[..., Any], what: str) -> None:
        order = read(sent(**{what: [{"createdAt": "2026-11-27T00:00:00.000Z"}]}))
        assert order.changed_at == datetime.fromisoformat("2026-11-27T00:00:00Z")

    def test_it_does_not_go_back_when_vendure_writes_an_old_moment_back(
        self, sent: Callable[..., Any]
    ) -> None:
        later = sent("order-line-returned", updatedAt="2026-11-26T16:00:00.000Z")
        newest = sent("order-amount-refunded", updatedAt="2026-11-26T15:05:40.000Z")
        assert read(newest).changed_at >= read(later).changed_at


class TestMember:
    @pytest.fixture
    def customer(self, payload: Payload) -> Any:
        return payload("customer")["response"]["data"]["customer"] | {
            "user": {"verified": True, "updatedAt": "2026-11-26T15:05:41.000Z"}
        }

    def member(self, customer: Any, *, trust: bool = False) -> Any:
        parsed = parse(wire.Customer, customer, "customer")
        return mapping.to_member(parsed, "shop", trust_verified_email=trust)

    def grade(self, member: Any) -> Grade:
        (email,) = [one for one in member.identities if one.kind is IdentityKind.EMAIL]
        return email.grade  # type: ignore[no-any-return] # member is Any

    def test_names_address_and_id_are_read(self, customer: Any) -> None:
        member = self.member(customer)
        assert (member.family_name, member.given_name) == ("山田", "花子")
        assert [(one.kind, one.value, one.grade) for one in member.identities] == [
            (IdentityKind.VENDOR_CUSTOMER, "1", Grade.STRONG),
            (IdentityKind.EMAIL, "hanako@example.jp", Grade.ASSERTED),
        ]

    def test_a_verified_address_is_proven_where_the_shop_is_trusted(self, customer: Any) -> None:
        assert self.grade(self.member(customer, trust=True)) is Grade.VERIFIED
        assert self.grade(self.member(customer)) is Grade.ASSERTED

    def test_an_address_that_is_not_verified_is_never_proven(self, customer: Any) -> None:
        customer["user"]["verified"] = False
        assert self.grade(self.member(customer, trust=True)) is Grade.ASSERTED

    def test_a_guest_proves_nothing(self, customer: Any) -> None:
        assert self.grade(self.member(customer | {"user": None}, trust=True)) is Grade.ASSERTED

    def test_a_telephone_number_is_asserted(self, customer: Any) -> None:
        (*_, phone) = self.member(customer | {"phoneNumber": "090-0000-0000"}).identities
        assert (phone.kind, phone.grade) == (IdentityKind.PHONE, Grade.ASSERTED)

    def test_the_points_in_the_shop_are_not_read_back(self, customer: Any) -> None:
        assert customer["customFields"] == {"hubPoints": 1234}
        assert self.member(customer).points_seen is None

    def test_following_the_mailed_link_moves_the_clock(self, customer: Any) -> None:
        changed = self.member(customer).changed_at
        assert changed == datetime.fromisoformat("2026-11-26T15:05:41Z")

    def test_a_refusal_names_the_field_and_not_the_person(self, customer: Any) -> None:
        with pytest.raises(PayloadInvalid) as refusal:
            self.member(customer | {"lastName": "山" * 501})
        assert "family_name" in str(refusal.value)
        assert "山" not in str(refusal.value)
