"""How the lists of a poll are asked for: which rows, and page after page. Pure.

Two things of Vendure decide how. First, a refund, a change of state and a verified address do not
move ``updatedAt`` of the order or customer, and a list cannot be asked for them. So whatever is
new is read again at every poll, and once more in the window of each age below: each row a
handful of times, however long the list. Second, SQLite keeps whole seconds there and Vendure
compares them as text, so that "equal to" finds nothing and "after" leaves ties out.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_vendure.mapping import SELLERS_PART

RECENT = timedelta(hours=1)
AGES = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30, 60, 90))
TICK = timedelta(seconds=1)


class Place(Protocol):
    """Where a row stands in its list: by a moment that never changes."""

    @property
    def id(self) -> str:
        """The row's id."""
        ...

    @property
    def at(self) -> datetime:
        """The moment the list is sorted by."""
        ...


def changed_orders(window: Window, cursor: str | None) -> dict[str, Any]:
    """The filter for orders, sorted by when they were placed."""
    placed = [
        {"active": {"eq": False}},
        {"orderPlacedAt": {"isNull": False}},
        {"type": {"notEq": SELLERS_PART}},
    ]
    return {"_and": [*placed, *_within("orderPlacedAt", window, cursor)]}


def changed_customers(window: Window, cursor: str | None) -> dict[str, Any]:
    """The filter for customers, sorted by when they were made."""
    return {"_and": _within("createdAt", window, cursor)}


def next_cursor(places: Sequence[Place], cursor: str | None) -> str:
    """Where to go on: behind a moment, but without the rows that were read since then.

    The moment lies a tick before the last row's, so that rows sharing that are not lost.
    """
    moment = places[-1].at - TICK
    read = [place.id for place in places if place.at > moment]
    if cursor is not None:
        last, before = _opened(cursor)
        read = [*before, *read] if moment < last + TICK else read
    return " ".join([_text(moment), *read])


def _within(field: str, window: Window, cursor: str | None) -> list[dict[str, Any]]:
    """What is there by the end of the window, so that the pages of a busy shop end, too."""
    there = {field: {"before": _text(window.until)}}
    return [there, _touched(field, window), *_behind(field, cursor)]


def _touched(field: str, window: Window) -> dict[str, Any]:
    slices = [_between(field, window.since - age - TICK, window.until - age + TICK) for age in AGES]
    recent = min(window.since, window.until - RECENT)
    changed = {"updatedAt": {"after": _text(window.since - TICK)}}
    return {"_or": [changed, {field: {"after": _text(recent - TICK)}}, *slices]}


def _between(field: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {field: {"between": {"start": _text(start), "end": _text(end)}}}


def _behind(field: str, cursor: str | None) -> list[dict[str, Any]]:
    if cursor is None:
        return []
    moment, read = _opened(cursor)
    return [{field: {"after": _text(moment)}}, {"id": {"notIn": read}}]


def _opened(cursor: str) -> tuple[datetime, list[str]]:
    instant, *read = cursor.split(" ")
    try:
        moment = datetime.fromisoformat(instant)
    except ValueError as error:
        raise PayloadInvalid("the cursor is none of Vendure's lists") from error
    return moment, read


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
