"""Sliding expiry: points that live as long as their member keeps coming. Pure.

A sliding lot has no date of its own: it ends at the close of the day that lies ``slides_months``
after the last activity, counting only activities before it had ended.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from renkei.ledger.books import Books, Lot
from renkei.ledger.months import months_later


def slid(books: Books) -> Books:
    """The books with the effective end of every sliding lot."""
    if all(lot.slides_months is None for lot in books.lots):
        return books
    lots = tuple(
        lot if lot.slides_months is None else lot._replace(expires_at=_end(lot, books))
        for lot in books.lots
    )
    return books._replace(lots=lots)


def with_activity(books: Books, at: datetime) -> Books:
    """The books after the member was active at that instant; it may have been a while ago."""
    return slid(books._replace(activities=tuple(sorted({*books.activities, at}))))


def _end(lot: Lot, books: Books) -> datetime:
    assert lot.slides_months is not None
    end = end_of_slide(lot.granted_at, lot.slides_months, books.zone)
    for activity in _after(lot.granted_at, books.activities):
        if activity >= end:
            break
        end = max(end, end_of_slide(activity, lot.slides_months, books.zone))
    return end


def _after(granted_at: datetime, activities: Iterable[datetime]) -> list[datetime]:
    return [activity for activity in activities if activity > granted_at]


def end_of_slide(at: datetime, months: int, zone: str) -> datetime:
    """Midnight (UTC instant) after the day ``months`` later, in the zone."""
    day = months_later(at.astimezone(ZoneInfo(zone)).date(), months) + timedelta(days=1)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
