"""Deliveries from Square: signed over the registered address and the raw body."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import (
    Changed,
    Ignored,
    MemberLeft,
    MembersMerged,
    ObjectKind,
    Observation,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import require_hmac_base64, same
from renkei_contracts.toolkit.wire import canonical, json_body, parse
from renkei_square import wire
from renkei_square.settings import SquareSettings
from renkei_square.wire_events import ChangedOrder, Context, Delivered

SIGNATURE = "x-square-hmacsha256-signature"

ORDERS = {
    "order.updated": "order_updated",
    "order.fulfillment.updated": "order_fulfillment_updated",
}
"""The key of ``data.object``; ``order.created`` tells of orders that an API made, not of sales."""

DONE = "COMPLETED"


class SquareWebhooks:
    """Every delivery is a hint to read again, but that somebody left or was merged."""

    signs_body = True
    # Square signs no time; a delivery that is sent again is known by its key.
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature under any of our keys, then the seller that the body names.

        One subscription serves every seller of an application: the seller tells them apart.
        """
        url = self._settings.notification_url
        if not url:
            raise SignatureInvalid("no notification_url is configured: Square signs it")
        message = url.encode() + delivery.body
        require_hmac_base64(delivery.header(SIGNATURE), self._settings.signature_keys(), message)
        if not same(_merchant(delivery.body), self._settings.merchant_id):
            raise SignatureInvalid("the delivery is of another seller than this connection's")

    def key(self, delivery: Delivery) -> str | None:
        """A digest of the body, which holds the event's own id."""
        return hashlib.sha256(delivery.body).hexdigest()

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the event tells."""
        told = parse(Delivered, json_body(delivery.body), "the delivery")
        kind, _, happened = told.type.partition(".")
        given = told.data.object or {}
        if told.type in ("payment.updated", "payment.created"):
            return self._paid(given)
        if told.type in ("refund.updated", "refund.created"):
            return self._refunded(given)
        if told.type in ORDERS:
            return [self._changed_order(given.get(ORDERS[told.type]))]
        if kind == "customer" and happened in ("created", "updated", "deleted"):
            return self._customer(told, given)
        if kind == "loyalty" and happened in ("account.created", "account.updated"):
            return [self._points(given)]
        return [Ignored(reason=f"event {told.type!a}"[:100] + " is of no concern")]

    def _paid(self, given: Mapping[str, Any]) -> Sequence[Observation]:
        payment = parse(wire.Payment, given.get("payment"), "payment")
        if payment.status != DONE or not payment.order_id:
            return [Ignored(reason=f"payment {payment.id} is not completed, or pays no order")]
        if payment.location_id and payment.location_id not in self._settings.location_ids:
            return [Ignored(reason=f"payment {payment.id} is of a location that is not read")]
        return [self._hint("order", payment.order_id)]

    def _refunded(self, given: Mapping[str, Any]) -> Sequence[Observation]:
        refund = parse(wire.Refund, given.get("refund"), "refund")
        if refund.status != DONE or not refund.order_id:
            return [Ignored(reason=f"refund {refund.id} is not completed, or is of no order")]
        return [self._hint("order", refund.order_id)]

    def _changed_order(self, given: object) -> Observation:
        order = parse(ChangedOrder, given, "order")
        if order.state == "DRAFT":
            return Ignored(reason=f"order {order.order_id} is a draft")
        return self._hint("order", order.order_id)

    def _customer(self, told: Delivered, given: Mapping[str, Any]) -> Sequence[Observation]:
        merges = self._merges(told, given)
        if told.type != "customer.deleted":
            return [self._hint("member", told.data.id), *merges]
        return merges or [MemberLeft(ref=self._ref(told.data.id), at=told.created_at)]

    def _merges(self, told: Delivered, given: Mapping[str, Any]) -> Sequence[Observation]:
        """Square makes a new customer of several, and deletes those."""
        context = parse(Context, given.get("event_context") or {}, "event_context")
        if context.merge is None:
            return []
        kept = self._ref(context.merge.to_customer_id)
        gone = (self._ref(id) for id in context.merge.from_customer_ids)
        return [MembersMerged(kept=kept, gone=one, at=told.created_at) for one in gone]

    def _points(self, given: Mapping[str, Any]) -> Observation:
        if self._settings.points != "rewards":
            return Ignored(reason="the points of Square Loyalty are not the hub's")
        account = parse(wire.Account, given.get("loyalty_account"), "loyalty account")
        if not account.customer_id:
            return Ignored(reason=f"loyalty account {account.id} is of no customer")
        if account.balance < 0:
            return Ignored(reason=f"loyalty account {account.id} is below zero until we write it")
        return self._hint("balance", account.customer_id)

    def _hint(self, kind: ObjectKind, id: str) -> Observation:
        return Changed(kind=kind, ref=self._ref(id))

    def _ref(self, id: str) -> ExternalRef:
        return canonical("the delivery", lambda: ExternalRef(connection=self._id, id=id))


def _merchant(body: bytes) -> str:
    """The seller the body names; a body that is no event is for ``read`` to refuse."""
    try:
        told = json_body(body)
    except PayloadInvalid:
        return ""
    return str(told.get("merchant_id")) if isinstance(told, dict) else ""
