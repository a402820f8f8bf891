"""Where reading a list goes on, so that no row is lost while others change. Pure.

WooCommerce sorts by the second of a change and then by id (source: WC_REST_CRUD_Controller). A page
number would skip rows when those before them change: reading goes on from the second of the last
row instead, without the rows of that second that are known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_contracts.toolkit.wire import parse
from renkei_woocommerce.wire import Customer, Place

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ByChange:
    """Reading what changed within a window, from the second ``at`` on, but for ``known`` ids."""

    window: Window
    at: datetime
    known: tuple[int, ...] = ()

    @classmethod
    def begin(cls, window: Window, cursor: str | None) -> "ByChange":
        """From the window's start, or from where the cursor says."""
        if cursor is None:
            return cls(window, window.since.astimezone(UTC).replace(microsecond=0))
        at, _, ids = cursor.partition("|")
        return cls(window, datetime.fromisoformat(at), tuple(map(int, ids.split(","))))

    def query(self) -> Mapping[str, str]:
        """Both ends are left out by WooCommerce, and whole seconds are all it keeps."""
        known = {"exclude": ",".join(map(str, self.known))} if self.known else {}
        return {
            "dates_are_gmt": "true",
            "modified_after": _iso(self.at - SECOND),
            "modified_before": _iso(self.window.until + SECOND),
            "order": "asc",
            "orderby": "modified",
            **known,
        }

    def within(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The rows of the window; one whose place cannot be read is for the reader to refuse."""
        return [row for row in rows if _may_be_within(row, self.window)]

    def after(self, rows: Sequence[dict[str, Any]]) -> str | None:
        """The cursor behind these rows; None where there are none, or none can follow."""
        if not rows:
            return None
        places = [parse(Place, row, "a row of a list") for row in rows]
        last = places[-1].date_modified_gmt
        if last < self.at:
            raise PayloadInvalid("a list goes back behind what was asked for")
        if last >= self.window.until:
            return None
        ids = [place.id for place in places if place.date_modified_gmt == last]
        ids = [*(self.known if last == self.at else ()), *ids]
        return f"{last.isoformat()}|{','.join(map(str, ids))}"


@dataclass(frozen=True)
class ById:
    """Reading all customers by id: there is no list of those that changed.

    Each page begins with the last row of the page before. Where it does not, customers before it
    were deleted and the rest has moved up: then reading begins again.
    """

    offset: int = 0
    last: int = 0

    @classmethod
    def begin(cls, cursor: str | None) -> "ById":
        """From the first, or from where the cursor says."""
        offset, _, last = (cursor or "0|0").partition("|")
        return cls(int(offset), int(last))

    def query(self) -> Mapping[str, str]:
        """By id, so that new ones come last, whatever their role."""
        return {"offset": str(self.offset), "order": "asc", "orderby": "id", "role": "all"}

    def moved(self, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether the page does not begin where the page before ended."""
        return bool(self.last) and (not rows or rows[0].get("id") != self.last)

    def fresh(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """The rows without the one that is known."""
        return rows[1:] if self.last else rows

    def after(self, rows: Sequence[dict[str, Any]]) -> str | None:
        """The cursor behind these rows; None where nothing new came."""
        if not self.fresh(rows):
            return None
        last = rows[-1].get("id")
        if isinstance(last, bool) or not isinstance(last, int):
            raise PayloadInvalid("a row of a list: id is not understood")
        return f"{self.offset + len(rows) - 1}|{last}"


def merged(
    lists: Sequence[tuple[Sequence[dict[str, Any]], bool]],
) -> tuple[Sequence[dict[str, Any]], bool]:
    """Lists of one order read as one; of each its rows and whether it goes on, and so it is given.

    Nothing behind the last row of a list that goes on is given yet: what follows may be before it.
    """
    rows = sorted((row for rows, _ in lists for row in rows), key=_place)
    ends = [_place(rows[-1]) for rows, goes_on in lists if goes_on and rows]
    return [row for row in rows if not ends or _place(row) <= min(ends)], bool(ends)


def is_new(row: dict[str, Any], window: Window) -> bool:
    """Whether the customer came after the window."""
    try:
        customer = parse(Customer, row, "customer")
    except PayloadInvalid:
        return False
    return customer.date_created_gmt >= window.until


def _may_be_within(row: dict[str, Any], window: Window) -> bool:
    try:
        at = parse(Place, row, "a row of a list").date_modified_gmt
    except PayloadInvalid:
        return True
    return window.since <= at < window.until


def _place(row: dict[str, Any]) -> tuple[datetime, int]:
    """Where the row stands; one of which that cannot be read is for the reader to refuse."""
    try:
        place = parse(Place, row, "a row of a list")
    except PayloadInvalid:
        return datetime.min.replace(tzinfo=UTC), 0
    return place.date_modified_gmt, place.id


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
