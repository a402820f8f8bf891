"""Ten thousand spoilt payloads: each is refused by name, read again, or read as what it says."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Changed, Ignored, MemberSeen, Observation, OrderSeen
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.testing.throws import encoded, seeded, thrown
from renkei_contracts.toolkit.wire import parse
from renkei_shopify import mapping, mapping_graphql, twin_graphql, twin_rest, wire_graphql
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.twin_records import TwinCustomer, TwinOrder
from renkei_shopify.webhooks import ShopifyWebhooks

Connect = Callable[..., Connection[ShopifySettings]]
Deliver = Callable[..., Delivery]
Read = Callable[[str, bytes], list[Observation]]

ORDERS, ANSWERS, REFUNDS, OTHERS = 5_000, 2_500, 1_000, 1_500
ALSO = ("true", "2026-07-01")


@pytest.fixture
def read(connect: Connect, deliver: Deliver) -> Read:
    """What the plugin makes of a body: nothing where it refuses it by name."""
    hooks = ShopifyWebhooks(connect())

    def one(topic: str, body: bytes) -> list[Observation]:
        try:
            return list(hooks.read(deliver(topic, body)))
        except PayloadInvalid:
            return []

    return one


@pytest.fixture
def hanako(twin: TwinApp) -> TwinCustomer:
    return twin.shop.register(HANAKO)


@pytest.fixture
def orders(twin: TwinApp, hanako: TwinCustomer) -> list[TwinOrder]:
    """Plain, discounted and partly given back, cancelled, with tax on top, wholly given back."""
    shop, tea = twin.shop, Item("CHA-01", "緑茶", 3, 1_080, 800)
    items = [tea, Item("KYUSU-01", "急須", 1, 11_220, 1000)]
    place = partial(shop.place, hanako, items)
    plain, back, called_off, whole = place(), place(discounts=[(100,)]), place(), place()
    for order in (plain, back, called_off, whole):
        shop.pay(order)
    shop.refund(back, "CHA-01", 1)
    shop.cancel(called_off)
    shop.refund(whole, "CHA-01", 3)
    shop.refund(whole, "KYUSU-01", 1)
    shop.taxes_included = False
    on_top = place()
    shop.pay(on_top)
    shop.refund(on_top, "CHA-01", 2)
    return [plain, back, called_off, whole, on_top]


def number(value: object) -> Decimal:
    """A decimal text or a JSON number; anything else is none."""
    assert isinstance(value, str | int | float | Decimal)
    assert not isinstance(value, bool)
    return Decimal(str(value))


def share_is_right(line: LineItem, told: dict[str, Any], body: dict[str, Any]) -> bool:
    """Whether the line costs what the body says, and keeps its share by pieces, to the yen."""
    less = sum(number(one["amount"]) for one in told["discount_allocations"])
    if line.amount != number(told["price"]) * told["quantity"] - less:
        return False
    kept = line.amount - line.returned_amount
    if body["financial_status"] == "refunded":
        return kept == 0
    parts = [
        part
        for refund in body["refunds"]
        for part in refund["refund_line_items"]
        if part["line_item_id"] == told["id"]
    ]
    current = told.get("current_quantity")
    removed = 0 if current is None else told["quantity"] - current
    gone = max(sum(part["quantity"] for part in parts), removed)
    exact = line.amount * (told["quantity"] - gone)
    off = abs(kept * told["quantity"] - exact)
    return line.returned_quantity == gone and bool(off <= (len(parts) + 1) * told["quantity"])


def is_right(order: Order, body: dict[str, Any]) -> bool:
    """Whether the order says what the body says, worked out on its own."""
    paid = body["financial_status"] in ("paid", "partially_refunded", "refunded")
    state = (
        OrderState.CANCELLED if body["cancelled_at"] or body["financial_status"] == "voided"
        else OrderState.PLACED if not paid
        else OrderState.FULFILLED if body.get("fulfillment_status") == "fulfilled"
        else OrderState.PAID
    )  # fmt: skip
    lines = [] if state is OrderState.CANCELLED else body["line_items"]
    rates = [
        {number(tax["rate"]) * 10_000 for tax in line["tax_lines"]} or {Decimal(0)}
        for line in lines
    ]
    shopper = body["customer"]
    return bool(
        (order.ref.id, order.state, order.test) == (str(body["id"]), state, body["test"])
        and order.changed_at == datetime.fromisoformat(body["updated_at"])
        and (order.customer.id if order.customer else None)
        == (str(shopper["id"]) if shopper else None)
        and [{Decimal(line.tax_rate)} for line in order.lines] == rates
        and all(line.tax_included is body["taxes_included"] for line in order.lines)
        and order.shipping == sum(number(one["price"]) for one in body["shipping_lines"])
        and all(
            share_is_right(line, told, body) for line, told in zip(order.lines, lines, strict=True)
        )
    )


def test_a_spoilt_order_is_refused_read_again_or_right(read: Read, orders: list[TwinOrder]) -> None:
    came: Counter[str] = Counter()
    for seed, order in enumerate(orders):
        body = twin_rest.order(order)
        (whole,) = read("orders/updated", json.dumps(body).encode())
        assert isinstance(whole, OrderSeen)
        assert is_right(whole.order, body)
        dice = seeded(seed)
        for path, changed in thrown(body, dice, ORDERS // len(orders), also=ALSO):
            raw = encoded(changed, dice)
            seen = next(iter(read("orders/updated", raw)), None)
            came[type(seen).__name__] += 1
            if isinstance(seen, OrderSeen):
                assert is_right(seen.order, json.loads(raw, parse_float=Decimal)), path
    assert sum(came.values()) == ORDERS
    assert came["OrderSeen"] > ORDERS // 5, came
    assert came["Changed"] > ORDERS // 100, came
    assert came["NoneType"] > ORDERS // 5, came


def test_a_spoilt_answer_is_refused_or_right(orders: list[TwinOrder]) -> None:
    understood = 0
    for seed, order in enumerate(orders):
        answer = twin_graphql._order(order, 25)
        refunds = [twin_graphql._refund(one, None, 25) for one in order.refunds]
        for path, changed in thrown(answer, seeded(seed), ANSWERS // len(orders), also=ALSO):
            if (got := of_answer(changed, refunds)) is not None:
                understood += 1
                assert is_right(got, as_webhook(changed, refunds)), path
    assert understood > ANSWERS // 20


def test_a_spoilt_refund_is_refused_or_right(orders: list[TwinOrder]) -> None:
    understood = 0
    refunded = [order for order in orders if order.financial_status == "partially_refunded"]
    for seed, order in enumerate(refunded):
        answer = twin_graphql._order(order, 25)
        refunds = [twin_graphql._refund(one, None, 25) for one in order.refunds]
        for path, changed in thrown(refunds[0], seeded(seed), REFUNDS // len(refunded), also=ALSO):
            told = [changed, *refunds[1:]]
            if (got := of_answer(answer, told)) is not None:
                understood += 1
                assert is_right(got, as_webhook(answer, told)), path
    assert understood > REFUNDS // 25


def of_answer(answer: Any, refunds: list[Any]) -> Order | None:
    """The order of these answers; None: they are refused by name."""
    try:
        node = parse(wire_graphql.Order, answer, "order")
        read = [parse(wire_graphql.Refund, one, "refund") for one in refunds]
        parts = [(one, one.refund_line_items.nodes) for one in read]
        order = mapping_graphql.order(node, node.line_items.nodes, parts)
        return mapping.to_order(order, "shop-a")
    except PayloadInvalid:
        return None


def as_webhook(answer: Any, refunds: list[Any]) -> dict[str, Any]:
    """What a webhook would say of these answers, put together on its own."""
    shopper, status = answer["customer"], answer["displayFinancialStatus"]
    return {
        "id": answer["legacyResourceId"],
        "financial_status": status and status.lower(),
        "fulfillment_status": answer["displayFulfillmentStatus"].lower(),
        "cancelled_at": answer["cancelledAt"],
        "updated_at": answer["updatedAt"],
        "test": answer["test"],
        "taxes_included": answer["taxesIncluded"],
        "customer": shopper and {"id": shopper["legacyResourceId"]},
        "shipping_lines": [{"price": answer["totalShippingPriceSet"]["shopMoney"]["amount"]}],
        "line_items": [line_as_webhook(one) for one in answer["lineItems"]["nodes"]],
        "refunds": [
            {
                "refund_line_items": [
                    {"line_item_id": part["lineItem"]["id"], "quantity": part["quantity"]}
                    for part in one["refundLineItems"]["nodes"]
                ]
            }
            for one in refunds
        ],
    }


def line_as_webhook(line: Any) -> dict[str, Any]:
    return {
        "id": line["id"],
        "quantity": line["quantity"],
        "current_quantity": line["currentQuantity"],
        "price": line["originalUnitPriceSet"]["shopMoney"]["amount"],
        "tax_lines": line["taxLines"],
        "discount_allocations": [
            {"amount": one["allocatedAmountSet"]["shopMoney"]["amount"]}
            for one in line["discountAllocations"]
        ],
    }


def test_a_spoilt_customer_or_hint_is_refused_or_right(
    read: Read, hanako: TwinCustomer, twin: TwinApp, orders: list[TwinOrder]
) -> None:
    other = twin.shop.register(HANAKO)
    bodies = {
        "customers/update": twin_rest.customer(hanako),
        "customers/merge": twin_rest.merged(hanako, other),
        "customers/redact": {"shop_id": 1, "customer": {"id": 7, "email": "a@example.com"}},
        "refunds/create": twin_rest.refund(orders[1], orders[1].refunds[0]),
        "orders/edited": twin_rest.edit(orders[0], orders[0].lines[0], 1),
    }
    understood = 0
    for seed, (topic, body) in enumerate(bodies.items()):
        dice = seeded(seed)
        for path, changed in thrown(body, dice, OTHERS // len(bodies), also=ALSO):
            raw = encoded(changed, dice)
            for seen in read(topic, raw):
                assert isinstance(seen, MemberSeen | Changed | Ignored) or path
                understood += 1
                if isinstance(seen, MemberSeen):
                    told = json.loads(raw)
                    assert seen.member.ref.id == str(told["id"])
                    assert seen.member.family_name == (told.get("last_name") or "")
    assert understood > OTHERS // 5
