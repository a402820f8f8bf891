"""Allowances as they were given, and every use of one. Pure.

Nothing of it is ever changed. What is left of an allowance is what its hold still holds; the uses
say which sale each count of the till was for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from renkei.ledger.books import ALLOWANCE


class AllowanceUse(NamedTuple):
    """One use: the till's count, the revision of the sale, the sale, its points."""

    counter: int
    revision: int
    sale: str
    points: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one terminal may let one member use until ``expires_at`` without asking.

    Uses may be told until ``lapses_at``, when its hold ends. ``uses`` are in the order of their
    counters and revisions.
    """

    id: str
    terminal: str
    key: str
    member: str
    connection: str
    points: int
    issued_at: datetime
    expires_at: datetime
    lapses_at: datetime
    uses: tuple[AllowanceUse, ...] = ()

    @property
    def scope(self) -> str:
        """The scope of the hold that funds it; the hold's key is its own."""
        return f"{ALLOWANCE}{self.terminal}"

    @property
    def sales(self) -> dict[int, str]:
        """Which sale each counter was used for."""
        return {use.counter: use.sale for use in self.uses}

    @property
    def next_counter(self) -> int:
        """What the till counts next, as far as is known."""
        return max(self.sales, default=0) + 1

    @property
    def booked(self) -> int:
        """The points of its sales as they were told last."""
        return sum({use.counter: use.points for use in sorted(self.uses)}.values())


def allowance_of(row: Any) -> Allowance:
    """A row of that statement."""
    uses = tuple(AllowanceUse(*use) for use in row[9])
    return replace(Allowance(*row[:9]), uses=uses)


def allowance_rows(given: Iterable[Allowance]) -> list[dict[str, Any]]:
    """New allowances for the journal."""
    return [
        {
            "id": one.id,
            "t": one.terminal,
            "key": one.key,
            "m": one.member,
            "c": one.connection,
            "points": one.points,
            "at": one.issued_at.isoformat(),
            "expires": one.expires_at.isoformat(),
            "lapses": one.lapses_at.isoformat(),
        }
        for one in given
    ]


def use_rows(uses: Iterable[tuple[str, AllowanceUse]], at: datetime) -> list[dict[str, Any]]:
    """New uses for the journal."""
    return [
        {
            "id": id,
            "n": use.counter,
            "rev": use.revision,
            "r": use.sale,
            "points": use.points,
            "at": at.isoformat(),
        }
        for id, use in uses
    ]
