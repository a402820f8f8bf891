"""How much of what comes in may be in memory at once, and that one sender never takes it all."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI

from renkei.errors import Busy

DELIVERIES = 4_000
"""Under way in one process: fewer than the intake's queue takes, so that this bound comes first."""

BYTES = 32_000_000
SMALL = BYTES // DELIVERIES
"""A body for which there is room as long as there is for its request: so a few callers who send
large ones slowly, whoever they are, keep nobody out who sends what a webhook usually is."""

BODIES = 4
"""The largest bodies, of which so many have room however large they may be."""


@dataclass
class Held:
    """Requests under way, and the bytes of their bodies."""

    requests: int = 0
    bytes: int = 0

    def add(self, requests: int, size: int) -> None:
        """Count some more, or, where negative, some less."""
        self.requests += requests
        self.bytes += size


@dataclass
class Room:
    """A sender may hold as much as is still free: one alone half of the room, two a third each.

    So whoever sends little finds room however much others send, without a number for each of them
    (Choudhury and Hahne, Dynamic Queue Length Thresholds, 1998).
    """

    requests: int = DELIVERIES
    bytes: int = BYTES
    _all: Held = field(default_factory=Held)
    _each: dict[str, Held] = field(default_factory=dict)

    @contextmanager
    def place(self, sender: str, size: int) -> Iterator["Place"]:
        """Room for one request of ``size`` bytes while the block runs; raises Busy."""
        held = self._each.get(sender) or Held()
        free_requests = self.requests - self._all.requests
        free_bytes = self.bytes - self._all.bytes
        too_large = size > SMALL and held.bytes + size > free_bytes
        if held.requests >= free_requests or too_large:
            raise Busy("too much is under way; try again in a second")
        self._each[sender] = held
        place = Place(self._all, held, size)
        try:
            yield place
        finally:
            place.leave()
            if not held.requests:
                self._each.pop(sender, None)


class Place:
    """What one request takes."""

    def __init__(self, total: Held, own: Held, size: int) -> None:
        self._counted = (total, own)
        self._size = size
        for held in self._counted:
            held.add(1, size)

    def shrink(self, size: int) -> None:
        """The body turned out to be of this size."""
        for held in self._counted:
            held.add(0, size - self._size)
        self._size = size

    def leave(self) -> None:
        """The request is answered."""
        for held in self._counted:
            held.add(-1, -self._size)


def room_for(body_limit: int) -> Room:
    """The room of a process that takes bodies up to this limit."""
    return Room(bytes=max(BYTES, BODIES * body_limit))


def together_for(body_limit: int) -> int:
    """The bytes of all bodies, deliveries or not: those at their most leave as much for others."""
    return 2 * room_for(body_limit).bytes


def room_of(app: FastAPI) -> Room:
    """The application's own room."""
    room: Room = app.state.room
    return room
