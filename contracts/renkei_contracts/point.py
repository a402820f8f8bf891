"""Points as channels see them: a balance, where it goes, and what came of writing it."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool

from renkei_contracts.base import MAX_AMOUNT, Canonical, Instant, Key, Points, Slug, Text

SignedPoints = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT)]
"""Whole points, either way."""


class Balance(Canonical):
    """What a member can spend in one channel.

    Newer is the greater (``version``, ``as_of``): time alone changes a balance. ``latest_expiry``
    is the last day any of these points can be spent (None: never, or not known).
    """

    spendable: Points
    pending: Points = 0
    version: Annotated[int, Field(strict=True, ge=0)]
    as_of: Instant
    latest_expiry: date | None = None


class BalanceWrite(Canonical):
    """One write of a balance at a vendor, prepared by the hub.

    An *absolute* vendor sets ``balance.spendable``; a *delta* vendor applies ``change``, which is
    the difference to what the hub read there just before. ``note`` is for the vendor's own log.
    """

    balance: Balance
    change: SignedPoints
    note: str = ""


class BalanceWritten(Canonical):
    """What the vendor shows after a write, where it says so.

    ``echoes`` are ids of what the write itself created at the vendor and will come back as
    webhooks or in polls; the hub recognizes and swallows them.
    """

    points: SignedPoints | None = None
    echoes: tuple[str, ...] = ()


def _not_zero(points: int) -> int:
    if points == 0:
        raise ValueError("must not be zero")
    return points


Movement = Annotated[SignedPoints, AfterValidator(_not_zero)]
"""Whole points into the member's account (above zero) or out of it (below)."""

Granted = Annotated[int, Field(strict=True, ge=1, le=MAX_AMOUNT)]
"""Whole points, at least one."""

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
"""A period: ``2026-11``."""


class Adjustment(Canonical):
    """A movement that a person decided on. ``key`` makes it happen once.

    ``reason`` and ``by`` (who decided) may hold personal data and are kept sealed. Points taken
    away beyond what is spendable are refused, unless ``occurred``: then they become debt.
    ``period`` books it into that month, which must be open. Points given end at ``expires_at``, or
    as the program says.
    """

    member: Key
    key: Key
    points: Movement
    reason: Text
    by: Text
    occurred_at: Instant | None = None
    occurred: StrictBool = False
    expires_at: Instant | None = None
    period: Month | None = None


class BalanceImport(Canonical):
    """Points a member brings from the system the shop used before; ``key`` makes it happen once.

    ``granted_at`` and ``expires_at`` (None: never) are as that system said, ``source`` is its name.
    """

    member: Key
    key: Key
    points: Granted
    granted_at: Instant
    expires_at: Instant | None = None
    source: Text


class PointsExchange(Canonical):
    """Points from another program (above zero), or given to it (below); ``partner`` names it."""

    member: Key
    key: Key
    points: Movement
    partner: Text
    expires_at: Instant | None = None


class WriteOff(Canonical):
    """Debt that the shop gives up on; never more than there is."""

    member: Key
    key: Key
    points: Granted
    reason: Text
    by: Text


class ActivitySeen(Canonical):
    """A member did something that is worth points besides buying; ``key`` makes it count once.

    ``kind`` is the activity's name in the program, ``object`` what it was about (a product, a
    store, an article), ``receipt`` the sale it belongs to, ``source`` who tells: a connection.
    """

    key: Key
    source: Key
    member: Key
    kind: Slug
    object: Text = ""
    receipt: Text = ""
    occurred_at: Instant


class ActivityAnswer(Canonical):
    """What it gave (0: a cap was reached) and why, with the balance after it."""

    points: Points
    reason: Text
    spendable: Points
    balance_version: Annotated[int, Field(strict=True, ge=0)]
    as_of: Instant


class CouponGrant(Canonical):
    """A coupon for a member: one of that kind for each ``occasion``, however often it is asked."""

    member: Key
    coupon: Slug
    occasion: Key


class CouponGranted(Canonical):
    """The coupon's code, or none and why."""

    code: Text = ""
    reason: Text


class RewardExchange(Canonical):
    """Points for a reward of the program; ``key`` makes it happen once, ``source`` asks."""

    key: Key
    source: Slug
    member: Key
    reward: Slug


class RewardAnswer(Canonical):
    """The coupon, the points it took (0: they came back), and the balance after it."""

    coupon: Key
    points: Points
    spendable: Points
    balance_version: Annotated[int, Field(strict=True, ge=0)]
    as_of: Instant


class Corrected(Canonical):
    """What a correction came to: the member's balance after it."""

    points: SignedPoints
    spendable: Points
    debt: Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=0)]
    balance_version: Annotated[int, Field(strict=True, ge=0)]
    as_of: Instant
