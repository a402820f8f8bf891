"""The intakes that the hub's own is compared with: the same application with another store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from renkei.bootstrap import Hub
from renkei.messaging.inbox import Incoming, store_batch
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

CONNECTIONS = 8
"""Of the hub's sixteen: with 4 and with 12 one transaction per request is no faster."""


class NoStore:
    """Everything is new, and forgotten."""

    async def submit(self, incoming: Incoming) -> bool:
        """Not stored."""
        return True


@dataclass(frozen=True)
class OneByOne:
    """A transaction for each, over so many connections."""

    database: Database
    ring: KeyRing
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))

    async def submit(self, incoming: Incoming) -> bool:
        """Stored by itself."""
        async with self.turns:
            return (await store_batch(self.ring, self.database, [incoming]))[0]


INTAKES: dict[str, Callable[[Hub], Any]] = {
    "own": lambda hub: hub.intake,
    "none": lambda hub: NoStore(),
    "each": lambda hub: OneByOne(hub.database, hub.ring),
}
"""By its name on the command line of bench.serving."""


def with_intake(hub: Hub, name: str) -> Hub:
    """The hub, whose deliveries go there."""
    receiver = replace(hub.receiver, intake=cast(Any, INTAKES[name](hub)))
    return replace(hub, receiver=receiver)
