"""The parts of a program: how points are earned, how long they live, how they are used."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from renkei.ledger.books import BASE
from renkei.ledger.months import months_later
from renkei.loyalty.calendar import clamped, midnight_after, month_end
from renkei.loyalty.condition import LineCondition
from renkei.loyalty.named import Named
from renkei_contracts.base import Canonical, Slug, Text

Whole = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Percent = Annotated[int, Field(strict=True, ge=0, le=10_000)]

Rounding = Literal["floor", "half_up", "ceil"]

NEVER_EARN = ("prescription", "tobacco", "stamps", "utility-bill", "gift-certificate")
"""Product classes that earn nothing unless a program keeps them by name (jp-retail-rules.md §4)."""


class EarnRate(Canonical):
    """Another rate for the lines for which ``when`` is true; the first that fits counts."""

    name: Slug
    when: LineCondition
    points: Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
    per_yen: Whole


class Earn(Canonical):
    """``points`` per full ``per_yen`` of the base, rounded per order, per tax rate or per line.

    ``confirmed`` is when the points stop being pending; ``usable`` when they can be spent after
    that. Lines of the default list (NEVER_EARN) earn nothing but for those in ``keep``; nor do
    lines of ``excluded`` classes.
    """

    points: Whole = 1
    per_yen: Whole = 100
    base: Literal["tax_excluded", "tax_included"] = "tax_excluded"
    rounding: Rounding = "floor"
    per: Literal["order", "rate", "line"] = "order"
    points_paid_earn: Annotated[bool, Field(strict=True)] = False
    confirmed: Literal["placed", "paid", "fulfilled"] = "paid"
    usable: Literal["at_once", "next_day", "days_later"] = "at_once"
    usable_days: Annotated[int, Field(strict=True, ge=0, le=366)] = 0
    rates: tuple[EarnRate, ...] = ()
    excluded: tuple[Slug, ...] = ()
    keep: tuple[Slug, ...] = ()

    @property
    def barred(self) -> frozenset[str]:
        """The product classes that earn nothing."""
        return frozenset({*NEVER_EARN, *self.excluded} - {*self.keep})

    def earns_nothing(self, classes: tuple[str, ...]) -> str | None:
        """The class that keeps a line from earning, or None."""
        if not classes:
            return None
        barred = self.barred
        return next((name for name in classes if name in barred), None)


class Expiry(Canonical):
    """How long points live.

    ``fixed``: so many months (or days) after the sale. ``sliding``: after the member's last
    activity, which is a sale that earned or used points or, with ``slides_on`` ``use``, one that
    used some. ``yearly``: on ``month``/``day`` of each year, at least ``months`` after the sale.
    They end with the day, or with the month (``ends``). What is given back to points that are over
    lives ``restore_days`` more.
    """

    kind: Literal["never", "fixed", "sliding", "yearly"] = "fixed"
    months: Annotated[int, Field(strict=True, ge=0, le=600)] = 12
    days: Annotated[int, Field(strict=True, ge=0, le=3660)] = 0
    ends: Literal["day", "month"] = "day"
    month: Annotated[int, Field(strict=True, ge=1, le=12)] = 12
    day: Annotated[int, Field(strict=True, ge=1, le=31)] = 31
    restore_days: Annotated[int, Field(strict=True, ge=1, le=3660)] = 30
    slides_on: Literal["purchase", "use"] = "purchase"

    def is_activity(self, earned: int, redeemed: int) -> bool:
        """Whether a sale that earned and used so many points makes sliding points live on."""
        counts = redeemed if self.slides_on == "use" else earned or redeemed
        return self.kind == "sliding" and counts > 0

    @model_validator(mode="after")
    def _lives(self) -> Self:
        if self.kind in ("fixed", "sliding") and self.months == self.days == 0:
            raise ValueError("points must live for some months or days")
        if self.kind == "sliding" and (self.days or self.ends == "month" or not self.months):
            raise ValueError("sliding points live for whole months and end with the day")
        return self

    def end(self, bought: date, zone: ZoneInfo) -> datetime | None:
        """The instant at which points of a sale of that day end, if nothing moves it."""
        last = self._last_day(bought)
        return None if last is None else midnight_after(last, zone)

    def _last_day(self, bought: date) -> date | None:
        if self.kind == "never":
            return None
        later = months_later(bought, self.months) + timedelta(days=self.days)
        if self.kind == "yearly":
            return self._next_yearly(later)
        return month_end(later) if self.ends == "month" else later

    def _next_yearly(self, earliest: date) -> date:
        this_year = clamped(earliest.year, self.month, self.day)
        return (
            this_year if this_year >= earliest else clamped(earliest.year + 1, self.month, self.day)
        )


class PointType(Named):
    """Points that live by their own ``expiry``, or are spent only at ``only_at``.

    ``only_at`` names connections, or stores as connection/store; empty: everywhere.
    """

    expiry: Expiry = Expiry()
    only_at: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _is_another(self) -> Self:
        if self.name == BASE:
            raise ValueError(f"{BASE} is the name of ordinary points")
        return self


class Redeem(Canonical):
    """How points are used: in units, within limits; they lower the price before tax."""

    yen_per_point: Whole = 1
    unit: Whole = 1
    minimum: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0
    maximum_points: Whole | None = None
    maximum_percent: Annotated[int, Field(strict=True, ge=1, le=100)] = 100

    def most(self, spendable: int, yen: int) -> int:
        """The most points for a basket of so many yen, in whole units."""
        cap = min(spendable, yen * self.maximum_percent // 100 // self.yen_per_point)
        if self.maximum_points is not None:
            cap = min(cap, self.maximum_points)
        cap -= cap % self.unit
        return cap if cap >= self.minimum else 0
