"""Points as channels see them: a balance, where it goes, and what came of writing it."""

from datetime import date
from typing import Annotated

from pydantic import Field

from renkei_contracts.base import MAX_AMOUNT, Canonical, Instant, Points

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
