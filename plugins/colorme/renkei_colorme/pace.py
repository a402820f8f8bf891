"""Not calling faster than the vendor asks for: one pace for each HTTP client, so each connection.

Several processes of a hub have each a pace of their own; what is too much then is refused by the
vendor with 429, and tried later.
"""

import asyncio
import time
from weakref import WeakKeyDictionary

import httpx

from renkei_contracts.errors import RateLimited

AT_ONCE = 10
"""Calls that may follow each other without a wait, after a time of quiet."""

LONGEST = 4.0
"""Seconds that a call waits for its turn at most; a longer wait is the hub's, not ours."""


class Pace:
    """Says when the next call may be made. ``now`` is in seconds, of a clock that never goes back.

    Each call takes its turn, an ``interval`` after the one before; turns not taken are saved up to
    ``AT_ONCE`` (the generic cell rate algorithm).
    """

    def __init__(self) -> None:
        self._next = 0.0

    def turn(self, interval: float, now: float) -> float:
        """Take a turn and give the seconds to wait; raises RateLimited where they are too many."""
        free = max(self._next, now)
        wait = max(0.0, free - now - (AT_ONCE - 1) * interval)
        if wait > LONGEST:
            raise RateLimited("our own pace: too many calls to Color Me Shop are waiting", wait)
        self._next = free + interval
        return wait


PACES: WeakKeyDictionary[httpx.AsyncClient, Pace] = WeakKeyDictionary()
"""The pace of each client, for as long as there is the client."""


async def own_turn(http: httpx.AsyncClient, calls_per_minute: int) -> None:
    """Wait for the turn of a call by this client."""
    wait = PACES.setdefault(http, Pace()).turn(60 / calls_per_minute, time.monotonic())
    if wait:
        await asyncio.sleep(wait)
