"""What EC-CUBE's orders and customers mean, to the yen."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from renkei_contracts.errors import NotYet, PayloadInvalid
from renkei_contracts.member import Grade, IdentityKind, Member, MemberState
from renkei_contracts.order import Order, OrderState
from renkei_contracts.stage import Item
from renkei_contracts.toolkit.wire import parse
from renkei_eccube import wire
from renkei_eccube.mapping import Rules, rules, to_member, to_order, to_products
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.twin_rows import item_row
from renkei_eccube.twin_state import TwinLine, discount_line, goods_line

Make = Callable[..., dict[str, Any]]

GIVEN = {"base_url": "https://shop.example.jp", "client_id": "c", "client_secret": "s"}


def set_up(**more: object) -> Rules:
    return rules(EccubeSettings.model_validate({**GIVEN, "points": "companion", **more}))


def read(row: dict[str, Any], **more: object) -> Order:
    return to_order(parse(wire.Order, row, "order"), "shop", set_up(**more))


def member(row: dict[str, Any], **more: object) -> Member:
    return to_member(parse(wire.Customer, row, "customer"), "shop", set_up(**more))


def item(order: dict[str, Any], place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = order["OrderItems"][place]
    return found


class TestAmounts:
    def test_goods_are_with_tax_and_before_points_and_postage_is_apart(self, order: Make) -> None:
        seen = read(order())
        (line,) = seen.lines
        assert (line.sku, line.quantity, line.amount, line.tax_rate) == ("TS-01", 1, 3300, 1000)
        assert (seen.shipping, seen.points_used, seen.points_value) == (500, 100, 100)

    def test_points_of_ec_cube_itself_are_a_discount(self, order: Make) -> None:
        seen = read(order(), points="none")
        assert (seen.lines[0].amount, seen.points_used, seen.points_value) == (3200, 0, 0)

    def test_a_price_with_tax_in_it_is_taken_as_it_is(self, order: Make) -> None:
        row = order()
        item(row).update(price=3300, tax=300, TaxDisplayType={"id": "2"})
        assert read(row).lines[0].amount == 3300

    def test_a_price_without_a_tax_type_is_without_tax(self, order: Make) -> None:
        row = order()
        item(row).update(TaxDisplayType=None, TaxType=None)
        assert read(row).lines[0].amount == 3300

    def test_what_a_point_is_worth_is_what_its_line_says(self, order: Make) -> None:
        seen = read(order(use_point=50))
        assert (seen.points_used, seen.points_value) == (50, 100)

    def test_a_fee_is_no_goods(self, order: Make) -> None:
        row = order(charge=330, total=4030, payment_total=4030)
        fee = deepcopy(item(row, 1)) | {"id": "44", "OrderItemType": {"id": "3"}}
        row["OrderItems"].append(fee | {"price": 330, "tax": 30})
        assert read(row).shipping == 830

    @pytest.mark.parametrize(
        ("rate", "left"),
        [
            (10, [3600, 2160]),  # off the goods of 10 % alone
            (8, [4400, 1360]),
            (0, [3863, 1897]),  # off all, in proportion: 800 of 6,560
            (5, [3863, 1897]),  # no goods of 5 %
        ],
    )
    def test_a_discount_is_off_the_goods_of_its_rate_or_off_all(
        self, order: Make, rate: int, left: list[int]
    ) -> None:
        row = order(use_point=0)
        cup, tea = Item("Y-1", "湯呑み", 1, 4400, 1000), Item("C-1", "緑茶", 2, 1080, 800)
        lines = [goods_line(51, cup), goods_line(52, tea), discount_line(53, 800, rate)]
        row["OrderItems"] = [shown(line) for line in lines]
        sums = {"subtotal": 6560, "discount": 800, "delivery_fee_total": 0}
        row |= sums | {"total": 5760, "payment_total": 5760}
        assert [line.amount for line in read(row).lines] == left

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"total": 3701}, "total"),
            ({"payment_total": 3600}, "payment_total"),
            ({"subtotal": 3299}, "subtotal"),
            ({"discount": 0}, "discount"),
            ({"delivery_fee_total": 0}, "delivery_fee_total"),
            ({"charge": 1}, "charge"),
            ({"use_point": 0}, "contradict"),
            ({"use_point": 1.5}, "fraction"),
            ({"currency_code": "USD"}, "yen"),
            ({"currency_code": None}, "yen"),
        ],
    )
    def test_an_order_that_does_not_add_up_is_refused(
        self, order: Make, changed: dict[str, Any], says: str
    ) -> None:
        with pytest.raises(PayloadInvalid, match=says):
            read(order(**changed))

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"tax_rate": 8}, "tax"),
            ({"tax_rate": 9.5}, "fraction"),
            ({"tax": 200, "price": 3100}, "tax"),
            ({"TaxType": {"id": "3"}}, "tax"),
            ({"quantity": -1}, "sign"),
            ({"quantity": 0.5}, "fraction"),
            ({"price": -3000, "tax": -300}, "sign"),
            ({"OrderItemType": {"id": "7"}}, "kind"),
            ({"OrderItemType": None}, "OrderItemType"),
            ({"price": "3000"}, "price"),
            ({"price": True}, "price"),
            ({"price": 1e13}, "price"),
        ],
    )
    def test_a_line_that_contradicts_itself_is_refused(
        self, order: Make, changed: dict[str, Any], says: str
    ) -> None:
        row = order()
        item(row).update(changed)
        with pytest.raises(PayloadInvalid, match=says):
            read(row)

    def test_a_line_of_tax_alone_is_refused(self, order: Make) -> None:
        row = order(total=3710, payment_total=3710)
        more = deepcopy(item(row, 1)) | {"id": "45", "OrderItemType": {"id": "5"}}
        row["OrderItems"].append(more | {"price": 10, "tax": 0, "TaxType": {"id": "2"}})
        item(row, 3)["tax_rate"] = 0
        with pytest.raises(PayloadInvalid, match="tax alone"):
            read(row)

    def test_a_discount_beyond_the_goods_is_refused(self, order: Make) -> None:
        row = order(discount=3400, use_point=3400, total=400, payment_total=400)
        item(row, 2)["price"] = -3400
        assert read(row).points_value == 3400
        with pytest.raises(PayloadInvalid, match="exceeds its goods"):
            read(row, points="none")


def shown(line: TwinLine) -> dict[str, Any]:
    """The line as an answer has it, whose ids are texts."""
    return item_row(line) | {"id": str(line.id)}


class TestStates:
    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("1", OrderState.PLACED),
            ("4", OrderState.PLACED),
            ("6", OrderState.PAID),
            ("5", OrderState.FULFILLED),
        ],
    )
    def test_a_status_says_how_far_it_has_come(
        self, order: Make, status: str, state: OrderState
    ) -> None:
        assert read(order(OrderStatus={"id": status})).state is state

    def test_what_has_been_paid_for_is_paid(self, order: Make) -> None:
        paid = order(payment_date="2026-07-01T11:00:00+09:00", OrderStatus={"id": "4"})
        assert read(paid).state is OrderState.PAID

    @pytest.mark.parametrize("status", ["7", "8"])
    def test_a_checkout_is_no_order_yet(self, order: Make, status: str) -> None:
        with pytest.raises(NotYet, match="checkout"):
            read(order(OrderStatus={"id": status}))

    def test_a_cancelled_order_is_worth_nothing_whatever_its_amounts(self, order: Make) -> None:
        seen = read(order(OrderStatus={"id": "3"}, total=1))
        assert (seen.state, seen.lines, seen.points_used) == (OrderState.CANCELLED, (), 0)
        assert (seen.shipping, seen.points_value) == (0, 0)

    def test_of_a_returned_order_all_came_back_and_the_points_too(self, order: Make) -> None:
        seen = read(order(OrderStatus={"id": "9"}))
        (line,) = seen.lines
        assert (line.returned_quantity, line.returned_amount) == (1, 3300)
        assert (seen.points_used, seen.points_value) == (0, 0)

    def test_a_status_of_the_shops_own_is_refused_until_the_settings_name_it(
        self, order: Make
    ) -> None:
        row = order(OrderStatus={"id": "11"})
        with pytest.raises(PayloadInvalid, match="state"):
            read(row)
        assert read(row, paid_statuses=["11"]).state is OrderState.PAID

    def test_a_status_of_ec_cubes_own_keeps_its_meaning(self) -> None:
        with pytest.raises(ValidationError, match="EC-CUBE's own"):
            EccubeSettings.model_validate({**GIVEN, "paid_statuses": ["8"]})


class TestBuyer:
    def test_a_member_is_named_by_the_shops_id(self, order: Make) -> None:
        seen = read(order())
        assert seen.customer is not None
        assert (seen.customer.connection, seen.customer.id) == ("shop", "12")

    def test_a_guest_is_nobody_but_has_an_address(self, order: Make) -> None:
        seen = read(order(Customer=None))
        assert seen.customer is None
        assert [(one.kind, one.grade) for one in seen.identities] == [
            (IdentityKind.EMAIL, Grade.ASSERTED),
            (IdentityKind.PHONE, Grade.ASSERTED),
        ]

    def test_the_time_is_read_with_its_zone(self, order: Make) -> None:
        seen = read(order())
        assert seen.changed_at.isoformat() == "2026-07-01T01:00:01+00:00"
        assert seen.placed_at.isoformat() == "2026-07-01T01:00:00+00:00"
        entered = read(order(order_date=None))
        assert entered.placed_at.isoformat() == "2026-07-01T00:58:00+00:00"


class TestMembers:
    def test_a_member_is_who_the_shop_says(self, customer: Make) -> None:
        seen = member(customer())
        assert (seen.family_name, seen.given_name, seen.birthday) == ("山田", "花子", "02-28")
        assert (seen.state, seen.points_seen) == (MemberState.ACTIVE, 230)
        own, mail, phone = seen.identities
        assert (own.value, own.scope, own.grade) == ("12", "shop", Grade.STRONG)
        assert (mail.value, mail.grade) == ("h@example.com", Grade.ASSERTED)
        assert (phone.value, phone.grade) == ("0312345678", Grade.ASSERTED)

    def test_an_address_is_proven_only_where_the_settings_say_so(self, customer: Make) -> None:
        assert member(customer(), trust_email=True).identities[1].grade is Grade.VERIFIED

    def test_who_left_leaves_no_address_that_could_be_matched(self, customer: Make) -> None:
        gone = customer(Status={"id": "3"}, email=f"{'x' * 60}@dummy.dummy")
        seen = member(gone, trust_email=True)
        assert seen.state is MemberState.WITHDRAWN
        assert [one.kind for one in seen.identities] == [IdentityKind.VENDOR_CUSTOMER]
        told = (seen.family_name, seen.given_name, seen.birthday, seen.points_seen)
        assert told == ("", "", "", None)

    def test_who_has_not_confirmed_the_address_is_no_member_yet(self, customer: Make) -> None:
        with pytest.raises(NotYet, match="confirmed"):
            member(customer(Status={"id": "1"}))

    def test_points_of_ec_cubes_own_are_not_seen_as_ours(self, customer: Make) -> None:
        assert member(customer(), points="none").points_seen is None

    def test_a_balance_below_zero_is_read_by_itself_only(self, customer: Make) -> None:
        assert member(customer(point=-5)).points_seen is None

    @pytest.mark.parametrize(
        "changed",
        [
            {"Status": None},
            {"Status": {"id": "4"}},
            {"point": 1.5},
            {"birth": "28.2.1990"},
            {"birth": "1990-02-30T00:00:00+09:00"},
            {"id": "0"},
            {"id": "9999999999"},
            {"update_date": 1_782_000_000},
            {"name01": None},
        ],
    )
    def test_what_cannot_be_understood_is_refused(
        self, customer: Make, changed: dict[str, Any]
    ) -> None:
        with pytest.raises(PayloadInvalid):
            member(customer(**changed))


def test_each_variation_with_a_code_is_a_product() -> None:
    at = "2026-07-01T10:00:01+09:00"
    base = {"stock": None, "stock_unlimited": True, "visible": True, "update_date": at}
    classes = [
        {"id": "11", "code": "TS-01-S", **base},
        {"id": "12", "code": None, **base},
        {"id": "13", "code": "TS-01-L", **base, "visible": False},
    ]
    row = {"id": "3", "name": "Tシャツ", "update_date": at, "ProductClasses": classes}
    (product,) = to_products(parse(wire.Product, row, "product"), "shop")
    assert (product.ref.id, product.sku, product.title) == ("11", "TS-01-S", "Tシャツ")
