"""Walking a list by time of change, in a list that cannot be sorted by it. Pure.

Color Me Shop filters orders and customers by when they changed, but sorts them by nothing we can
ask for, and a row that changes leaves its place. So a walk cuts the window into slices of time so
short that a slice comes in one answer: within it nothing can be skipped, and slices follow each
other in time. Only where more rows than one answer holds changed in one second does it go by
number, from the last row to the first: rows may leave that second, none can join it, so that what
is still to be read never moves away from us.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, floor

from renkei_colorme.wire import LATEST, Meta
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_contracts.toolkit.japanese import JST

FILLED = 80
"""Percent of an answer that a slice is cut to hold, so that it seldom holds more."""

LONGER = 4
"""How many times longer a slice may be than the one before."""

CURSOR = re.compile(r"([0-9]{1,10})\+([0-9]{1,10})(?:@([0-9]{1,9})/([0-9]{1,9}))?")


@dataclass(frozen=True)
class Slice:
    """Seconds ``first`` to ``last``, both included, of a walk that ends with ``end``.

    ``rows`` (offset, limit): only these rows of a second too full for one answer.
    """

    first: int
    last: int
    end: int
    rows: tuple[int, int] | None = None

    @property
    def width(self) -> int:
        """How many seconds it is."""
        return self.last - self.first + 1

    def cursor(self) -> str:
        """Where to go on, as a text."""
        rows = f"@{self.rows[0]}/{self.rows[1]}" if self.rows else ""
        return f"{self.first}+{self.width}{rows}"


def begin(window: Window, cursor: str | None) -> Slice:
    """The slice a cursor names, or the whole window.

    It begins with the second that ``since`` lies in, since a change is told by its second.
    """
    first, end = floor(window.since.timestamp()), ceil(window.until.timestamp()) - 1
    first = max(first, 0)
    if cursor is None:
        return Slice(first, max(end, first), max(end, first))
    found = CURSOR.fullmatch(cursor)
    if found is None or not int(found[1]) + int(found[2]) <= LATEST or not int(found[2]):
        raise PayloadInvalid("the cursor is none of ours")
    first = int(found[1])
    last = min(first + int(found[2]) - 1, max(end, first))
    if found[3] is None:
        return Slice(first, last, end)
    if not int(found[4]):
        raise PayloadInvalid("the cursor is none of ours")
    return Slice(first, last, end, (int(found[3]), int(found[4])))


def following(here: Slice, held: int, limit: int) -> Slice | None:
    """The slice after one that was read whole and held so many rows; None: the walk is over."""
    if here.rows is not None and here.rows[0] > 0:
        size = min(limit, here.rows[0])
        return replace(here, rows=(here.rows[0] - size, size))
    if here.last >= here.end:
        return None
    first, width = here.last + 1, max(1, _grown(here.width, held, limit))
    return Slice(first, min(first + width - 1, here.end), here.end)


def _grown(width: int, held: int, limit: int) -> int:
    """As long as rows are as dense as in the slice before; one with few says little of the next."""
    if 2 * held <= limit:
        return width * (2 if held else LONGER)
    return min(width * LONGER, width * FILLED * limit // (100 * held))


def narrowed(here: Slice, meta: Meta) -> Slice:
    """A shorter slice where this one holds more rows than an answer; else its last rows."""
    if here.width == 1:
        size = min(meta.limit, meta.total)
        return replace(here, rows=(meta.total - size, size))
    dense = here.width * FILLED * meta.limit // (100 * meta.total)
    width = max(1, min(dense, here.width - 1))
    return replace(here, last=here.first + width - 1)


def heeded(here: Slice, meta: Meta, changed: Sequence[datetime]) -> None:
    """Raise PayloadInvalid where the answer is not what was asked for.

    Color Me Shop ignores a filter that it does not understand, and says nothing.
    """
    offset = here.rows[0] if here.rows else 0
    if meta.offset != offset:
        raise PayloadInvalid("the list does not begin where it was asked to")
    since = datetime.fromtimestamp(here.first, UTC)
    until = datetime.fromtimestamp(here.last, UTC)
    if any(not since <= one <= until for one in changed):
        raise PayloadInvalid("the list holds rows of another time than was asked for")


def japanese(second: int) -> str:
    """A second as a filter wants it: Japanese time."""
    return datetime.fromtimestamp(second, JST).strftime("%Y-%m-%d %H:%M:%S")
