"""A program: one points currency with its rules, as a frozen document."""

import calendar
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from renkei_contracts.base import Canonical, Slug, Text

Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Program(Canonical):
    """The rules of one version of a program.

    ``points`` are earned per full ``per_yen`` of an order's base; one point is worth
    ``yen_per_point``. ``expires_months`` counts from the sale (None: never), and the last day runs
    to midnight in ``zone``. Points given back to a lot that is over live ``restore_days`` more.
    """

    id: Slug = "default"
    title: Text = "Points"
    zone: Text = "Asia/Tokyo"
    points: Whole = 1
    per_yen: Whole = 100
    base: Literal["tax_excluded", "tax_included"] = "tax_excluded"
    usable: Literal["at_once", "next_day"] = "at_once"
    expires_months: Annotated[int, Field(strict=True, ge=1, le=600)] | None = 12
    yen_per_point: Whole = 1
    restore_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30

    def usable_from(self, at: datetime) -> datetime:
        """When points of a sale at that instant can first be used."""
        if self.usable == "at_once":
            return at
        return self._midnight_after(self._day(at))

    def expires_at(self, at: datetime) -> datetime | None:
        """The instant at which points of a sale at that instant end."""
        if self.expires_months is None:
            return None
        return self._midnight_after(months_later(self._day(at), self.expires_months))

    def restored_until(self, now: datetime) -> datetime:
        """The end of points given back today to a lot that is over."""
        return self._midnight_after(self._day(now) + timedelta(days=self.restore_days))

    def period_of(self, at: datetime) -> str:
        """The month an instant lies in, in the program's zone: ``2026-11``."""
        return self._day(at).strftime("%Y-%m")

    def _day(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()

    def _midnight_after(self, day: date) -> datetime:
        return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(self.zone))


def months_later(day: date, months: int) -> date:
    """The same day ``months`` later; a month without that day ends on its last."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


DEFAULT = Program()
"""What a new installation starts with: 1 point per ¥100, net of tax; 1 point is ¥1."""
