"""Walking a list by time of update, without losing rows that change under the walk. Pure.

Smaregi pages by number: a row that changes while we read moves to the end, the rows behind it move
up, and the next number would skip one. So the next page is asked from the last row's own second on;
only where one second fills a whole page does the number go up. Some rows come twice, none is lost.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_contracts.toolkit.japanese import JST

SECOND = timedelta(seconds=1)

LONGEST = timedelta(days=31) - SECOND
"""A list of transactions must be asked for at most 31 days."""

MAX_PAGE = 1000
"""More pages than this of one second are no list but a fault."""

CURSOR = re.compile(r"([0-9T:+-]{25})\|([0-9]{1,4})")


@dataclass(frozen=True)
class Place:
    """Where a walk is: rows updated from ``since`` on, page ``page`` of them."""

    since: datetime
    page: int

    def cursor(self) -> str:
        """The place as a text, to come back to."""
        return f"{iso(self.since)}|{self.page}"


def place(window: Window, cursor: str | None) -> Place:
    """The place a cursor names, or the beginning: a second early, should From not be included."""
    if cursor is None:
        return Place(window.since.replace(microsecond=0) - SECOND, 1)
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise PayloadInvalid("the cursor is none of ours")
    return Place(datetime.fromisoformat(found[1]), int(found[2]))


def until(window: Window, at: Place) -> datetime:
    """The end to ask for, which is the window's or 31 days on."""
    return min(_end(window), at.since + LONGEST)


def following(
    window: Window, at: Place, updated: Sequence[datetime | None], *, full: bool
) -> str | None:
    """The cursor after a page whose rows were updated so; None where the walk is over."""
    if not full:
        end = until(window, at)
        return None if end >= _end(window) else Place(end - SECOND, 1).cursor()
    known = [one for one in updated if one is not None]
    ascending = len(known) == len(updated) and known == sorted(known)
    resume = known[-1].replace(microsecond=0) - SECOND if ascending and known else at.since
    if resume > at.since:
        return Place(resume, 1).cursor()
    if at.page >= MAX_PAGE:
        raise PayloadInvalid(f"the list does not end after {MAX_PAGE} pages")
    return Place(at.since, at.page + 1).cursor()


def holds(window: Window, updated: datetime | None) -> bool:
    """Whether a row belongs to the window; one without a time is kept, to be refused by name."""
    return updated is None or window.since <= updated < window.until


def iso(at: datetime) -> str:
    """Whole seconds, Japanese time."""
    return at.astimezone(JST).replace(microsecond=0).isoformat()


def _end(window: Window) -> datetime:
    return window.until.replace(microsecond=0) + SECOND
