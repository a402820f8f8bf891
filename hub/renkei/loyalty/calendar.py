"""Days as shops count them: a store's day may end after midnight. Pure."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import jpholiday

from renkei.ledger.months import months_later
from renkei_contracts.order import Order

LONGEST = 31
"""Days of the longest month."""


def business_day(order: Order, zone: ZoneInfo, day_ends: timedelta = timedelta()) -> date:
    """The store's day of a sale: what its till says, else the day of its instant in the zone.

    ``day_ends`` is how long after midnight the store's day ends: two hours for 26:00.
    """
    if order.till is not None:
        return order.till.business_date
    return day_of(order.placed_at, zone, day_ends)


def day_of(at: datetime, zone: ZoneInfo, day_ends: timedelta) -> date:
    """The store's day of an instant, where its day ends so long after midnight."""
    return (at.astimezone(zone) - day_ends).date()


def days_meant(day: date) -> list[int]:
    """The day of the month; on a month's last day, also those days that the month has not.

    An offer of the 30th is thereby one of 28 or 29 February.
    """
    return [day.day, *(range(day.day + 1, LONGEST + 1) if day == month_end(day) else ())]


def is_holiday(day: date) -> bool:
    """Whether the law of Japan makes it a holiday, substitutes included; Sundays are none."""
    return jpholiday.is_holiday(day)


def is_birthday(birthday: date | None, day: date) -> bool:
    """Whether it is that person's birthday; one born on a leap day has it on the 28th otherwise."""
    if birthday is None:
        return False
    if (birthday.month, birthday.day) == (2, 29):
        return day == month_end(date(day.year, 2, 1))
    return (day.month, day.day) == (birthday.month, birthday.day)


@lru_cache(maxsize=1_024)
def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which that day ends in the zone; the sales of a day ask for the same few."""
    return datetime.combine(day + timedelta(days=1), time(), zone)


def month_end(day: date) -> date:
    """The last day of its month."""
    return clamped(day.year, day.month, 31)


def clamped(year: int, month: int, day: int) -> date:
    """That day, or the month's last where it has no such day."""
    first = date(year, month, 1)
    last = months_later(first, 1) - timedelta(days=1)
    return first.replace(day=min(day, last.day))
