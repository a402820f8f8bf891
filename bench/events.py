"""What the shops send: deliveries of 2 kB, each with the order that is read from it."""

import itertools
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.fill import identity_of, member_id
from renkei.messaging.inbox import Incoming
from renkei.services.orders.settle import SettleOrder
from renkei_contracts.delivery import Delivery
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState

BODY = random.Random(7).randbytes(1_500).hex()[:2_000].encode()  # noqa: S311 - not a secret
HEADERS = (
    ("content-type", "application/json"),
    ("x-webhook-topic", "orders/updated"),
    ("x-webhook-id", "0b5a3a5e-6f1d-4a9e-8f31-1c2d3e4f5a6b"),
    ("x-webhook-signature", "mF3n0K2cZ6m0YpG2r5m1s8Q0v7lq1d7Vt0aJ9wqk3xE="),
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Event:
    """A delivery, and the settlement of the order it tells of."""

    incoming: Incoming
    settle: SettleOrder


def purchases(shops: dict[str, int], count: int) -> list[Event]:
    """So many first orders of members drawn at random; every one earns."""
    draw = random.Random(count)  # noqa: S311 - not a secret
    names = sorted(shops)
    drawn = ((shop := draw.choice(names), draw.randint(1, shops[shop])) for _ in range(count))
    return [_event(shop, number, _order(shop, number)) for shop, number in drawn]


def sales_and_cancellations(shop: str, members: int, sales: int, window: int) -> list[Event]:
    """Orders, each cancelled ``window`` orders later: so many lots are open at most, none at last.

    Members take turns; there are twice as many events as ``sales``, and each books something.
    """
    numbers = [turn % members + 1 for turn in range(sales)]
    orders = [_order(shop, number) for number in numbers]
    events: list[Event] = []
    for turn in range(sales + window):
        if turn < sales:
            events.append(_event(shop, numbers[turn], orders[turn]))
        if turn >= window:
            gone = turn - window
            events.append(_event(shop, numbers[gone], cancelled(orders[gone])))
    return events


def cancelled(order: Order) -> Order:
    """The same order a second later."""
    later = order.changed_at + timedelta(seconds=1)
    return order.model_copy(update={"state": OrderState.CANCELLED, "changed_at": later})


def _order(shop: str, number: int) -> Order:
    serial = next(_numbers)
    placed = datetime.now(UTC) - timedelta(minutes=5)
    lines = tuple(
        LineItem(id=str(n), sku=f"SKU-{n}", title="緑茶", quantity=n, amount=yen, tax_rate=rate)
        for n, yen, rate in ((1, 3_240, 800), (2, 5_500, 1000))
    )
    return Order(
        ref=ExternalRef(connection=shop, id=f"{serial:012}"),
        changed_at=placed,
        placed_at=placed,
        state=OrderState.PAID,
        number=f"#{serial}",
        customer=ExternalRef(connection=shop, id=member_id(shop, number)),
        lines=lines,
    )


def _event(shop: str, number: int, order: Order) -> Event:
    key = f"dlv-{next(_numbers):012}"
    delivery = Delivery(shop, datetime.now(UTC), HEADERS, BODY)
    command = SettleOrder(
        order=order,
        read_at=None,
        delivery_key=key,
        identities=(identity_of(shop, number),),
        alert_id=f"alr_{key}",
    )
    return Event(Incoming(delivery, key), command)
