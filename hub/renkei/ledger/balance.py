"""A member's balance for a channel, as of an instant. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from renkei.ledger.books import Channel, Group, Lot
from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.lots import spendable
from renkei_contracts.point import Balance


@dataclass(frozen=True)
class ChannelBalance:
    """The balance, when each part ends, and when time alone will change it next (UTC)."""

    balance: Balance
    by_expiry: tuple[tuple[date, int], ...]
    next_change_at: datetime | None


def channel_balance(
    group: Group, now: datetime, zone: ZoneInfo, channel: Channel | None
) -> ChannelBalance:
    """What the member can spend now in this channel, or anywhere (None).

    Dates are last days in the program's zone.
    """
    counted = as_if_lapsed(group, now)
    ready = [lot for lot in counted.lots if lot.alive(now) and lot.counts_at(channel)]
    can_spend = spendable(ready, counted.debt, now)
    ends, never = _by_expiry(ready, can_spend, zone)
    balance = Balance(
        spendable=can_spend,
        pending=sum(lot.pending for lot in counted.lots),
        version=group.version,
        as_of=now,
        latest_expiry=None if never or not ends else max(ends),
    )
    return ChannelBalance(balance, tuple(sorted(ends.items())), _next_change(group, now))


def _by_expiry(ready: Iterable[Lot], most: int, zone: ZoneInfo) -> tuple[dict[date, int], bool]:
    """How many points end on which day, and whether some never do.

    Not more than can be spent: what a debt covers is nothing that the member has until a day.
    """
    ends: dict[date, int] = {}
    for lot in sorted(ready, key=lambda lot: (lot.expires_at is None, lot.expires_at)):
        points = min(lot.available, most)
        most -= points
        if points and lot.expires_at is None:
            return ends, True
        if points and lot.expires_at is not None:
            day = last_day(lot.expires_at, zone)
            ends[day] = ends.get(day, 0) + points
    return ends, False


def last_day(expires_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which points that end at this instant can be spent."""
    return (expires_at - timedelta(microseconds=1)).astimezone(zone).date()


def _next_change(group: Group, now: datetime) -> datetime | None:
    moments: list[datetime | None] = [hold.lapses_at for hold in group.holds]
    moments += _turning_points(group.lots)
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _turning_points(lots: Iterable[Lot]) -> list[datetime | None]:
    return [moment for lot in lots for moment in (lot.usable_from, lot.expires_at)]
