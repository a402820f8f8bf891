"""Counting in calendar months. Pure."""

import calendar
from datetime import date
from functools import lru_cache


@lru_cache(maxsize=1_024)
def months_later(day: date, months: int) -> date:
    """The same day ``months`` later; a month without that day ends on its last."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
