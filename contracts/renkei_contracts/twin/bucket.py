"""How many calls a twin answers: a bucket that fills steadily."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Bucket:
    """Holds at most ``maximum`` and gains ``per_second``; full at first.

    It fills by the machine's clock: it holds back the calls of real seconds, and a twin's clock
    that stands still would let nobody call again.
    """

    maximum: float
    per_second: float
    available: float = -1
    clock: Callable[[], float] = time.monotonic
    _at: float | None = None

    def __post_init__(self) -> None:
        if self.available < 0:
            self.available = self.maximum

    def holds(self, cost: float = 1) -> bool:
        """Whether this much can be taken now."""
        now = self.clock()
        grown = 0.0 if self._at is None else (now - self._at) * self.per_second
        self._at, self.available = now, min(self.maximum, self.available + grown)
        return self.available >= cost

    def take(self, cost: float = 1) -> None:
        """Take it, even below nothing: a call's cost may be known only when it is done."""
        self.available -= cost

    def wait(self, cost: float = 1) -> float:
        """The seconds until it holds this much."""
        return max(0.0, (cost - self.available) / self.per_second)
