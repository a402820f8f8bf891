"""What the reference ledger is made of: points that are objects, lots, holds, and the calendar.

Nothing here is taken from the hub: dates are counted again, from the program in words (1 point per
full ¥100, usable the next day, ends 5 months after granting, 30 days of grace; Japanese time).
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum

OrderKey = tuple[str, str]

JAPAN = timezone(timedelta(hours=9))
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
MONTHS, GRACE_DAYS = 5, 30


class Is(Enum):
    """What has become of a point. Whether it has expired is asked of its lot and the clock."""

    PENDING = "pending"
    CONFIRMED = "confirmed, and lives on in another lot"
    AVAILABLE = "available"
    HELD = "held"
    REDEEMED = "redeemed"
    WITHDRAWN = "adjusted away or given to another program"
    TAKEN_BACK = "taken back"
    NETTED = "repaid a debt"
    RESTORED = "given back too late, and lives on in another lot"


@dataclass(eq=False)
class Lot:
    """Points granted together. ``number`` counts all lots ever made."""

    number: int
    home: str
    origin: str
    order: OrderKey | None
    granted_at: datetime
    usable_from: datetime | None
    expires_at: datetime | None

    def dead(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    @property
    def turn(self) -> tuple[object, ...]:
        """When it is its turn to be used: soonest end first, what never ends comes last."""
        return (self.expires_at or FOR_EVER, self.granted_at, self.home, self.number)

    def alive(self, at: datetime) -> bool:
        return self.usable_from is not None and self.usable_from <= at and not self.dead(at)


@dataclass(eq=False)
class Point:
    """One point, for ever of one lot."""

    lot: Lot
    now: Is


@dataclass(eq=False)
class Owed:
    """A point that was used without being there: it stands in the stack of what an order used."""

    home: str


@dataclass(eq=False)
class Reserved:
    """A hold. ``how`` it ended, and by which sale."""

    member: str
    channel: str
    points: list[Point]
    lapses_at: datetime
    how: str | None = None
    sale: OrderKey | None = None


@dataclass(eq=False)
class Booked:
    """What is booked for one order and member."""

    earned: int = 0
    granted: list[Point] = field(default_factory=list)
    used: list[Point | Owed] = field(default_factory=list)


@dataclass(frozen=True)
class Refunded:
    """A refund told apart: yen of the order's first half, and points."""

    at: datetime
    yen: int
    points: int
    whole: bool


@dataclass(frozen=True)
class State:
    """An order as a vendor tells it: yen that the buyer keeps the goods of, points used.

    ``same`` is the same sale elsewhere, if the vendor says so; ``receipt`` its name at the till.
    """

    clock: datetime
    placed_at: datetime
    yen: int
    used: int
    paid: bool = True
    cancelled: bool = False
    same: OrderKey | None = None
    receipt: str | None = None

    @property
    def content(self) -> tuple[object, ...]:
        return (self.placed_at, self.yen, self.used, self.paid, self.cancelled, self.same)

    def less(self, refunds: Iterable[Refunded]) -> "State":
        """What is left of it after these refunds."""
        refunds = list(refunds)
        yen = self.yen - min(self.yen // 2, sum(one.yen for one in refunds))
        used = max(0, self.used - sum(one.points for one in refunds))
        whole = any(one.whole for one in refunds)
        return replace(self, yen=yen, used=used, cancelled=self.cancelled or whole)

    @property
    def should_earn(self) -> int:
        return 0 if self.cancelled else max(0, self.yen - self.used) // 100

    @property
    def should_use(self) -> int:
        return 0 if self.cancelled else self.used


@dataclass(frozen=True)
class Seen:
    """The newest state of an order, whose it is, and the start of our read."""

    state: State
    member: str | None
    read_at: datetime | None


def usable_from(at: datetime) -> datetime:
    """The midnight after."""
    return _end_of(_day(at))


def expires_at(at: datetime) -> datetime:
    """The end of the same day five months on, or of that month's last day."""
    day = _day(at)
    year, month = divmod(day.year * 12 + day.month - 1 + MONTHS, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return _end_of(date(year, month + 1, min(day.day, last)))


def restored_until(at: datetime) -> datetime:
    """The end of the thirtieth day from now."""
    return _end_of(_day(at) + timedelta(days=GRACE_DAYS))


def _day(at: datetime) -> date:
    return at.astimezone(JAPAN).date()


def _end_of(day: date) -> datetime:
    next_day = day + timedelta(days=1)
    return datetime(next_day.year, next_day.month, next_day.day, tzinfo=JAPAN).astimezone(UTC)
