"""Tiers: which level a member's sales reach, when, and how long it is kept. Pure.

All of it follows from the sales as they are now, net of returns and cancellations, each at the
moment it was placed: the order in which they became known never matters.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import accumulate, pairwise
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from renkei.ledger.months import months_later
from renkei.ledger.past import PastSale
from renkei.loyalty.named import Named
from renkei.loyalty.terms import Whole
from renkei_contracts.base import Canonical, Slug

Months = Annotated[int, Field(strict=True, ge=1, le=120)]

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)

EVER = "ever"
"""The only period of a window that rolls."""


class Level(Named):
    """A tier, reached with ``at_least`` of the metric; conditions know it by its name.

    ``bonus`` points are given, and a ``coupon`` of that kind is issued, each time it is reached:
    once in each yearly period, or once for ever where the window rolls.
    """

    at_least: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]
    bonus: Whole | None = None
    coupon: Slug | None = None


class Tiers(Canonical):
    """Levels in rising order, and how a member reaches and keeps them.

    The ``metric`` of a member: ``spend`` is one for every ``per_yen`` yen of what they bought and
    kept, tax included, after coupons, before points; ``points`` what their sales earned;
    ``visits`` the days on which they bought something; ``purchases`` how many sales. It is of the
    last ``months`` (``rolling``), or since the first day of month ``resets`` (``yearly``), in the
    program's zone.

    It is looked at with each sale (``at_once``, for the sales after it), on the first of each month
    (``monthly``) or when the year's period ends (``period_end``). A level is had while the metric
    says so, or kept for ``kept_months`` after it last did, or to the end of the next period.
    """

    metric: Literal["spend", "points", "visits", "purchases"] = "spend"
    per_yen: Whole = 1
    window: Literal["rolling", "yearly"] = "rolling"
    months: Months = 12
    resets: Annotated[int, Field(strict=True, ge=1, le=12)] = 1
    recalculated: Literal["at_once", "monthly", "period_end"] = "at_once"
    kept: Literal["while_met", "months", "next_period"] = "while_met"
    kept_months: Months = 12
    levels: tuple[Level, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if any(one.at_least >= other.at_least for one, other in pairwise(self.levels)):
            raise ValueError("each level needs more than the one before")
        if len({one.name for one in self.levels}) != len(self.levels):
            raise ValueError("two levels share a name")
        by_period = self.recalculated == "period_end" or self.kept == "next_period"
        if self.window == "rolling" and by_period:
            raise ValueError("period_end and next_period need a yearly window")
        return self

    @property
    def rewards(self) -> bool:
        """Whether reaching a level gives something at once."""
        return any(one.bonus or one.coupon for one in self.levels)

    def level(self, name: str) -> Level | None:
        """The level of that name."""
        return next((one for one in self.levels if one.name == name), None)


class Reached(NamedTuple):
    """A level that was reached: when, and in which period (its first day, or ``ever``)."""

    level: Level
    at: datetime
    period: str


class _Look(NamedTuple):
    """A look at the metric of the sales from ``start`` until before ``end``.

    ``day`` is the day it is taken on; ``closes``: at a midnight, for what lies before it.
    """

    start: datetime
    end: datetime
    day: date
    closes: bool


def metric_at(tiers: Tiers, sales: Iterable[PastSale], at: datetime, zone: ZoneInfo) -> int:
    """The member's metric at that instant, of the sales before it."""
    return _Tally(tiers, sales, zone).of(_look(tiers, at, at, zone, closes=False))


def tier_at(tiers: Tiers, sales: Iterable[PastSale], at: datetime, zone: ZoneInfo) -> str:
    """The name of the level a member has at that instant, by the sales before it; or empty."""
    tally = _Tally(tiers, (sale for sale in sales if sale.at < at), zone)
    if tiers.kept == "while_met":
        best = tally.level(_standing_look(tiers, at, zone))
    else:
        looks = _looks(tiers, tally.moments, at, zone)
        kept = (look for look in looks if at < _kept_until(tiers, look, zone))
        best = max((tally.level(look) for look in kept), default=0)
    return tiers.levels[best - 1].name if best else ""


def reached(
    tiers: Tiers, sales: Iterable[PastSale], until: datetime, zone: ZoneInfo
) -> tuple[Reached, ...]:
    """Every level reached up to that instant, once a period, at the moment it was; oldest first.

    Who passes several levels with one sale has reached them all.
    """
    tally = _Tally(tiers, (sale for sale in sales if sale.at <= until), zone)
    found: dict[tuple[str, str], Reached] = {}
    for look in _looks(tiers, tally.moments, until, zone):
        rolls = tiers.window == "rolling"
        period = EVER if rolls else look.start.astimezone(zone).date().isoformat()
        at = look.end if look.closes else look.end - TICK
        for level in tiers.levels[: tally.level(look)]:
            found.setdefault((level.name, period), Reached(level, at, period))
    return tuple(found.values())


def looked_at(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime:
    """When a sale of that instant is first looked at."""
    if tiers.recalculated == "at_once":
        return at
    return next(_boundaries(tiers, at.astimezone(zone).date(), zone))


def looks_back(tiers: Tiers, at: datetime, zone: ZoneInfo) -> datetime:
    """No sale before this instant matters at that one."""
    window = tiers.months if tiers.window == "rolling" else 12
    kept = {"while_met": 0, "months": tiers.kept_months, "next_period": 24}[tiers.kept]
    waits = 12 if tiers.recalculated == "period_end" else 1
    return _midnight(months_later(at.astimezone(zone).date(), -(window + kept + waits)), zone)


def periods(tiers: Tiers, at: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """Every period in which a level may be found reached at that instant, as Reached names it."""
    if tiers.window == "rolling":
        return (EVER,)
    first, last = (one.astimezone(zone).year for one in (looks_back(tiers, at, zone), at))
    return tuple(date(year, tiers.resets, 1).isoformat() for year in range(first - 1, last + 1))


class _Tally:
    """Sales in the order of their moments, with what each adds to the metric."""

    def __init__(self, tiers: Tiers, sales: Iterable[PastSale], zone: ZoneInfo) -> None:
        every = sorted(sales)
        self.tiers = tiers
        self.moments = [sale.at for sale in every]
        self._sums = [0, *accumulate(_weights(tiers, every, zone))]

    def of(self, look: _Look) -> int:
        """The metric of the sales that the look sees."""
        first, end = (bisect_left(self.moments, at) for at in (look.start, look.end))
        count = self._sums[end] - self._sums[first]
        return count // self.tiers.per_yen if self.tiers.metric == "spend" else count

    def level(self, look: _Look) -> int:
        """How many levels the look finds reached."""
        count = self.of(look)
        return sum(level.at_least <= count for level in self.tiers.levels)


def _weights(tiers: Tiers, sales: Sequence[PastSale], zone: ZoneInfo) -> list[int]:
    """What each sale adds; a day's first sale is the visit, since every look starts at a midnight.

    ``sales`` are in order.
    """
    if tiers.metric == "spend":
        return [sale.yen for sale in sales]
    if tiers.metric == "points":
        return [sale.points for sale in sales]
    if tiers.metric == "purchases":
        return [1] * len(sales)
    days = [sale.at.astimezone(zone).date() for sale in sales]
    return [int(day != before) for day, before in zip(days, [None, *days], strict=False)]


def _standing_look(tiers: Tiers, at: datetime, zone: ZoneInfo) -> _Look:
    """The look that says what is so at that instant: of that instant, or the last one before it."""
    if tiers.recalculated == "at_once":
        return _look(tiers, at, at, zone, closes=False)
    day = months_later(at.astimezone(zone).date(), -13)
    last = max(_until(_boundaries(tiers, day, zone), at))
    return _look(tiers, last, last, zone, closes=True)


def _looks(
    tiers: Tiers, moments: Sequence[datetime], until: datetime, zone: ZoneInfo
) -> Iterator[_Look]:
    """Every look that may find more than the one before, oldest first; ``moments`` are of sales."""
    if tiers.recalculated == "at_once":
        for at in moments:
            yield _look(tiers, at, at + TICK, zone, closes=False)
    elif moments:
        first = moments[0].astimezone(zone).date()
        for at in _until(_boundaries(tiers, first, zone), until):
            yield _look(tiers, at, at, zone, closes=True)


def _look(tiers: Tiers, at: datetime, end: datetime, zone: ZoneInfo, *, closes: bool) -> _Look:
    """A look taken at that instant; one that closes a period looks at that period."""
    day = at.astimezone(zone).date()
    if tiers.window == "rolling":
        start = months_later(day, -tiers.months)
    else:
        inside = day - DAY if closes else day
        start = date(inside.year - (inside.month < tiers.resets), tiers.resets, 1)
    return _Look(_midnight(start, zone), end, day, closes)


def _kept_until(tiers: Tiers, look: _Look, zone: ZoneInfo) -> datetime:
    """Until when a level that this look found is kept."""
    if tiers.kept == "next_period":
        return _midnight(months_later(look.start.astimezone(zone).date(), 24), zone)
    last = months_later(look.day, tiers.kept_months)
    return _midnight(last if look.closes else last + DAY, zone)


def _boundaries(tiers: Tiers, day: date, zone: ZoneInfo) -> Iterator[datetime]:
    """The midnights after this day at which months, or yearly periods, end."""
    first = day.replace(day=1)
    while True:
        first = months_later(first, 1)
        if tiers.recalculated == "monthly" or first.month == tiers.resets:
            yield _midnight(first, zone)


def _until(moments: Iterable[datetime], last: datetime) -> Iterator[datetime]:
    for at in moments:
        if at > last:
            return
        yield at


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
