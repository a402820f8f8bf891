"""A vendor's delivery comes in: verified on its raw bytes and stored; thinking comes later."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import structlog

from renkei.clock import Clock
from renkei.connections.calling import PluginFailed, ask
from renkei.connections.opened import OpenConnections
from renkei.errors import UnknownConnection
from renkei.messaging.delivery_counts import DeliveryCounts
from renkei.messaging.inbox import Incoming
from renkei.messaging.reason import storable
from renkei.storage.committer import GroupCommitter
from renkei.tracing import NO_TRACES, RECEIVE, Origin, Traces, nanoseconds
from renkei_contracts.capability import Webhooks
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Forged, RenkeiError, SignatureInvalid

log = structlog.get_logger(__name__)

Received = Literal["stored", "duplicate"]

KEY_LENGTH = 200


class Receipt(NamedTuple):
    """What became of a delivery, and its name."""

    outcome: Received
    origin: Origin


@dataclass(frozen=True)
class Receiver:
    """Takes deliveries, also of a connection that is paused: they wait."""

    connections: OpenConnections
    intake: GroupCommitter[Incoming, bool]
    clock: Clock
    new_id: Callable[[str], str]
    counts: DeliveryCounts
    traces: Traces = NO_TRACES

    async def receive(self, delivery: Delivery) -> Receipt:
        """Store it once.

        Raises Forged, UnknownConnection, Busy, and whatever keeps the connection from opening.
        """
        opened = await self.connections.get(delivery.connection)
        if opened.webhooks is None:
            raise UnknownConnection(f"connection {opened.id} takes no deliveries")
        try:
            require_genuine(opened.webhooks, delivery, self.clock())
        except Forged:
            self.counts.add(opened.id, delivery.received_at, genuine=False)
            raise
        self.counts.add(opened.id, delivery.received_at, genuine=True)
        receipt = await self._stored(Incoming(delivery, self._key(opened.webhooks, delivery)))
        if self.traces.on:
            name = RECEIVE if receipt.outcome == "stored" else "receive_again"
            began = nanoseconds(delivery.received_at)
            self.traces.tell(name, receipt.origin, began, {"outcome": receipt.outcome})
        return receipt

    async def _stored(self, incoming: Incoming) -> Receipt:
        new = await self.intake.submit(incoming)
        origin = Origin(incoming.delivery.connection, incoming.key)
        return Receipt("stored" if new else "duplicate", origin)

    def _key(self, webhooks: Webhooks, delivery: Delivery) -> str:
        """A hint gets a key of its own each time; so does what has none that can be read."""
        what = f"connection {delivery.connection}: the key of a delivery"
        try:
            key = ask(what, lambda: webhooks.key(delivery))
        except RenkeiError as error:  # read() will say why, with the delivery kept
            log.warning("delivery_without_key", connection=delivery.connection, reason=str(error))
            key = None
        return self.new_id("dlv") if not key else _short(key)


def require_genuine(webhooks: Webhooks, delivery: Delivery, now: datetime) -> None:
    """Raise Forged unless the vendor sent it.

    Fails closed: a check that breaks on odd input has not said that it is genuine.
    """
    what = f"connection {delivery.connection}: verifying a delivery"
    try:
        ask(what, lambda: webhooks.verify(delivery, now))
    except PluginFailed as error:
        raise SignatureInvalid(f"{what} failed") from error


def _short(key: str) -> str:
    """The key as it can be stored; a digest of one that cannot."""
    if key == storable(key, KEY_LENGTH):
        return key
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}"
