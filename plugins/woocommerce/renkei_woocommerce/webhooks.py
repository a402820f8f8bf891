"""Deliveries: signed over the raw body, told apart by topic and body, read by topic."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import (
    Changed,
    Ignored,
    MemberLeft,
    MemberSeen,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import require_hmac_base64
from renkei_contracts.toolkit.wire import json_body, named, parse
from renkei_woocommerce import wire
from renkei_woocommerce.mapping import DRAFTS, is_whole, states, to_member, to_order
from renkei_woocommerce.settings import WooCommerceSettings

TOPIC, SIGNATURE = "X-WC-Webhook-Topic", "X-WC-Webhook-Signature"

NOT_FOUND = 404

PING = re.compile(rb"webhook_id=[0-9]{1,20}")
"""What a new webhook is tried with: a form, without a signature, that must be answered 200."""


class WooCommerceWebhooks:
    """Whole orders and customers, as they are when it is sent, not when it happened."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[WooCommerceSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings
        self._secrets = connection.settings.signing_secrets()
        self._states = states(connection.settings.paid_statuses)

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the raw body; WooCommerce signs no time.

        A ping passes without one: it says nothing, and the shop waits for its answer.
        """
        if self._secrets and _is_ping(delivery):
            return
        require_hmac_base64(delivery.header(SIGNATURE), self._secrets, delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        """A digest of topic and body: two deliveries of a second share WooCommerce's own id.

        All pings are one, so that nobody fills the inbox with them.
        """
        if _is_ping(delivery):
            return "ping"
        topic = (delivery.header(TOPIC) or "").encode("utf-8", "replace")
        return hashlib.sha256(topic + b"\n" + delivery.body).hexdigest()

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the topic and the body tell."""
        if _is_ping(delivery):
            return [Ignored(reason="the shop tries whether a new webhook is answered")]
        topic, body = delivery.header(TOPIC), json_body(delivery.body)
        if _is_gone(body):
            return [Ignored(reason="it was deleted before the shop could tell of it")]
        match topic:
            case None:
                raise PayloadInvalid("the delivery has no topic")
            case "order.created" | "order.updated" | "order.restored":
                return [self._order(body)]
            case "order.deleted":
                # A trashed order can still be read, and says that it is.
                deleted = parse(wire.Deleted, body, topic)
                return [Changed(kind="order", ref=self._ref(deleted.id))]
            case "customer.created" | "customer.updated":
                return [self._member(body)]
            case "customer.deleted":
                left = parse(wire.Deleted, body, topic)
                return [MemberLeft(ref=self._ref(left.id), at=delivery.received_at)]
        return [Ignored(reason=f"topic {ascii(topic)[:100]} is of no concern")]

    def _order(self, body: Any) -> Observation:
        if parse(wire.Standing, body, named("order", body)).status in DRAFTS:
            return Ignored(reason="a draft of the checkout is no order yet")
        order = parse(wire.Order, body, named("order", body))
        if not is_whole(order):
            # The order does not say for what money was given back.
            return Changed(kind="order", ref=self._ref(order.id))
        return OrderSeen(order=to_order(order, (), self._id, self._states))

    def _member(self, body: Any) -> Observation:
        customer = parse(wire.Customer, body, named("customer", body))
        given = self._settings
        member = to_member(customer, self._id, given.points_key, trust_email=given.trust_email)
        return MemberSeen(member=member)

    def _ref(self, id: int) -> ExternalRef:
        return ExternalRef(connection=self._id, id=str(id))


def _is_gone(body: Any) -> bool:
    """Whether the shop found nothing when it made the body: that is then the API's 404."""
    if not isinstance(body, dict) or "code" not in body or "id" in body:
        return False
    return parse(wire.Refusal, body, "the delivery").data.status == NOT_FOUND


def _is_ping(delivery: Delivery) -> bool:
    return delivery.header(SIGNATURE) is None and PING.fullmatch(delivery.body) is not None
