"""A program: one points currency with its rules, as a frozen document."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from renkei.ledger.months import months_later
from renkei_contracts.base import Canonical, Slug, Text

Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Program(Canonical):
    """The rules of one version of a program.

    ``points`` are earned per full ``per_yen`` of an order's base; one point is worth
    ``yen_per_point``. ``expires_months`` counts from the sale (None: never), and the last day runs
    to midnight in ``zone``; with ``expiry`` sliding, they count from the member's last activity.
    Points given back to a lot that is over live ``restore_days`` more. ``spend_first`` are point
    types in the order in which they are spent before all others.
    """

    id: Slug = "default"
    title: Text = "Points"
    zone: Text = "Asia/Tokyo"
    points: Whole = 1
    per_yen: Whole = 100
    base: Literal["tax_excluded", "tax_included"] = "tax_excluded"
    usable: Literal["at_once", "next_day"] = "at_once"
    expiry: Literal["fixed", "sliding"] = "fixed"
    expires_months: Annotated[int, Field(strict=True, ge=1, le=600)] | None = 12
    yen_per_point: Whole = 1
    restore_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30
    spend_first: tuple[Slug, ...] = ()

    def usable_from(self, at: datetime) -> datetime:
        """When points of a sale at that instant can first be used."""
        if self.usable == "at_once":
            return at
        return self._midnight_after(self._day(at))

    @property
    def slides_months(self) -> int | None:
        """How long points live after an activity; None: their end is fixed, or never comes."""
        return self.expires_months if self.expiry == "sliding" else None

    def expires_at(self, at: datetime) -> datetime | None:
        """The instant at which points of a sale at that instant end, if nothing moves it."""
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


DEFAULT = Program()
"""What a new installation starts with: 1 point per ¥100, net of tax; 1 point is ¥1."""
