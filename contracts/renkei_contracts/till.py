"""What a register asks and hears, in our own shape: /pos/v1 and the ``till`` capability alike.

Points are whole points, amounts whole yen, instants carry their zone. Messages for the cashier
are Japanese and at most 40 characters.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from renkei_contracts.allowance import AllowanceUsed
from renkei_contracts.base import Canonical, Instant, Key, Points, Slug, Text, Yen
from renkei_contracts.order import CouponCodes, Lines, RefundLine, Tender, TillKey

Scheme = Literal["auto", "card", "qr", "phone", "email", "member"]

CashierMessage = Annotated[str, Field(max_length=40)]

ReceiptText = tuple[Annotated[str, Field(max_length=32)], ...]
"""Lines to print as they are: each at most 32 half-width columns, of characters CP932 has."""


class ResolveMember(Canonical):
    """Who is this? ``value`` as scanned or typed; ``auto`` guesses the kind from its form.

    ``qr`` is the rotating code of a phone (token.py), accepted once; ``member`` a member's id, as
    an earlier answer or a search gave it.
    """

    scheme: Scheme = "auto"
    value: Annotated[Text, Field(min_length=1)]


class ExpiringPoints(Canonical):
    """Points that end on the same day; ``expires_on`` is the last day, Japanese time."""

    points: Points
    expires_on: date


class MemberCoupon(Canonical):
    """A coupon of a member. ``benefit`` says in words what it gives.

    ``usable`` is whether this channel can use it now; ``why_not`` says what is in the way. It ends
    at ``usable_until`` (None: never).
    """

    code: Key
    name: Text
    title: Text
    benefit: Text
    usable_from: Instant
    usable_until: Instant | None = None
    usable: bool
    why_not: Text = ""


class MemberAnswer(Canonical):
    """What a register may show: a masked name and the balance for this channel."""

    member: Key
    masked_name: Text
    card: Text
    spendable: Points
    pending: Points
    by_expiry: tuple[ExpiringPoints, ...] = ()
    coupons: tuple[MemberCoupon, ...] = ()
    balance_version: int
    as_of: Instant


class MemberHit(Canonical):
    """One of several members who may be meant; enough for the customer to say which."""

    member: Key
    masked_name: Text
    card_end: Annotated[str, Field(max_length=4)]


class MemberHits(Canonical):
    """A short list of whom a phone number or address names."""

    hits: tuple[MemberHit, ...]


class NewCard(Canonical):
    """A card that is given out at the counter; its owner is not known yet."""

    card: Key


class QuoteRequest(Canonical):
    """What would this basket earn, and how many points may it use? Binds nobody.

    ``coupons`` are codes that the sale would use; the lines are before them. ``pickup``: it is
    ordered online and collected in a store.
    """

    member: Key | None = None
    lines: Lines
    points_wanted: Points = 0
    tenders: tuple[Tender, ...] = ()
    coupons: CouponCodes = ()
    pickup: StrictBool = False


class QuotedCoupon(Canonical):
    """What a coupon takes off this basket, in yen; 0 with the reason where it takes nothing."""

    code: Key
    name: Text
    title: Text
    value: Yen
    reason: Text


class RateTotal(Canonical):
    """One consumption-tax rate of a basket after coupons and points; yen are tax-included.

    ``tax_rate`` is in basis points. ``points_discount`` is this rate's share of the points used,
    ``coupon_discount`` of what coupons took off; ``tax`` is floored once per rate.
    """

    tax_rate: int
    total: Yen
    points_discount: Yen
    tax: Yen
    coupon_discount: Yen = 0


class QuoteAnswer(Canonical):
    """The answer, with what it assumed: program and balance version.

    ``ships_free``: whether the program says so for this basket; what shipping costs else is the
    cart's own.
    """

    earns: Points
    max_usable: Points
    points_used: Points
    total: Yen
    ships_free: StrictBool = False
    rates: tuple[RateTotal, ...]
    program: Text
    program_version: int
    balance_version: int | None
    coupons: tuple[QuotedCoupon, ...] = ()
    reasons: tuple[Text, ...] = ()


class HoldRequest(Canonical):
    """Set points aside for one sale; ``key`` is made by the register and names the hold."""

    key: Key
    member: Key
    points: Annotated[int, Field(strict=True, ge=1, le=999_999_999)]
    ttl_seconds: Annotated[int, Field(strict=True, ge=10, le=86_400)] = 900


class HoldAnswer(Canonical):
    """The hold and what is left."""

    hold: Key
    points: Points
    lapses_at: Instant
    spendable: Points
    balance_version: int


class HoldState(Canonical):
    """A hold as it stands now: what to ask after a time-out.

    ``points`` are set aside still, until ``lapses_at``; 0 and None unless it is open. ``sale`` is
    the one that captured it.
    """

    hold: Key
    member: Key
    state: Literal["open", "captured", "released", "lapsed"]
    points: Points
    lapses_at: Instant | None = None
    sale: Text = ""
    as_of: Instant


class TillActivity(Canonical):
    """Something worth points that was done with a sale: ``kind`` as the program calls it."""

    kind: Slug
    object: Text = ""


class ActivityGiven(Canonical):
    """What an activity gave (0: nothing, or a cap was reached) and why."""

    kind: Slug
    object: Text = ""
    points: Points
    reason: Text


class CouponHoldRequest(Canonical):
    """Set a coupon aside for one sale of this register; again prolongs it.

    ``member`` is whose card was read: a coupon is its member's.
    """

    code: Key
    member: Key
    ttl_seconds: Annotated[int, Field(strict=True, ge=10, le=86_400)] = 900


class CouponReleaseRequest(Canonical):
    """Give back a coupon that this register has set aside."""

    code: Key


class CouponHoldAnswer(Canonical):
    """The coupon; ``lapses_at``: until when it is set aside for this register, None: it is not."""

    code: Key
    name: Text
    title: Text
    benefit: Text
    lapses_at: Instant | None = None


class Returned(Canonical):
    """Goods of one earlier sale that come back; as in RefundRequest."""

    sale: TillKey
    lines: Annotated[tuple[RefundLine, ...], Field(min_length=1, max_length=5_000)]
    points_returned: Points | None = None


class CommitRequest(Canonical):
    """A finished sale. The natural key and ``revision`` name it: a higher revision restates it.

    ``coupons`` are codes that it uses; the lines are before them and before points. ``occurred``
    marks what can no longer be refused (a receipt is printed, the till was offline).
    ``earned_printed``: the register computes points itself and has printed these; they count, up to
    what the goods are worth, and a person is told where the program says otherwise. ``returns`` are
    goods of earlier sales that came back on this receipt (a swap); they are booked before it.
    ``allowance`` pays for what was used offline.
    """

    sale: TillKey
    revision: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1
    sold_at: Instant
    member: Key | None = None
    hold: Key | None = None
    points_used: Points = 0
    coupons: CouponCodes = Field(default=(), exclude_if=lambda codes: not codes)
    lines: Lines
    tenders: tuple[Tender, ...] = ()
    activities: Annotated[tuple[TillActivity, ...], Field(max_length=20)] = ()
    earned_printed: Points | None = Field(default=None, exclude_if=lambda told: told is None)
    returns: Annotated[tuple[Returned, ...], Field(max_length=20)] = Field(
        default=(), exclude_if=lambda told: not told
    )
    allowance: AllowanceUsed | None = Field(default=None, exclude_if=lambda used: used is None)
    occurred: StrictBool = False
    voided: StrictBool = False

    @model_validator(mode="after")
    def _paid_one_way(self) -> Self:
        if self.hold is not None and self.allowance is not None:
            raise ValueError("a sale names a hold or an allowance, not both")
        return self


class CommitAnswer(Canonical):
    """What was booked for this sale, as it stands now.

    ``coupon_value`` is what its coupons took off, in yen; ``issued`` are coupons it brought, for
    the receipt. ``rates`` are its totals per tax rate and ``receipt`` is text to print; both are
    empty for a sale without a member, whose totals are the register's own.
    """

    sale: Text
    revision: int
    member: Text
    earned: Points
    used: Points
    activities: tuple[ActivityGiven, ...] = ()
    spendable: Points
    balance_version: int
    as_of: Instant
    coupon_value: Yen = 0
    issued: tuple[MemberCoupon, ...] = ()
    rates: tuple[RateTotal, ...] = ()
    receipt: ReceiptText = ()


class TillProblem(Canonical):
    """A refusal: ``code`` is stable, ``message`` is for the cashier's display."""

    code: Key
    message: CashierMessage
    retryable: bool
    action: Literal["proceed_without_points", "rescan", "call_staff", "retry"]


TillCommand = (
    ResolveMember
    | QuoteRequest
    | HoldRequest
    | CouponHoldRequest
    | CouponReleaseRequest
    | CommitRequest
)
TillAnswer = MemberAnswer | QuoteAnswer | HoldAnswer | CouponHoldAnswer | CommitAnswer | TillProblem
