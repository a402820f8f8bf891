"""Orders and members: every yen explained, or nothing at all."""

from collections.abc import Callable
from typing import Any

import pytest

from renkei_colorme import wire
from renkei_colorme.mapping import to_member, to_order
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.member import Grade, IdentityKind, Member
from renkei_contracts.order import Order, OrderState
from renkei_contracts.stage import Shopper
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.toolkit.wire import parse

Sale = Callable[..., dict[str, Any]]


def order(row: dict[str, Any]) -> Order:
    return to_order(parse(wire.Sale, row, "order"), "shop")


def member(row: dict[str, Any]) -> Member:
    return to_member(parse(wire.Customer, row, "customer"), "shop")


def on_top(row: dict[str, Any], tax: int) -> dict[str, Any]:
    """The order of a shop whose prices do not hold their tax."""
    for line in row["details"]:
        percent = 8 if line["tax_reduced"] else 10
        line["price_with_tax"] = line["price"] + line["price"] * percent // 100
    total = row["product_total_price"] + tax + row["delivery_total_charge"]
    return {**row, "tax": tax, "total_price": total}


def test_lines_carry_goods_amounts_and_rates_and_the_rest_is_shipping(sale: Sale) -> None:
    row = sale()
    row |= {"fee": 330, "wrapping_total_charge": 200, "total_price": row["total_price"] + 530}
    seen = order(row)
    told = [(one.sku, one.quantity, one.amount, one.tax_rate) for one in seen.lines]
    assert told == [("CHA-01", 2, 2_160, 800), ("KYUSU-01", 1, 11_220, 1000)]
    assert all(line.tax_included for line in seen.lines)
    assert seen.shipping == 550 + 530
    assert seen.state is OrderState.PAID


def test_a_product_is_called_as_it_was_when_it_was_bought(sale: Sale) -> None:
    row = sale()
    row["details"][0] |= {"product_name": "now", "pristine_product_full_name": "then"}
    row["details"][1] |= {"product_name": "now", "pristine_product_full_name": None}
    assert [line.title for line in order(row).lines] == ["then", "now"]


def test_where_tax_comes_on_top_lines_are_without_it(sale: Sale) -> None:
    seen = order(on_top(sale(), 172 + 1_122))
    assert [line.amount for line in seen.lines] == [2_160, 11_220]
    assert not any(line.tax_included for line in seen.lines)


@pytest.mark.parametrize("tax", [0, 1_000, 1_338, 2_000])
def test_tax_on_top_that_is_not_that_of_the_lines_is_refused(sale: Sale, tax: int) -> None:
    with pytest.raises(PayloadInvalid, match="tax"):
        order(on_top(sale(), tax))


@pytest.mark.parametrize("name", ["total_price", "product_total_price", "fee", "point_discount"])
def test_a_total_that_nothing_explains_is_refused(sale: Sale, name: str) -> None:
    row = sale(use_points=1, point_discount=1)
    row["total_price"] -= 1
    assert order(row).points_value == 1
    with pytest.raises(PayloadInvalid):
        order({**row, name: row[name] + 1})


def test_points_are_told_and_not_taken_off_the_lines(sale: Sale) -> None:
    row = sale(use_points=300, point_discount=300)
    row["total_price"] -= 300
    seen = order(row)
    assert (seen.points_used, seen.points_value) == (300, 300)
    assert sum(line.amount for line in seen.lines) == 13_380


def test_points_of_others_are_a_means_of_payment(sale: Sale) -> None:
    row = sale(use_gmo_points=300, gmo_point_discount=300)
    row["total_price"] -= 300
    seen = order(row)
    assert (seen.points_used, seen.points_value) == (0, 0)
    assert sum(line.amount for line in seen.lines) == 13_380


@pytest.mark.parametrize("used", [{"use_points": 5}, {"point_discount": 5}])
def test_points_without_discount_or_a_discount_without_points_are_refused(
    sale: Sale, used: dict[str, int]
) -> None:
    row = sale(**used)
    row["total_price"] -= used.get("point_discount", 0)
    with pytest.raises(PayloadInvalid, match="contradict"):
        order(row)


def discounted(row: dict[str, Any], yen: int, normal: int, reduced: int) -> dict[str, Any]:
    told = {"discount_amount_for_normal_tax": normal, "discount_amount_for_reduced_tax": reduced}
    totals = {**row["totals"], **told}
    total = row["total_price"] - yen
    return {**row, "other_discount": yen, "total_price": total, "totals": totals}


def test_a_discount_is_taken_off_the_lines_of_its_rate_to_the_yen(sale: Sale) -> None:
    row = sale()
    second = {**row["details"][0], "id": 999, "product_num": 1}
    row["details"].append(second)
    row["product_total_price"] += 1_080
    row["total_price"] += 1_080
    seen = order(discounted(row, 1_001, 501, 500))
    assert [line.amount for line in seen.lines] == [2_160 - 333, 11_220 - 501, 1_080 - 167]


@pytest.mark.parametrize(("normal", "reduced"), [(0, 0), (1_000, 0), (501, 501)])
def test_a_discount_that_cannot_be_told_apart_by_rate_is_refused(
    sale: Sale, normal: int, reduced: int
) -> None:
    with pytest.raises(PayloadInvalid, match="tax rate"):
        order(discounted(sale(), 1_001, normal, reduced))


def test_a_discount_as_high_as_the_delivery_is_refused(sale: Sale) -> None:
    with pytest.raises(PayloadInvalid, match="delivery"):
        order(discounted(sale(), 550, 550, 0))


def test_a_discount_above_the_goods_of_its_rate_is_refused(sale: Sale) -> None:
    with pytest.raises(PayloadInvalid, match="exceeds"):
        order(discounted(sale(), 3_000, 0, 3_000))


@pytest.mark.parametrize(
    ("paid", "delivered", "state"),
    [
        (False, False, OrderState.PLACED),
        (False, True, OrderState.PLACED),
        (True, False, OrderState.PAID),
        (True, True, OrderState.FULFILLED),
    ],
)
def test_what_is_not_paid_is_only_placed(
    sale: Sale, paid: bool, delivered: bool, state: OrderState
) -> None:
    assert order(sale(paid=paid, delivered=delivered)).state is state


def test_a_cancelled_order_is_worth_nothing_whatever_its_numbers(
    sale: Sale, shop: TwinShop
) -> None:
    row = sale(canceled=True, use_points=7, total_price=1)
    seen = order(row)
    assert (seen.state, seen.lines, seen.points_used) == (OrderState.CANCELLED, (), 0)
    shop.cancel(row["id"])
    assert order(shop.sales[row["id"]]).lines == ()


@pytest.mark.parametrize("canceled", [False, True])
@pytest.mark.parametrize(("parent", "splitted"), [(0, True), (-1, True), (-1, False)])
def test_an_order_that_was_split_waits_for_a_person_and_so_do_its_parts(
    sale: Sale, canceled: bool, parent: int, splitted: bool
) -> None:
    row = sale(canceled=canceled)
    row["segment"] = {"parent_sale_id": row["id"] + parent, "splitted": splitted}
    with pytest.raises(PayloadInvalid, match=f"split order {row['id'] + parent}: adjust by hand"):
        order(row)


def test_an_order_that_names_itself_as_its_parent_was_not_split(sale: Sale) -> None:
    row = sale()
    row["segment"] = {"parent_sale_id": row["id"], "splitted": False}
    assert order(row).state is OrderState.PAID


def test_a_guest_is_nobody_but_an_address(shop: TwinShop, sale: Sale) -> None:
    row = sale(customer=shop.register(HANAKO, member=False))
    seen = order(row)
    assert seen.customer is None
    assert [(one.kind, one.grade) for one in seen.identities] == [
        (IdentityKind.EMAIL, Grade.ASSERTED)
    ]


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("山田 花子", "山田", "花子"),
        ("山田\u3000花子", "山田", "花子"),
        ("山田花子", "山田花子", ""),
        ("髙﨑 ゑい 子", "髙﨑", "ゑい 子"),
        ("", "", ""),
        (None, "", ""),
    ],
)
def test_a_name_is_split_at_its_first_space(
    shop: TwinShop, name: str | None, family: str, given: str
) -> None:
    seen = member({**shop.register(HANAKO), "name": name})
    assert (seen.family_name, seen.given_name) == (family, given)


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("1999-02-29", "02-29"),
        ("1999-01-01", "01-01"),
        ("1999-02-30", ""),
        ("1999-13-01", ""),
        ("1999-01-1５", ""),
        ("きょう", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_birthday_is_a_day_or_none(shop: TwinShop, told: str | None, day: str) -> None:
    assert member({**shop.register(HANAKO), "birthday": told}).birthday == day


def test_addresses_are_asserted_and_empty_ones_are_none(shop: TwinShop) -> None:
    row = shop.register(Shopper("", "山田", "花子")) | {"tel": "", "tel_mobile": "090-0000-0000"}
    seen = member(row)
    assert [(one.kind, one.value) for one in seen.identities[1:]] == [
        (IdentityKind.PHONE, "090-0000-0000")
    ]
    assert all(one.grade is Grade.ASSERTED for one in seen.identities[1:])
