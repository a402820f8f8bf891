"""The twin's shop against what the real one recorded: the same stories, the same amounts."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from renkei_contracts.stage import Item, Shopper
from renkei_vendure import twin_wire
from renkei_vendure.twin_prices import spread
from renkei_vendure.twin_shop import CATALOGUE, TwinShop
from renkei_vendure.twin_state import TwinCustomer, TwinOrder

HANAKO = Shopper("hanako@example.jp", "山田", "花子")
GOODS = {item.sku: item for item in CATALOGUE}
RECORDED = json.loads(
    (Path(__file__).parent / "payloads" / "orders-by-story.json").read_text("utf-8")
)["orders"]
NOON = datetime(2026, 11, 27, 3, 0, 0, 456789, tzinfo=UTC)


class Clock:
    """A clock that goes on by two seconds each time something is about to happen."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def tick(self) -> None:
        self.now += timedelta(seconds=2)


class Story:
    """A shop in which one thing happens after another."""

    def __init__(self, **shop: Any) -> None:
        self.clock = Clock()
        self.shop = TwinShop(now=self.clock, **shop)
        self.customer: TwinCustomer = self.shop.register(HANAKO)

    def buy(self, *bought: tuple[str, int], coupon: int = 0) -> TwinOrder:
        self.clock.tick()
        items = [put(sku, quantity) for sku, quantity in bought]
        return self.shop.buy(self.customer, items, coupon=coupon)

    def take_back(self, order: TwinOrder, sku: str, quantity: int = 1) -> None:
        self.clock.tick()
        line = self.shop.line_of(order, sku, quantity)
        amount = line.unit_price * quantity
        self.shop.cancel(order, [(line, quantity)])
        self.shop.pay_back(order, amount)

    def modify(self, order: TwinOrder, sku: str, quantity: int = 1) -> None:
        self.clock.tick()
        self.shop.modify(order, self.shop.line_of(order, sku, quantity), quantity)

    def fulfil(self, order: TwinOrder) -> None:
        self.clock.tick()
        self.shop.fulfil(order)

    def cancel(self, order: TwinOrder) -> None:
        self.clock.tick()
        self.shop.cancel_all(order)
        self.shop.pay_back(order, order.owed)


def put(sku: str, quantity: int) -> Item:
    return replace(GOODS[sku], quantity=quantity)


def paid() -> TwinOrder:
    return Story().buy(("TEA-1", 3), ("CUP-1", 1))


def returned() -> TwinOrder:
    story = Story()
    order = story.buy(("TEA-1", 3), ("CUP-1", 1))
    story.take_back(order, "TEA-1")
    return order


def modified(*more: str) -> tuple[Story, TwinOrder]:
    story = Story()
    order = story.buy(("TEA-1", 3), ("CUP-1", 1))
    story.take_back(order, "TEA-1")
    for sku in ("TEA-1", *more):
        story.modify(order, sku)
    return story, order


def delivered() -> TwinOrder:
    story, order = modified("CUP-1")
    story.fulfil(order)
    return order


def cancelled() -> TwinOrder:
    story = Story()
    order = story.buy(("TEA-1", 2), ("POT-1", 1))
    story.cancel(order)
    return order


def delivered_and_returned() -> tuple[Story, TwinOrder]:
    story = Story()
    order = story.buy(("TEA-1", 2))
    story.fulfil(order)
    story.take_back(order, "TEA-1")
    return story, order


def delivered_returned_cancelled() -> TwinOrder:
    story, order = delivered_and_returned()
    story.cancel(order)
    return order


def piece_by_piece() -> TwinOrder:
    story = Story()
    order = story.buy(("TEA-1", 1), ("CUP-1", 1))
    story.take_back(order, "TEA-1")
    story.take_back(order, "CUP-1")
    return order


def discounted() -> tuple[Story, TwinOrder]:
    story = Story()
    return story, story.buy(("CAKE-1", 2), ("CUP-1", 1), coupon=50_000)


def discounted_and_returned() -> TwinOrder:
    story, order = discounted()
    story.take_back(order, "CAKE-1")
    return order


def discounted_and_modified() -> TwinOrder:
    story = Story()
    order = story.buy(("TEA-1", 3), ("POT-1", 1), coupon=50_000)
    story.modify(order, "TEA-1")
    return order


def without_tax(*, coupon: int = 0) -> tuple[Story, TwinOrder]:
    """The numbers of the goods are prices to which the tax is added."""
    story = Story(taxes_included=False)
    order = story.buy(("CAKE-1", 2) if coupon else ("TEA-1", 3), ("CUP-1", 1), coupon=coupon)
    for line in order.lines:
        line.list_price = line.item.yen * story.shop.unit
    spread(coupon, order.lines)
    order.paid = order.total
    return story, order


def without_tax_and_returned() -> TwinOrder:
    story, order = without_tax()
    story.take_back(order, "TEA-1")
    return order


def of_a_deleted_customer() -> TwinOrder:
    story = Story()
    order = story.buy(("TEA-1", 1), ("CUP-1", 1))
    story.clock.tick()
    line = story.shop.line_of(order, "TEA-1", 1)
    story.shop.pay_back(order, line.unit_price, ((line.id, 1),))
    story.shop.delete(story.customer)
    return order


STORIES: dict[str, Callable[[], TwinOrder]] = {
    "paid": paid,
    "returned": returned,
    "returned then modified": lambda: modified()[1],
    "modified to nothing of a line": lambda: modified("CUP-1")[1],
    "delivered": delivered,
    "cancelled": cancelled,
    "delivered, returned": lambda: delivered_and_returned()[1],
    "delivered, returned, cancelled": delivered_returned_cancelled,
    "returned piece by piece": piece_by_piece,
    "discounted": lambda: discounted()[1],
    "discounted, returned": discounted_and_returned,
    "discounted, modified": discounted_and_modified,
    "refunded in the old way": of_a_deleted_customer,
    "listed without tax": lambda: without_tax()[1],
    "listed without tax, returned": without_tax_and_returned,
    "listed without tax, discounted": lambda: without_tax(coupon=50_000)[1],
    "of a deleted customer": of_a_deleted_customer,
}


def common(order: dict[str, Any]) -> dict[str, Any]:
    """What both say of an order, without names and moments."""
    return {
        **{name: order[name] for name in SAME},
        "customer": order["customer"] is not None,
        "lines": [
            {name: line[name] for name in SAME_OF_A_LINE} | {"sku": line["productVariant"]["sku"]}
            for line in order["lines"]
        ],
        "payments": [
            (one["amount"], one["state"], [refund_of(order, each) for each in one["refunds"]])
            for one in order["payments"]
        ],
        "parcels": len(order["fulfillments"]),
        "modifications": len(order["modifications"]),
    }


SAME = ("type", "state", "active", "subTotalWithTax", "shippingWithTax", "totalWithTax")
SAME_OF_A_LINE = (
    "quantity",
    "orderPlacedQuantity",
    "taxRate",
    "proratedUnitPriceWithTax",
    "proratedLinePriceWithTax",
)


def refund_of(order: dict[str, Any], refund: dict[str, Any]) -> Any:
    places = [line["id"] for line in order["lines"]]
    pieces = [(places.index(one["orderLineId"]), one["quantity"]) for one in refund["lines"]]
    return refund["total"], refund["shipping"], refund["state"], pieces


@pytest.mark.parametrize("story", RECORDED)
def test_a_story_ends_in_the_twin_as_it_did_in_the_real_shop(story: str) -> None:
    assert common(twin_wire.order(STORIES[story]())) == common(RECORDED[story])


@pytest.mark.parametrize(
    ("story", "moves"),
    [
        ("paid", False),
        ("returned", True),
        ("cancelled", True),
        ("returned piece by piece", True),
        ("refunded in the old way", False),
        ("discounted, modified", False),
    ],
)
def test_the_clock_of_an_order_moves_where_the_real_one_does(story: str, moves: bool) -> None:
    for order in (twin_wire.order(STORIES[story]()), RECORDED[story]):
        placed, updated = (moment(order[name]) for name in ("orderPlacedAt", "updatedAt"))
        assert (updated > placed) is moves


def moment(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def test_all_but_the_moment_of_placing_is_kept_in_whole_seconds() -> None:
    order = twin_wire.order(returned())
    (payment,) = order["payments"]
    whole = [order["updatedAt"], payment["createdAt"], payment["refunds"][0]["createdAt"]]
    assert {at.microsecond for at in whole} == {0}
    assert order["orderPlacedAt"].microsecond == 456_000


class TestTold:
    def test_a_purchase_is_told_step_by_step(self) -> None:
        story = Story()
        story.shop.told.clear()
        order = story.buy(("TEA-1", 1))
        assert [(one.event, one.before, one.to) for one in story.shop.told] == [
            ("order.state", "Created", "AddingItems"),
            ("order.state", "AddingItems", "ArrangingPayment"),
            ("payment.state", "Created", "Settled"),
            ("order.state", "ArrangingPayment", "PaymentSettled"),
            ("order.placed", "ArrangingPayment", "PaymentSettled"),
        ]
        assert {(one.kind, one.id, one.code) for one in story.shop.told} == {
            ("order", str(order.id), order.code)
        }

    def test_taking_a_piece_back_is_told_by_its_money_only(self) -> None:
        story = Story()
        order = story.buy(("TEA-1", 2))
        story.shop.told.clear()
        story.take_back(order, "TEA-1")
        assert [one.event for one in story.shop.told] == ["refund.state", "refund.created"]

    def test_taking_the_last_piece_back_cancels_the_order(self) -> None:
        story = Story()
        order = story.buy(("TEA-1", 1))
        story.shop.told.clear()
        story.take_back(order, "TEA-1")
        assert [(one.event, one.to) for one in story.shop.told] == [
            ("order.state", "Cancelled"),
            ("refund.state", "Settled"),
            ("refund.created", None),
        ]

    def test_a_modification_is_told_without_a_new_refund(self) -> None:
        story, order = discounted()
        story.shop.told.clear()
        story.modify(order, "CUP-1")
        assert [(one.event, one.to) for one in story.shop.told] == [
            ("order.state", "Modifying"),
            ("refund.state", "Settled"),
            ("order.state", "PaymentSettled"),
        ]

    def test_a_customer_is_told_of_from_the_first_day_to_the_last(self) -> None:
        story = Story()
        story.shop.rename(story.customer, Shopper("haruko@example.jp", "佐藤", "春子"))
        story.shop.set_points(story.customer, 5)
        story.shop.delete(story.customer)
        assert [(one.event, one.change) for one in story.shop.told] == [
            ("customer.changed", "created"),
            ("account.verified", None),
            ("customer.changed", "updated"),
            ("customer.changed", "updated"),
            ("customer.changed", "deleted"),
        ]

    @pytest.mark.parametrize(
        "recorded",
        ["order.placed-PaymentSettled", "refund.created", "customer.changed-deleted"],
    )
    def test_a_delivery_has_the_shape_of_the_recorded_one(
        self, recorded: str, payload: Callable[[str], Any]
    ) -> None:
        story = Story()
        order = story.buy(("TEA-1", 1))
        story.take_back(order, "TEA-1")
        story.shop.delete(story.customer)
        real = payload(f"webhook-{recorded}")
        told = [one for one in story.shop.told if one.event == recorded.partition("-")[0]]
        sent = twin_wire.delivery(told[-1], secret="hush", at=NOON)
        assert list(json.loads(sent.body)) == list(json.loads(real["body"]))
        assert set(sent.headers) == set(real["headers"])
        assert b", " not in sent.body


class TestRefused:
    def test_an_address_belongs_to_one_customer(self) -> None:
        with pytest.raises(ValueError, match="address"):
            Story().shop.register(HANAKO)

    def test_the_address_of_a_deleted_customer_is_free(self) -> None:
        story = Story()
        story.shop.delete(story.customer)
        assert story.shop.register(HANAKO).id != story.customer.id

    @pytest.mark.parametrize("quantity", [0, 2])
    def test_pieces_that_are_not_there_cannot_be_taken_back(self, quantity: int) -> None:
        story = Story()
        order = story.buy(("TEA-1", 1))
        with pytest.raises(ValueError, match="TEA-1"):
            story.take_back(order, "TEA-1", quantity)
