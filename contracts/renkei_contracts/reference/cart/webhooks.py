"""Deliveries: signed over id, time and raw body; each tells what it is about as it is now."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.event import (
    BalanceSeen,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.mapping import to_member, to_order
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.signature import require_hmac_base64, require_recent, same
from renkei_contracts.toolkit.wire import json_body, named, parse

SHOP, ID, TIME, SIGNATURE = (
    "Reference-Shop",
    "Reference-Id",
    "Reference-Time",
    "Reference-Signature",
)
WINDOW = timedelta(minutes=5)


def signed_message(id: str, time: str, body: bytes) -> bytes:
    """The bytes under the signature; neither id nor time holds a full stop."""
    return f"{id}.{time}.".encode("utf-8", "replace") + body


class ReferenceWebhooks:
    """Whole orders and customers, and what happened to customers."""

    signs_body = True
    tolerance: timedelta | None = WINDOW

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._id = connection.id
        self._shop = connection.settings.shop
        self._secrets = connection.settings.signing_secrets()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over everything we read, then the age and the shop."""
        id, time = delivery.header(ID) or "", delivery.header(TIME) or ""
        message = signed_message(id, time, delivery.body)
        require_hmac_base64(delivery.header(SIGNATURE), self._secrets, message)
        require_recent(time, now, WINDOW)
        # A merchant may give two shops one secret.
        if not same(delivery.header(SHOP) or "", self._shop):
            raise SignatureInvalid("the delivery is from another shop than this connection's")

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's id, the same on every try; without one a digest of the body."""
        return delivery.header(ID) or hashlib.sha256(delivery.body).hexdigest()

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the topic and its data tell."""
        event = parse(wire.Event, json_body(delivery.body), "the delivery")
        match event.topic:
            case "order.changed":
                order = parse(wire.Order, event.data, named("order", event.data))
                return [OrderSeen(order=to_order(order, self._id))]
            case "customer.changed":
                customer = parse(wire.Customer, event.data, named("customer", event.data))
                return [MemberSeen(member=to_member(customer, self._id))]
            case "customer.left":
                left = parse(wire.Left, event.data, event.topic)
                return [MemberLeft(ref=self._ref(left.customer_id), at=event.at)]
            case "customer.merged":
                pair = parse(wire.Merged, event.data, event.topic)
                kept, gone = self._ref(pair.kept), self._ref(pair.gone)
                return [MembersMerged(kept=kept, gone=gone, at=event.at)]
            case "points.changed":
                shown = parse(wire.Shown, event.data, event.topic)
                ref = self._ref(shown.customer_id)
                return [BalanceSeen(ref=ref, points=shown.points, at=event.at)]
        return [Ignored(reason=f"topic {ascii(event.topic)[:100]} is of no concern")]

    def _ref(self, id: str) -> ExternalRef:
        return ExternalRef(connection=self._id, id=id)
