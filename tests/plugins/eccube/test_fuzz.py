"""Thousands of spoilt payloads: each is refused by name, or read as what it was."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import NotYet, PayloadInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft
from renkei_contracts.order import Order, OrderState
from renkei_contracts.testing.suites.orders_money import owed
from renkei_contracts.testing.throws import encoded, seeded, thrown
from renkei_contracts.toolkit.wire import json_body, parse
from renkei_eccube import wire
from renkei_eccube.mapping import Rules, rules, to_member, to_order
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.webhooks import EccubeWebhooks

Make = Callable[..., dict[str, Any]]

ORDERS, CUSTOMERS, DELIVERIES = 6_000, 2_000, 2_000
ALSO = ({"id": "4"}, 1)

SETTINGS = {
    "base_url": "https://shop.example.jp",
    "client_id": "c",
    "client_secret": "s",
    "points": "companion",
}
UNTOUCHED = frozenset({OrderState.PLACED, OrderState.PAID, OrderState.FULFILLED})
"""States in which an order is worth what its lines say."""


def shop_rules() -> Rules:
    return rules(EccubeSettings.model_validate(SETTINGS))


def read(raw: bytes, told: Rules) -> Order | None:
    """As the client reads it: JSON, then shape, then meaning."""
    try:
        return to_order(parse(wire.Order, json_body(raw), "order"), "shop", told)
    except (PayloadInvalid, NotYet):
        return None


def test_no_spoilt_order_is_worth_another_amount(order: Make) -> None:
    dice, told = seeded(4), shop_rules()
    whole = order(charge=330, total=4030, payment_total=4030)
    fee = deepcopy(whole["OrderItems"][1]) | {"id": "44", "OrderItemType": {"id": "3"}}
    whole["OrderItems"].append(fee | {"price": 330, "tax": 30})
    right = read(json.dumps(whole).encode(), told)
    assert right is not None
    understood = 0
    for path, body in thrown(whole, dice, ORDERS, also=ALSO):
        seen = read(encoded(body, dice), told)
        if seen is None or seen.state not in UNTOUCHED:
            continue
        understood += 1
        assert owed(seen) == owed(right), path
        used = (seen.shipping, seen.points_value, bool(seen.points_used))
        assert used == (right.shipping, right.points_value, True), path
        assert [line.returned_amount for line in seen.lines] == [0], path
    # Few: there is little in an order that decides nothing.
    assert ORDERS // 50 < understood < ORDERS // 10


def test_no_spoilt_customer_is_shown_another_balance(customer: Make) -> None:
    """A plain number in the place of another is another balance; anything else is refused."""
    dice, told, understood = seeded(12), shop_rules(), 0
    for path, body in thrown(customer(), dice, CUSTOMERS, also=ALSO):
        raw = encoded(body, dice)
        try:
            row = json_body(raw)
            seen = to_member(parse(wire.Customer, row, "customer"), "shop", told)
        except (PayloadInvalid, NotYet):
            continue
        understood += 1
        plain = (0, 1, 230, *((-1,) if seen.points_seen is None else ()))
        assert row["point"] in plain, path
        assert type(row["point"]) in (int, float), path
    assert CUSTOMERS // 10 < understood < CUSTOMERS * 9 // 10


def test_no_spoilt_delivery_tells_of_anything_else(
    hooks: Callable[..., EccubeWebhooks], delivery: Callable[..., Delivery]
) -> None:
    dice, reader, understood = seeded(5), hooks(), 0
    told = [
        {"entity": "order", "id": 5, "action": "updated"},
        {"entity": "customer", "id": 12, "action": "deleted"},
        {"entity": "product", "id": 7, "action": "updated"},
    ]
    for path, body in thrown(told, dice, DELIVERIES, also=ALSO):
        try:
            seen = reader.read(delivery(encoded(body, dice)))
        except PayloadInvalid:
            continue
        understood += 1
        named = {one.ref.id for one in seen if isinstance(one, Changed | MemberLeft)}
        # 1 is a proper id; what is of no concern tells of nothing.
        assert named <= {"1", "5", "12"}, path
        assert all(isinstance(one, Changed | MemberLeft | Ignored) for one in seen)
    assert DELIVERIES // 10 < understood < DELIVERIES * 9 // 10
