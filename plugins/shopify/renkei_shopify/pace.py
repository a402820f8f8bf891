"""Not asking for more query cost than the store has left: each answer says how much that is.

One pace for each HTTP client, so each connection. Several processes of a hub, and other apps' calls
by the same token, are seen by what the next answer says; what is too much is refused by Shopify
with THROTTLED, and tried later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakKeyDictionary

import httpx

from renkei_contracts.errors import RateLimited
from renkei_shopify.wire_graphql import Cost

LONGEST = 4.0
"""Seconds that a call waits for its turn at most; a longer wait is the hub's, not ours."""

MARGIN = 0.05
"""Seconds that a wait is longer than it need be: on the very edge a call may come too early."""


@dataclass
class Pace:
    """What is left in the store's leaky bucket of query cost, as far as answers have told.

    Shopify refuses a query whose *requested* cost the bucket does not hold, and then takes only its
    actual one. Times are the hub's clock's.
    """

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _requested: dict[str, float] = field(default_factory=dict)
    _left: float = 0.0
    _most: float = 0.0
    _rate: float = 0.0
    _at: datetime | None = None

    async def turn(self, document: str, now: datetime) -> None:
        """Wait until the bucket holds this document; raises RateLimited where that takes long."""
        if wait := self._wait(document, now):
            await self.sleep(wait)

    def learn(self, document: str, cost: Cost | None, now: datetime) -> None:
        """Take over what an answer says of its document's cost and of what is left."""
        status = cost.throttle_status if cost else None
        if cost is None or status is None or not status.is_complete:
            return
        if cost.requested_query_cost is not None:
            self._requested[document] = float(cost.requested_query_cost)
        self._left = float(status.currently_available or 0)
        self._most = float(status.maximum_available or 0)
        self._rate = float(status.restore_rate or 0)
        self._at = now

    def _wait(self, document: str, now: datetime) -> float:
        if self._at is None or self._rate <= 0:
            return 0.0  # no answer has told anything yet
        passed = max(0.0, (now - self._at).total_seconds())
        left = min(self._most, self._left + passed * self._rate)
        cost = min(self._requested.get(document, 0.0), self._most)
        wait = (cost - left) / self._rate + MARGIN if cost > left else 0.0
        if wait > LONGEST:
            raise RateLimited(f"{document}: the query cost is used up", wait)
        self._left, self._at = left - cost, now
        return wait


PACES: WeakKeyDictionary[httpx.AsyncClient, Pace] = WeakKeyDictionary()
"""The pace of each client, for as long as there is the client."""


def pace_of(http: httpx.AsyncClient) -> Pace:
    """The pace that this client's calls keep."""
    return PACES.setdefault(http, Pace())
