"""A fault script: what a twin does wrong, when, and how often."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

FaultKind = Literal[
    "unauthorized",
    "forbidden",
    "rate_limited",
    "server_error",
    "drop_before",
    "drop_after",
    "slow",
    "half_page",
    "not_json",
    "field_removed",
    "type_changed",
]
"""``drop_before`` breaks the connection before the vendor acts, ``drop_after`` when it has.

``slow`` acts and never answers; ``field_removed`` and ``type_changed`` are schema drift.
"""

BEFORE: frozenset[FaultKind] = frozenset(
    {"unauthorized", "forbidden", "rate_limited", "server_error", "drop_before"}
)
"""The faults after which nothing has happened at the vendor."""


@dataclass(frozen=True)
class Fault:
    """One fault for the next call whose path contains ``path`` (empty: any call).

    ``retry_after`` is in seconds (None: the vendor does not say). ``field`` is the key of the JSON
    answer that schema drift hits, wherever it occurs. ``skip``: so many fitting calls pass first.
    """

    kind: FaultKind
    path: str = ""
    retry_after: int | None = None
    field: str = ""
    skip: int = 0


@dataclass
class FaultScript:
    """Faults waiting for their call; each happens once, in the order they were planned."""

    planned: deque[Fault] = field(default_factory=deque)

    def plan(self, faults: Iterable[Fault]) -> None:
        """Add faults at the end."""
        self.planned.extend(faults)

    def take(self, path: str) -> Fault | None:
        """The next fault that fits this call, removed from the script."""
        for place, fault in enumerate(self.planned):
            if fault.path in path and fault.skip:
                self.planned[place] = replace(fault, skip=fault.skip - 1)
            elif fault.path in path:
                del self.planned[place]
                return fault
        return None
