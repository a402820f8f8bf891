"""Whether a connection's deliveries come and are genuine as usual. Pure: ``now`` is an argument.

Usual is what was at the same time of the day on each of the last seven days: nights, lunch hours
and closed Sundays are part of it. Two things are told apart, since anybody can send forged
deliveries, and nobody but the vendor genuine ones:

- *refused*: the share of genuine deliveries is below the usual one. A secret was changed, or a
  stranger sends forged ones.
- *missing*: too few genuine ones come, however many forged ones do. The vendor stopped sending, or
  what it sends is refused.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from statistics import median
from typing import Literal

Kind = Literal["deliveries_refused", "deliveries_missing"]
KINDS: tuple[Kind, ...] = ("deliveries_refused", "deliveries_missing")

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

DAYS = 7
KEPT = DAY * (DAYS + 1)
"""How far back counts are looked at."""

FEW = 3
"""Refused deliveries that are a sign, beyond those that are usual."""

MARGIN = 0.1
"""How far the share of genuine deliveries may be below the usual one."""

EXPECTED, MANY = 10, 40
"""Deliveries that came in the same time of other days: none now, or less than a quarter now."""


@dataclass
class Count:
    """Deliveries of one connection in the minute that begins at ``minute`` (UTC)."""

    minute: datetime
    accepted: int = 0
    refused: int = 0


def minute_of(at: datetime) -> datetime:
    """The beginning of its minute."""
    return at.astimezone(UTC).replace(second=0, microsecond=0)


@dataclass(frozen=True)
class Standing:
    """The alarms a connection has: since when each stands, and when the last one ended.

    ``awake``: since when we have been looking. Before that it may be us who were away.
    """

    since: Mapping[Kind, datetime] = field(default_factory=dict)
    ended: datetime | None = None
    awake: datetime | None = None


class History:
    """A connection's counts, summed up so that any stretch of time is one subtraction.

    The first count says since when the connection is known: what is before it is not nothing.
    """

    def __init__(self, counts: Iterable[Count]) -> None:
        rows = sorted(counts, key=lambda count: count.minute)
        self.minutes = [row.minute for row in rows]
        self.genuine = [row.minute for row in rows if row.accepted]
        self._accepted = [0, *accumulate(row.accepted for row in rows)]
        self._refused = [0, *accumulate(row.refused for row in rows)]

    def accepted(self, since: datetime, until: datetime) -> int:
        """Genuine deliveries of the minutes that begin in this stretch."""
        return self._sum(self._accepted, since, until)

    def refused(self, since: datetime, until: datetime) -> int:
        """Refused ones."""
        return self._sum(self._refused, since, until)

    def first_genuine(self, since: datetime) -> datetime | None:
        """The first minute from then on in which a genuine one came."""
        at = bisect_left(self.genuine, since)
        return self.genuine[at] if at < len(self.genuine) else None

    def longest_silence(self, since: datetime, until: datetime) -> timedelta:
        """The longest stretch without a genuine one, as far as it lies between the two."""
        here = self.genuine[bisect_left(self.genuine, since) : bisect_left(self.genuine, until)]
        ends, begins = [*here, until], [since, *(minute + MINUTE for minute in here)]
        return max(end - begin for begin, end in zip(begins, ends, strict=True))

    def days_before(self, since: datetime) -> list[timedelta]:
        """How far back the same time of each of the last days is, as far as we know those days."""
        first = self.minutes[0] if self.minutes else since
        return [DAY * days for days in range(1, DAYS + 1) if since - DAY * days >= first]

    def _sum(self, sums: Sequence[int], since: datetime, until: datetime) -> int:
        return sums[bisect_left(self.minutes, until)] - sums[bisect_left(self.minutes, since)]


def judge(counts: Iterable[Count], now: datetime, standing: Standing) -> dict[Kind, str]:
    """The alarms that must stand now, each with what happened.

    One that stands ends with a genuine delivery, and never without.
    """
    history = History(counts)
    found: dict[Kind, str] = {}
    for kind, seen in RULES.items():
        since = standing.since.get(kind)
        back = history.first_genuine(_next_minute(since)) if since else None
        if since and back is None:
            found[kind] = ""
        elif text := seen(history, now, back, standing):
            found[kind] = text
    return found


def _refused(
    history: History, now: datetime, back: datetime | None, standing: Standing
) -> str | None:
    """Refused ones in the last minute or two, or since the last genuine one."""
    this, end = minute_of(now), _next_minute(now)
    since_last = history.genuine[-1] + MINUTE if history.genuine else this - KEPT
    wanted = _usual_share(history, this) - MARGIN
    for since in (this - MINUTE, since_last):
        good, bad = history.accepted(since, end), history.refused(since, end)
        usual = 0.0 if back else _usually_refused(history, since, this)
        if bad >= FEW + usual and good / (good + bad) < wanted:
            return f"{bad} of {good + bad} deliveries {_within(history, now - since)} were refused"
    return None


def _missing(
    history: History, now: datetime, back: datetime | None, standing: Standing
) -> str | None:
    """None for longer than ever at this time, or hardly any for an hour."""
    if not history.genuine:
        return None
    this = minute_of(now)
    awake = standing.awake or this - DAY
    since = max(history.genuine[-1] + MINUTE, this - DAY, minute_of(awake))
    usual = _usually_accepted(history, since, this)
    if usual >= EXPECTED and now - since > 2 * _usual_silence(history, this):
        return f"no genuine delivery came for {_minutes(now - since)}, usually {usual} or more do"
    # An hour that an alarm has spoken of already is not spoken of again.
    ended = _next_minute(standing.ended or this - DAY)
    since = max(this - HOUR, minute_of(awake), ended, back or this - DAY)
    usual = _usually_accepted(history, since, this)
    good = history.accepted(since, _next_minute(now))
    if usual >= MANY and 0 < good * 4 < usual:
        return f"{good} genuine deliveries came in {_minutes(now - since)}, usually {usual} or more"
    return None


def _usual_share(history: History, this: datetime) -> float:
    """The genuine part of a day's deliveries, on the middle one of the days that had any."""
    ends = [this - HOUR - DAY * days for days in range(DAYS)]
    sums = [(history.accepted(end - DAY, end), history.refused(end - DAY, end)) for end in ends]
    return median([good / (good + bad) for good, bad in sums if good] or [1.0])


def _usually_refused(history: History, since: datetime, this: datetime) -> float:
    back = history.days_before(since) if this - since < DAY else []
    return median([history.refused(since - days, this - days) for days in back] or [0.0])


def _usually_accepted(history: History, since: datetime, this: datetime) -> int:
    """As many or more came in this stretch of the other days; 0 where no day is known."""
    back = history.days_before(since)
    return int(_least([history.accepted(since - days, this - days) for days in back] or [0]))


def _usual_silence(history: History, this: datetime) -> timedelta:
    """No longer did it last around this time of the other days."""
    back = history.days_before(this - HOUR)
    silences = [history.longest_silence(this - HOUR - d, this + HOUR - d) for d in back]
    return timedelta(seconds=-_least([-one.total_seconds() for one in silences] or [0]))


def _least(values: Sequence[float]) -> float:
    """The least, nearest day first: of a week all but one day of trouble, never this weekday."""
    if len(values) < DAYS - 2:
        return min(values)
    spared = sorted(values)[1]
    return min(spared, values[DAYS - 1]) if len(values) == DAYS else spared


def _next_minute(at: datetime) -> datetime:
    """Counts of the minute in which something happened may be from before it."""
    return minute_of(at) + MINUTE


def _within(history: History, length: timedelta) -> str:
    return f"in the last {_minutes(length)}" if history.genuine else "so far"


def _minutes(length: timedelta) -> str:
    return f"{max(1, round(length / MINUTE))} min"


Rule = Callable[[History, datetime, datetime | None, Standing], str | None]
RULES: dict[Kind, Rule] = {"deliveries_refused": _refused, "deliveries_missing": _missing}
