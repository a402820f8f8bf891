"""Telling loops of this process that something was committed."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Wakers:
    """Events that waiting loops registered; a commit sets them all."""

    _waiting: set[asyncio.Event] = field(default_factory=set)

    def register(self) -> asyncio.Event:
        """An event that the next commit sets."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        """The loop looks by itself again."""
        self._waiting.discard(event)

    def wake(self) -> None:
        """Something was committed."""
        for event in self._waiting:
            event.set()
