"""Walking a list that cannot be sorted by change: in slices of time, each read whole. Pure.

Square sorts customers by name or by when they were made. A slice that holds too many rows is an
empty page, and half of it the next; so the slices come oldest change first, and what changes
meanwhile comes in a later one.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window

SHORTEST = timedelta(seconds=1)
"""A slice this short is read whole, however many rows it holds."""

CURSOR = re.compile(r"(\d{4}-\d{2}-\d{2}T[0-9:.]{8,15}\+00:00)\|(\d{1,12})")


@dataclass(frozen=True)
class Slice:
    """Changes from ``since`` on to before ``since + width``."""

    since: datetime
    width: timedelta

    def until(self, window: Window) -> datetime:
        """Its end, which is the window's at most."""
        return min(self.since + self.width, window.until)

    def halved(self) -> "Slice":
        """The first half of it."""
        return Slice(self.since, max(self.width / 2, SHORTEST))

    def cursor(self) -> str:
        """The slice as a text, to come back to."""
        return f"{self.since.isoformat()}|{max(int(self.width.total_seconds()), 1)}"


def first(window: Window, cursor: str | None) -> Slice:
    """The slice that a cursor names, or the whole window."""
    if cursor is None:
        return Slice(window.since, max(window.until - window.since, SHORTEST))
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise PayloadInvalid("the cursor is none of ours")
    return Slice(datetime.fromisoformat(found[1]), timedelta(seconds=int(found[2])))


def following(window: Window, read: Slice) -> str | None:
    """The cursor after a slice that was read: the next one is twice as wide."""
    end = read.until(window)
    return None if end >= window.until else Slice(end, read.width * 2).cursor()
