"""Turns: not calling a vendor faster than it asks for, by the generic cell rate algorithm."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from renkei_contracts.errors import RateLimited

LONGEST = 4.0
"""Seconds that a call waits for its turn at most; a longer wait is the hub's, not the call's."""


@dataclass(frozen=True)
class Limit:
    """One call each ``every`` seconds; so many ``at_once`` after a time of quiet."""

    every: float
    at_once: int = 1

    def wait(self, ahead: float) -> float:
        """Seconds to wait where the turns taken reach so many seconds ``ahead`` of now."""
        return max(0.0, ahead - (self.at_once - 1) * self.every)


class Pace(Protocol):
    """A connection's turns at its vendor, shared by every process of the hub."""

    async def turn(self, limit: Limit) -> None:
        """Take a turn and wait for it; raises RateLimited, and takes none, where it is far off."""
        ...


class MemoryPace:
    """Turns for tests and twins: one process."""

    def __init__(self) -> None:
        self._free = 0.0

    async def turn(self, limit: Limit) -> None:
        """Take a turn and wait for it."""
        now = time.monotonic()
        free = max(self._free, now)
        wait = limit.wait(free - now)
        require_near(wait)
        self._free = free + limit.every
        if wait:
            await asyncio.sleep(wait)


def require_near(wait: float) -> None:
    """Raise RateLimited for a turn that is not to be waited for."""
    if wait > LONGEST:
        raise RateLimited("our own pace: too many calls to the vendor are waiting", wait)
