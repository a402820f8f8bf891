"""Taking deliveries in: verified on the raw bytes, stored, answered; thinking comes later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.errors import UnknownConnection
from renkei.messaging.inbox import Keyed
from renkei.storage.committer import GroupCommitter
from renkei_contracts.delivery import Delivery

Received = Literal["stored", "duplicate"]


@dataclass
class Receiver:
    """The one door for webhooks."""

    connections: OpenConnections
    intake: GroupCommitter[Keyed, bool]
    clock: Clock
    new_id: Callable[[str], str]

    async def receive(self, delivery: Delivery) -> Received:
        """Store a genuine delivery once.

        Raises Forged (store nothing, answer 401), UnknownConnection, and Busy. A delivery that has
        no identity of its own is kept under an id of ours: a hint is never deduplicated.
        """
        connection = await self.connections.get(delivery.connection)
        if connection.webhooks is None:
            raise UnknownConnection(f"the connection {delivery.connection} takes no deliveries")
        connection.webhooks.verify(delivery, self.clock())
        key = connection.webhooks.key(delivery) or self.new_id("dlv")
        fresh = await self.intake.submit(Keyed(key, delivery))
        return "stored" if fresh else "duplicate"
