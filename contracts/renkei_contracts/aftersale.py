"""What a register tells of a sale that is over: void, refund, whose it was; and what it asks."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from renkei_contracts.base import Canonical, Day, Instant, Key, Points, Text, Yen
from renkei_contracts.order import LineItem, Lines, RefundLine, TillKey
from renkei_contracts.point import Movement
from renkei_contracts.till import ReceiptText


class ExtendRequest(Canonical):
    """Keep a hold open for so long from now; it never ends earlier than it would have."""

    ttl_seconds: Annotated[int, Field(strict=True, ge=10, le=86_400)] = 900


class VoidRequest(Canonical):
    """Undo a whole sale on its own business day, as if it had not been.

    ``business_date`` is the day on which it is voided. ``occurred``: a receipt of it is printed, so
    that it cannot be refused any more; on another day it is then a refund of everything.
    """

    sale: TillKey
    voided_at: Instant
    business_date: Day
    reason: Text = ""
    occurred: StrictBool = False


class RefundRequest(Canonical):
    """Goods came back. ``receipt`` is the refund's own, made by the register that takes them.

    ``sale`` is the sale they are from, which may be of another store and may not have come yet;
    ``lines`` name its lines with the part of their amount that is given back. ``points_returned``
    of the points it was paid with go back; None: in proportion to the amounts.
    """

    receipt: TillKey
    sale: TillKey
    refunded_at: Instant
    lines: Annotated[tuple[RefundLine, ...], Field(min_length=1, max_length=5_000)]
    points_returned: Points | None = None
    value_returned: Yen | None = None
    reason: Text = ""


class RefundAnswer(Canonical):
    """What a void or refund did, and how the sale stands now.

    ``parked``: the sale has not come yet; what it says counts as soon as it does. ``earned_back``
    were taken back of what the sale had earned, ``points_returned`` given back of what was used.
    ``debt`` is what the member owes, because points taken back were spent already. ``receipt`` is
    text to print, with the totals of what is still sold; empty for a sale without a member.
    """

    sale: Text
    outcome: Literal["booked", "parked"]
    member: Text
    earned_back: Points
    points_returned: Points
    earned: Points
    used: Points
    spendable: Points
    debt: Points
    balance_version: int
    as_of: Instant
    receipt: ReceiptText = ()


class AttachRequest(Canonical):
    """The member showed the card after the sale; it then earns as if they had before."""

    sale: TillKey
    member: Key


class OverrideRequest(Canonical):
    """A cashier gives or takes points by hand, with a reason, within the program's limits.

    ``key`` is the register's own name for it; ``by`` names the cashier. ``business_date`` is the
    day whose limit it counts against.
    """

    key: Key
    member: Key
    points: Movement
    reason: Key
    by: Key
    business_date: Day


class ReturnRequest(Canonical):
    """Goods come back without their receipt: what they would earn now is taken from the member.

    ``receipt`` is the return's own; ``lines`` are the goods with what is paid back for them.
    """

    receipt: TillKey
    member: Key
    returned_at: Instant
    lines: Lines
    reason: Text = ""


class SaleAnswer(Canonical):
    """A sale as the hub has it: what to ask after a time-out.

    ``revision`` is the highest one told by the register (0: a vendor told of it, the register did
    not). ``lines`` are as sold, with what was given back of each. ``earned`` and ``used`` are what
    is booked for it now.
    """

    sale: Text
    revision: int
    voided: StrictBool
    member: Text
    lines: tuple[LineItem, ...]
    earned: Points
    used: Points
    refunds: tuple[Key, ...]
    as_of: Instant
