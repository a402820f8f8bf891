"""Which deliveries tell of an order: their plugin reads them again, without booking anything."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from renkei.connections.calling import ask
from renkei.connections.opened import OpenConnection, OpenConnections
from renkei.messaging.kept import Kept
from renkei.storage.sealed import KeyRing
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import RenkeiError
from renkei_contracts.event import Changed, Observation, OrderSeen


@dataclass(frozen=True)
class ToldOf:
    """Finds them among those that are given; ``ring`` opens what they were."""

    connections: OpenConnections
    ring: KeyRing

    async def order(
        self, connection: str, name: str, deliveries: Iterable[Kept]
    ) -> list[tuple[Kept, bool]]:
        """Those of the order, each with whether that is sure.

        Of one that its plugin cannot read the words alone are looked at.
        """
        try:
            opened = await self.connections.get(connection)
        except RenkeiError:  # its plugin is not installed any more
            return []
        found = [(one, self._tells(opened, name, one)) for one in deliveries]
        return [(one, told) for one, told in found if told is not None]

    def _tells(self, opened: OpenConnection, name: str, one: Kept) -> bool | None:
        """True or False: surely or perhaps; None: it tells of something else."""
        try:
            delivery = one.sealed.opened(self.ring)
        except RenkeiError:  # its key is another, or its body is not kept any more
            return None
        webhooks = opened.webhooks
        try:
            what = f"connection {opened.id}: reading a delivery again"
            seen = ask(what, lambda: tuple(webhooks.read(delivery))) if webhooks else ()
        except RenkeiError:
            return False if _holds(delivery, name) else None
        return True if any(_is_of(observation, name) for observation in seen) else None


def _is_of(observation: Observation, name: str) -> bool:
    match observation:
        case OrderSeen(order=order):
            return name in (order.ref.id, order.number, order.number.removeprefix("#"))
        case Changed(kind="order", ref=ref):
            return ref.id == name
        case _:
            return False


def _holds(delivery: Delivery, name: str) -> bool:
    """Whether the name stands in the body as a word of its own."""
    word = re.compile(rb"(?<![\w-])" + re.escape(name.encode()) + rb"(?![\w-])")
    return word.search(delivery.body) is not None
