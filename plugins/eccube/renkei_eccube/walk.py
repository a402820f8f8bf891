"""Walking a list of EC-CUBE by time of change, oldest first. Pure.

A list can be filtered by when rows changed (from ``start`` on, before ``end``), and is sorted by
that, the newest first, whatever one asks for. A row that changes while pages are read leaves the
window, and the rows below it move up: a page would be skipped in part. So a walk cuts the window
into slices of time so short that each comes in one answer. Only a second in which more rows changed
than one answer holds is read by pages, from the last to the first: rows may leave that second, none
can join it, and what is still to be read moves towards the pages that are still to come.

Source: OrderRepository, CustomerRepository and ProductRepository of EC-CUBE 4.3 (77865213).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, floor

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_contracts.toolkit.japanese import JST

LATEST = 7_258_118_399
"""The last second of 2199."""

FILLED = 80
"""Percent of an answer that a slice is cut to hold, so that it seldom holds more."""

LONGER = 4
"""How many times longer a slice may be than the one before."""

CURSOR = re.compile(r"([0-9]{1,10})\+([0-9]{1,10})(?:@([1-9][0-9]{0,8}))?")


@dataclass(frozen=True)
class Slice:
    """From the second ``first`` on to before ``first + width``, of a walk that ends before ``end``.

    ``page``: only this page of a second that is too full for one answer.
    """

    first: int
    width: int
    end: int
    page: int | None = None

    @property
    def last(self) -> int:
        """The second before which it ends."""
        return min(self.first + self.width, self.end)

    def cursor(self) -> str:
        """Where to go on, as a text."""
        return f"{self.first}+{self.width}" + (f"@{self.page}" if self.page else "")

    def asked(self, limit: int) -> dict[str, object]:
        """It as the variables of a list."""
        return {
            "start": moment(self.first),
            "end": moment(self.last),
            "page": self.page or 1,
            "limit": limit,
        }


def begin(window: Window, cursor: str | None) -> Slice:
    """The slice that a cursor names, or the whole window, in whole seconds as EC-CUBE counts."""
    first = max(floor(window.since.timestamp()), 0)
    end = max(ceil(window.until.timestamp()), first + 1)
    if cursor is None:
        return Slice(first, end - first, end)
    found = CURSOR.fullmatch(cursor)
    if found is None or not int(found[2]) or int(found[1]) + int(found[2]) > LATEST:
        raise PayloadInvalid("the cursor is none of ours")
    first = int(found[1])
    return Slice(first, int(found[2]), max(end, first + 1), int(found[3]) if found[3] else None)


def narrowed(here: Slice, total: int, limit: int) -> Slice:
    """A shorter slice, where this one holds more than an answer; of one second, its last page."""
    width = here.last - here.first
    if width == 1:
        return replace(here, width=1, page=ceil(total / limit))
    dense = width * FILLED * limit // (100 * total)
    return replace(here, width=max(1, min(dense, width - 1)))


def following(here: Slice, held: int, limit: int) -> Slice | None:
    """What comes after one that was read whole and held so many rows; None: the walk is over."""
    if here.page is not None and here.page > 1:
        return replace(here, page=here.page - 1)
    if here.last >= here.end:
        return None
    return Slice(here.last, min(_grown(here.width, held, limit), LATEST - here.last), here.end)


def _grown(width: int, held: int, limit: int) -> int:
    """As long as rows are as dense as in the slice before; one with few says little of the next."""
    if 2 * held <= limit:
        return width * (2 if held else LONGER)
    return max(1, min(width * LONGER, width * FILLED * limit // (100 * held)))


def moment(second: int) -> str:
    """A second as EC-CUBE's DateTime wants it: ``Y-m-d\\TH:i:sP``."""
    return datetime.fromtimestamp(second, UTC).astimezone(JST).isoformat(timespec="seconds")
