"""Deliveries from Shopify: verified on raw bytes, keyed by their webhook id, read by topic."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.event import (
    Changed,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    ObjectKind,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.amounts import in_yen
from renkei_contracts.toolkit.signature import require_hmac_base64
from renkei_contracts.toolkit.wire import canonical, json_body, named, parse
from renkei_shopify import wire
from renkei_shopify.amounts import needed
from renkei_shopify.mapping import is_thin, to_member, to_order
from renkei_shopify.mapping_graphql import number_of
from renkei_shopify.settings import ShopifySettings

ORDERS = frozenset(
    f"orders/{event}"
    for event in ("create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled")
)
MEMBERS = frozenset(f"customers/{event}" for event in ("create", "update", "enable", "disable"))
IGNORED = {
    "customers/data_request": "privacy request: recorded, a person must answer it in 30 days",
    "shop/redact": "privacy request: recorded, a person must erase this shop's customers",
    "app/uninstalled": "the app was uninstalled: authorize the connection again or remove it",
}


HINTS = frozenset(
    {
        "refunds/create",
        "orders/edited",
        "orders/delete",
        "customers/delete",
        "customers/merge",
        "customers/redact",
    }
)
NO_MERGE = {
    "failed": "Shopify could not merge two customers: they are two as before",
    "requested": "Shopify has not merged two customers yet: it tells when it has",
    "in_progress": "Shopify has not merged two customers yet: it tells when it has",
}
"""The status of a merge that is none; a word that we do not know is worth a look."""


class ShopifyWebhooks:
    """Orders and customers come whole; refunds, edits, deletions and merges only as hints."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[ShopifySettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the raw body, then the shop; Shopify signs no timestamp."""
        given = _header(delivery, "Hmac-Sha256")
        require_hmac_base64(given, self._settings.signing_secrets(), delivery.body)
        # One app signs for every store that installed it: the shop tells the connections apart.
        if (_header(delivery, "Shop-Domain") or "").lower() != self._settings.shop:
            raise SignatureInvalid("the delivery is from another shop than this connection's")

    def key(self, delivery: Delivery) -> str | None:
        """The webhook id, the same on every retry; without one a digest of topic and body."""
        topic = _header(delivery, "Topic") or ""
        named = _header(delivery, "Webhook-Id")
        return named or hashlib.sha256(topic.encode() + b"\n" + delivery.body).hexdigest()

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the topic and the body tell."""
        topic = _header(delivery, "Topic") or ""
        if topic in ORDERS:
            return [self._order(json_body(delivery.body, parse_float=Decimal))]
        if topic in MEMBERS:
            return [self._member(json_body(delivery.body, parse_float=Decimal))]
        if topic in IGNORED:
            return [Ignored(reason=IGNORED[topic])]
        return self._hint(topic, delivery)

    def _order(self, body: Any) -> Observation:
        what = named("order", body)
        order = parse(wire.Order, body, what)
        return canonical(what, lambda: self._told(order, what))

    def _told(self, order: wire.Order, what: str) -> Observation:
        """The order, or a hint to read it."""
        registers = self._settings.registers
        if order.currency is not None:
            in_yen(order.currency, what)
        if is_thin(order, registers):
            return self._changed("order", order.id)
        return OrderSeen(order=to_order(order, self._id, registers))

    def _member(self, body: Any) -> Observation:
        customer = parse(wire.Customer, body, named("customer", body))
        if not {"updated_at", "email", "verified_email"} <= customer.model_fields_set:
            return self._changed("member", customer.id)
        trust = self._settings.trust_verified_email
        return MemberSeen(member=to_member(customer, self._id, trust_verified_email=trust))

    def _hint(self, topic: str, delivery: Delivery) -> Sequence[Observation]:
        if topic not in HINTS:
            return [Ignored(reason=f"topic {ascii(topic)[:100]} is of no concern")]
        hint = parse(wire.Hint, json_body(delivery.body, parse_float=Decimal), topic)
        if topic == "customers/merge":
            return self._merged(hint, delivery.received_at)
        if topic in ("customers/delete", "customers/redact"):
            return self._gone(topic, hint, delivery.received_at)
        if topic == "refunds/create":
            return [self._changed("order", hint.order_id)]
        if topic == "orders/edited":
            return [self._changed("order", needed(hint.order_edit, "order_edit").order_id)]
        return [self._changed("order", hint.id)]

    def _gone(self, topic: str, hint: wire.Hint, at: datetime) -> Sequence[Observation]:
        """Deleted, or to be erased: either way somebody must look at the member."""
        if topic == "customers/delete":
            return [MemberLeft(ref=self._ref(hint.id), at=at)]
        asked = Ignored(reason="privacy request: a person must erase this customer in 30 days")
        named = hint.customer.id if hint.customer else None
        return [MemberLeft(ref=self._ref(named), at=at), asked] if named else [asked]

    def _merged(self, hint: wire.Hint, at: datetime) -> Sequence[Observation]:
        """Two customers became one, unless the delivery says that it has not come to that."""
        if hint.status in NO_MERGE:
            return [Ignored(reason=NO_MERGE[hint.status])]
        kept = number_of(needed(hint.admin_graphql_api_customer_kept_id, "the customer kept"))
        read = self._changed("member", kept)
        if hint.status != "completed":
            return [read]
        gone = needed(hint.admin_graphql_api_customer_deleted_id, "the customer deleted")
        refs = self._ref(kept), self._ref(number_of(gone))
        return [MembersMerged(kept=refs[0], gone=refs[1], at=at), read]

    def _changed(self, kind: ObjectKind, id: int | None) -> Changed:
        return Changed(kind=kind, ref=self._ref(id))

    def _ref(self, id: int | None) -> ExternalRef:
        return ExternalRef(connection=self._id, id=str(needed(id, "the id")))


def _header(delivery: Delivery, name: str) -> str | None:
    """A header in its usual spelling, or in the newer one without ``X-``."""
    usual = delivery.header(f"X-Shopify-{name}")
    return delivery.header(f"Shopify-{name}") if usual is None else usual
