"""Thousands of spoilt payloads: each is refused by name, or read as what it was."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Changed, MemberLeft, MemberSeen, Observation, OrderSeen
from renkei_contracts.testing.suites.orders_money import owed
from renkei_contracts.testing.throws import encoded, seeded, thrown
from renkei_contracts.testing.worth import worth
from renkei_contracts.toolkit.wire import parse
from renkei_woocommerce import wire
from renkei_woocommerce.mapping import to_order
from renkei_woocommerce.webhooks import WooCommerceWebhooks

Make = Callable[..., dict[str, Any]]

ORDERS, REFUNDS, CUSTOMERS, DELETIONS = 6_000, 2_000, 2_000, 1_000


def read(
    hooks: WooCommerceWebhooks, delivery: Callable[..., Delivery], topic: str, body: bytes
) -> list[Observation]:
    try:
        return list(hooks.read(delivery(topic, body)))
    except PayloadInvalid:
        return []


def test_no_spoilt_order_is_worth_another_amount(
    hooks: Callable[..., WooCommerceWebhooks], delivery: Callable[..., Delivery], order: Make
) -> None:
    dice, reader = seeded(727), hooks()
    coupon = [{"id": 9, "code": "summer", "discount": "0", "discount_tax": "0"}]
    fee = [{"id": 8, "name": "代引", "total": "300", "total_tax": "30"}]
    whole = order(coupon_lines=coupon, fee_lines=fee, total="7910")
    (right,) = reader.read(delivery("order.updated", whole))
    assert isinstance(right, OrderSeen)
    understood = 0
    for path, body in thrown(whole, dice, ORDERS):
        for seen in read(reader, delivery, "order.updated", encoded(body, dice)):
            if isinstance(seen, OrderSeen):
                understood += 1
                assert owed(seen.order) == owed(right.order), path
                assert seen.order.shipping == right.order.shipping, path
                assert not any(line.returned_amount for line in seen.order.lines), path
    assert understood >= 1_600


def test_no_spoilt_refund_gives_back_another_amount(order: Make, refund: Make) -> None:
    """A plain number in the place of another is another refund; anything else is refused."""
    dice = seeded(730)
    whole = parse(wire.Order, order(refunds=[{"id": 730, "total": "-4080"}]), "order")
    row = refund(730, {315: (-1, "-2727", "-273"), 316: (-1, "-1000", "-80")}, "4080")
    back = parse(wire.Refund, row, "refund")
    right = worth(to_order(whole, [back], "shop"))
    understood = 0
    for path, body in thrown(row, dice, REFUNDS):
        try:
            told = parse(wire.Refund, body, "refund")
            given = to_order(whole, [told], "shop")
        except PayloadInvalid:
            continue
        if (told.amount, told.line_items) == (back.amount, back.line_items):
            understood += 1
            assert worth(given) == right, path
    assert understood >= 330


def points_told(body: dict[str, Any]) -> list[str]:
    """What stands under the key of the points."""
    rows = (row for row in body.get("meta_data", ()) if isinstance(row, dict))
    return [str(row.get("value")) for row in rows if row.get("key") == "_renkei_points"]


def test_every_spoilt_customer_is_refused_or_read_as_it_says(
    hooks: Callable[..., WooCommerceWebhooks], delivery: Callable[..., Delivery], customer: Make
) -> None:
    dice, reader, understood = seeded(26), hooks(), 0
    for path, body in thrown(customer(), dice, CUSTOMERS):
        for seen in read(reader, delivery, "customer.updated", encoded(body, dice)):
            assert isinstance(seen, MemberSeen), path
            points = seen.member.points_seen
            assert seen.member.ref.id == str(body["id"]), path
            assert points_told(body) == ([] if points is None else [str(points)]), path
            understood += 1
    assert understood >= 480


def test_every_spoilt_deletion_is_refused_or_read_as_it_says(
    hooks: Callable[..., WooCommerceWebhooks], delivery: Callable[..., Delivery]
) -> None:
    dice, reader, understood = seeded(26), hooks(), Counter[str]()
    for path, body in thrown({"id": 26}, dice, DELETIONS):
        for topic in ("customer.deleted", "order.deleted"):
            for seen in read(reader, delivery, topic, encoded(body, dice)):
                assert isinstance(seen, (MemberLeft, Changed)), path
                assert seen.ref.id == str(body["id"]), path
                understood[topic] += 1
    assert min(understood["customer.deleted"], understood["order.deleted"]) >= 70
