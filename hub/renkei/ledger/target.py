"""What an order should have earned and used, and what is posted for it."""

from datetime import datetime
from typing import NamedTuple

from renkei.ledger.lots import Taken


class TypedEarn(NamedTuple):
    """The part of what an order earned that is of a point type, with that type's own life."""

    point_type: str
    earned: int
    expires_at: datetime | None
    slides_months: int | None = None
    only_at: tuple[str, ...] = ()


class Target(NamedTuple):
    """What an order, as it is now, should have earned and redeemed, in whole points.

    ``confirmed`` is the part of ``earned`` whose condition is met; the rest stays pending.
    ``usable_from`` and ``expires_at`` are for what is confirmed now; ``restored_until`` for points
    given back to a lot whose time is over. ``net_base`` is yen, net of tax. ``typed`` says how much
    of ``earned`` is of which point type; the rest is ordinary points. ``keeps_alive``: it is an
    activity for which sliding points live on.
    """

    earned: int
    confirmed: int
    redeemed: int
    event_at: datetime
    usable_from: datetime
    expires_at: datetime | None
    restored_until: datetime | None
    net_base: int = 0
    yen_per_point: int = 1
    slides_months: int | None = None
    store: str | None = None
    company: str | None = None
    reasons: tuple[str, ...] = ()
    typed: tuple[TypedEarn, ...] = ()
    keeps_alive: bool = False


class Settled(NamedTuple):
    """What is posted for one order and member: sums, lots made, and the stack of what was used.

    The lots are numbers of the member's own home; what was used may lie in other homes of a group.
    ``typed`` is how much of ``earned`` is of which point type.
    """

    earned: int = 0
    redeemed: int = 0
    lots: tuple[int, ...] = ()
    used: Taken = ()
    typed: tuple[tuple[str, int], ...] = ()


def homes_of(settled: Settled) -> set[str]:
    """The homes of what an order used."""
    return {home for (home, _), _ in settled.used}


class OrderName(NamedTuple):
    """The order a settlement is for: (connection, order)."""

    connection: str
    ref: str
