"""Deliveries from the shop's emitter: verified on raw bytes, keyed by their id, all thin."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import require_hmac_base64, require_recent
from renkei_contracts.toolkit.wire import json_body, parse
from renkei_vendure import wire
from renkei_vendure.mapping import CARTS
from renkei_vendure.settings import VendureSettings

ORDERS = frozenset({"order.placed", "order.state", "refund.created", "refund.state"})
MEMBERS = frozenset({"customer.changed", "account.verified"})
IGNORED = {
    "payment.state": "an order says by a state of its own that it is paid",
}
SCHEME = "sha256="
WINDOW = timedelta(minutes=5)


class VendureWebhooks:
    """Every delivery is a hint to read, except that a customer was deleted.

    Vendure tells after its commit, so that a read at once sees the change.
    """

    signs_body = True
    tolerance: timedelta | None = WINDOW

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over timestamp and raw body, then the age."""
        timestamp = delivery.header("x-renkei-timestamp")
        given = delivery.header("x-renkei-signature")
        if given is not None and not given.startswith(SCHEME):
            raise SignatureInvalid("the signature header does not begin with sha256=")
        signed = (timestamp or "").encode("utf-8", "replace") + b"." + delivery.body
        bare = None if given is None else given.removeprefix(SCHEME)
        require_hmac_base64(bare, self._settings.signing_secrets(), signed)
        require_recent(timestamp, now, WINDOW)

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's id, the same on every try."""
        return delivery.header("x-renkei-delivery") or None

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the body tells; the topic in the header is not signed and so not asked."""
        event = parse(wire.Event, json_body(delivery.body), "the delivery")
        if event.event in ORDERS and event.type == "order":
            return [self._order(event)]
        if event.event in MEMBERS and event.type == "customer":
            return [self._member(event)]
        of_no_concern = f"event {ascii(event.event)[:100]} is of no concern"
        return [Ignored(reason=IGNORED.get(event.event, of_no_concern))]

    def _order(self, event: wire.Event) -> Observation:
        if event.event == "order.state" and _is_cart(event):
            return Ignored(reason="a cart, not an order yet")
        return Changed(kind="order", ref=self._ref(event))

    def _member(self, event: wire.Event) -> Observation:
        if event.change == "deleted":
            return MemberLeft(ref=self._ref(event), at=event.created_at)
        return Changed(kind="member", ref=self._ref(event))

    def _ref(self, event: wire.Event) -> ExternalRef:
        return ExternalRef(connection=self._id, id=event.id)


def _is_cart(event: wire.Event) -> bool:
    return event.to in CARTS or (event.to == "Cancelled" and event.before in CARTS)
