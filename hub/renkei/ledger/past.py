"""What a member bought before, as far as rules look at it. Pure; ``read_past`` asks for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class PastSale(NamedTuple):
    """A sale of which something is still sold: when, for how many yen, and what it earned.

    ``yen`` are of what is still sold, tax included, before points. ``points`` are 0 where nobody
    asked for them.
    """

    at: datetime
    yen: int
    points: int = 0


class Reach(NamedTuple):
    """A tier that was reached, and in which of its periods."""

    tier: str
    period: str


class NewReach(NamedTuple):
    """A tier that the member has reached, and when; it is booked once."""

    member: str
    reach: Reach
    at: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """A member's past: their first sale, their sales since some moment, in no order.

    ``birthday`` is month and day, ``02-29``, or empty. ``reached`` is what was booked of tiers.
    """

    first_at: datetime | None = None
    sales: tuple[PastSale, ...] = ()
    birthday: str = ""
    reached: frozenset[Reach] = frozenset()


class PastOf(NamedTuple):
    """Whose past is asked for, with sales since when (None: none), and what else of it."""

    member: str
    since: datetime | None
    points: bool = False
    reached: bool = False


def together(pasts: Iterable[Past]) -> Past:
    """The past of members who count as one; whoever comes first has the birthday."""
    every = list(pasts)
    return Past(
        first_at=min((one.first_at for one in every if one.first_at is not None), default=None),
        sales=tuple(sale for one in every for sale in one.sales),
        birthday=next((one.birthday for one in every if one.birthday), ""),
        reached=frozenset().union(*(one.reached for one in every)),
    )
