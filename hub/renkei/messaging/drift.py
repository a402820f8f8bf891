"""Where orders, postings and a vendor's balances do not agree, and how much does. Pure.

A point is explained when the postings that made it are those its order was settled for, and the
vendor shows it, too. What only one side has is unexplained.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

What = Literal["member", "order"]
Kind = Literal["missing", "stale", "changed_elsewhere", "unbacked"]
KINDS: tuple[Kind, ...] = ("missing", "stale", "changed_elsewhere", "unbacked")
"""*missing*: one side has it and the other does not. *stale*: the vendor shows what was, or has an
order in a newer state. *changed elsewhere*: the vendor shows what the hub never wrote. *unbacked*:
points were posted for which the order was not settled."""

ON_ITS_WAY = timedelta(minutes=1)
"""A balance that changed so lately is not late."""

ORDER_ON_ITS_WAY = timedelta(minutes=10)
"""An order that changed so lately may not have been told yet: polls come by each minute, and some
vendors show a change late."""

WHOLE = 10_000
"""All of it, in hundredths of a percent."""


@dataclass(frozen=True)
class Drift:
    """One thing that does not agree: points by the books and at the vendor (None: not there).

    ``written``: what the hub had told the vendor last, of a member; None while something newer is
    not told, as nobody knows then how much of the difference somebody else has made.
    """

    what: What
    subject: str
    kind: Kind
    hub: int
    vendor: int | None
    since: datetime
    written: int | None = None

    @property
    def points(self) -> int:
        """How many points only one side has."""
        return abs(self.hub - (self.vendor or 0))


@dataclass(frozen=True)
class Tally:
    """What was compared, and how many points of it are explained or not."""

    orders: int = 0
    listed: int = 0
    members: int = 0
    moving: int = 0
    explained: int = 0
    unexplained: int = 0


class Shown(NamedTuple):
    """One member at one moment: the balance by the ledger, what was written, what the vendor shows.

    ``written`` is None where nothing was; ``seen`` where the vendor has no such customer.
    ``unshown`` is since when the ledger has had something that was not written yet (None: all was).
    """

    member: str
    balance: int
    written: int | None
    seen: int | None
    unshown: datetime | None


class Booked(NamedTuple):
    """One order: what was posted for it, what its settlement says, and whether the order is kept.

    ``at`` is when the first of it was booked.
    """

    order: str
    issued: int
    used: int
    earned: int
    redeemed: int
    kept: bool
    at: datetime


class Listed(NamedTuple):
    """One order of the vendor's list; ``kept`` is the state we have of it (None: none)."""

    order: str
    changed_at: datetime
    kept: datetime | None


def is_moving(shown: Shown, now: datetime) -> bool:
    """Whether its change is so new that it may be on its way to the vendor."""
    return shown.unshown is not None and now - shown.unshown < ON_ITS_WAY


def of_member(shown: Shown, now: datetime) -> Drift | None:
    """How the vendor's balance differs from the ledger's; None: it does not."""
    kind = _kind(shown)
    if kind is None:
        return None
    since = now if kind == "changed_elsewhere" else shown.unshown or now
    written = shown.written if shown.unshown is None else None
    return Drift("member", shown.member, kind, shown.balance, shown.seen, since, written)


def _kind(shown: Shown) -> Kind | None:
    if shown.seen is None:
        return "missing"
    if shown.seen == shown.balance:
        return None
    untouched = shown.written is None or shown.seen == shown.written
    return "stale" if untouched else "changed_elsewhere"


def of_booked(booked: Booked) -> Drift | None:
    """How what was posted for an order differs from what it was settled for; None: it does not.

    Where the order itself is not kept, nothing explains its points.
    """
    posted = booked.issued + booked.used
    if not booked.kept:
        return Drift("order", booked.order, "missing", posted, None, booked.at) if posted else None
    apart = abs(booked.issued - booked.earned) + abs(booked.used - booked.redeemed)
    if apart == 0:
        return None
    return Drift("order", booked.order, "unbacked", posted, posted - apart, booked.at)


def of_listed(listed: Listed, now: datetime) -> Drift | None:
    """An order, or a state of it, that the vendor has and we do not. Its points are not known."""
    if now - listed.changed_at < ORDER_ON_ITS_WAY:
        return None
    if listed.kept is None:
        return Drift("order", listed.order, "missing", 0, None, listed.changed_at)
    if listed.kept < listed.changed_at:
        return Drift("order", listed.order, "stale", 0, None, listed.changed_at)
    return None


def of_unread(order: str, kept: datetime | None, now: datetime) -> Drift:
    """An order of the vendor's list that nobody could understand, so nobody knows its state."""
    return Drift("order", order, "missing" if kept is None else "stale", 0, None, now)


def agreed(shown: Iterable[Shown]) -> int:
    """Points that the books and the vendor both have."""
    return sum(min(one.balance, one.seen) for one in shown if one.seen is not None)


def apart(drifts: Iterable[Drift]) -> int:
    """Points that only one side has."""
    return sum(one.points for one in drifts)


def explained_share(explained: int, unexplained: int, drifts: int) -> int:
    """In hundredths of a percent, rounded down: 10,000 only where nothing differs at all."""
    every = explained + unexplained
    share = explained * WHOLE // every if every else WHOLE
    return min(share, WHOLE - 1) if drifts else share
