"""What the commands of a batch want written, row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from renkei.ledger.allowances import Allowance, AllowanceUse
from renkei.ledger.books import HoldExtension, HoldName, Lot
from renkei.ledger.coupons import CouponMove, IssuedCoupon
from renkei.ledger.customers import ContactGone, CustomerKey, NewMirror, ToldCustomer
from renkei.ledger.hold_codes import HoldCode
from renkei.ledger.keys import (
    ClaimKey,
    IdentityKey,
    OrderKey,
    QuotaKey,
    RefundKey,
    RequestKey,
    SaleKey,
)
from renkei.ledger.past import NewReach
from renkei.ledger.quotas import Quota
from renkei.ledger.target import Settled
from renkei.ledger.transaction import Posting


class OrderRow(NamedTuple):
    """What is kept of an order: its newest state, and how it was evaluated first.

    ``same``: this sale is counted at that order. ``doubt``: perhaps it is, and a person must say;
    ``apart``: one said that it is a sale of its own.
    ``total`` is in yen, tax included, as it was sold; ``spent`` what is still sold. ``facts`` are
    what was known of the member when it was first evaluated.
    """

    key: OrderKey
    revision: int
    clock: datetime
    read_at: datetime | None
    digest: bytes
    placed_at: datetime
    customer: str | None
    member: str | None
    same: OrderKey | None
    program: str | None
    program_version: int | None
    document: Mapping[str, Any]
    total: int = 0
    doubt: OrderKey | None = None
    apart: bool = False
    spent: int = 0
    facts: Mapping[str, Any] | None = None

    @property
    def awaited(self) -> bool:
        """Whether only what speaks of it was seen so far: refunds, or the same sale elsewhere."""
        return self.revision == 0


@dataclass(frozen=True)
class NewRefund:
    """A refund told apart from its order, which may not have come yet."""

    key: RefundKey
    digest: bytes
    document: Mapping[str, Any]


class Entry(NamedTuple):
    """One transaction, finished and hashed, with everything written beside it."""

    member: str
    version: int
    kind: str
    key: str
    program: str
    program_version: int | None
    order: OrderKey | None
    delivery: str | None
    root: str
    event_at: datetime
    recorded_at: datetime
    period: str
    content: Mapping[str, Any]
    note_digest: bytes | None
    postings: tuple[Posting, ...]
    new_lots: tuple[Lot, ...]
    prev: bytes
    hash: bytes
    note: bytes | None = None


class NewHold(NamedTuple):
    """The part of a hold that an entry placed in its home; ``lead`` is the hold's name.

    ``for_member`` is the member on whose behalf it was placed.
    """

    member: str
    version: int
    scope: str
    key: str
    connection: str
    amount: int
    lapses_at: datetime
    lead: HoldName
    for_member: str


class HoldEnd(NamedTuple):
    """How a part of a hold ended, once and for all."""

    member: str
    version: int
    end_version: int
    how: str
    captured: int


@dataclass(frozen=True)
class NewMember:
    """A member to be created, with personal data already sealed."""

    member: str
    program: str
    zone: str
    wrapped_key: bytes
    sealed_profile: bytes


@dataclass(frozen=True)
class NewIdentity:
    """An identity to be linked from now on."""

    key: IdentityKey
    member: str
    grade: str
    asserted_by: str
    sealed: bytes


@dataclass(frozen=True)
class NewClaim:
    """A claimant's new high-water mark; ``n`` counts its claims."""

    key: ClaimKey
    n: int
    high_water: int


@dataclass(frozen=True)
class Merge:
    """A member's pointer as it is from now on; None: they stand for themselves again."""

    member: str
    into: str | None
    by: str


@dataclass(frozen=True)
class Alert:
    """Something a person should look at; holds no personal data."""

    id: str
    kind: str
    member: str | None
    order: OrderKey | None
    message: str


@dataclass
class Staged:
    """What the batch wants written.

    ``tiers_due``: when members' tiers must be looked at; ``tiers_seen``: whose were.
    ``codes_over``: how holds ended for which codes stand.
    """

    entries: list[Entry] = field(default_factory=list)
    holds: list[NewHold] = field(default_factory=list)
    hold_ends: list[HoldEnd] = field(default_factory=list)
    extensions: list[HoldExtension] = field(default_factory=list)
    lots: dict[tuple[str, int], Lot] = field(default_factory=dict)
    orders: dict[OrderKey, OrderRow] = field(default_factory=dict)
    revisions: list[tuple[OrderRow, str | None]] = field(default_factory=list)
    sales: dict[SaleKey, str] = field(default_factory=dict)
    same: list[tuple[OrderKey, OrderKey, str]] = field(default_factory=list)
    settled: dict[tuple[str, OrderKey], Settled] = field(default_factory=dict)
    members: list[NewMember] = field(default_factory=list)
    identities: list[NewIdentity] = field(default_factory=list)
    mirrors: list[NewMirror] = field(default_factory=list)
    requests: dict[RequestKey, tuple[bytes, Mapping[str, Any]]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    new_quotas: dict[QuotaKey, Quota] = field(default_factory=dict)
    quotas: dict[QuotaKey, Quota] = field(default_factory=dict)
    claims: list[NewClaim] = field(default_factory=list)
    activities: set[tuple[str, datetime]] = field(default_factory=set)
    merges: list[Merge] = field(default_factory=list)
    leads: dict[str, int] = field(default_factory=dict)
    refunds: list[NewRefund] = field(default_factory=list)
    birthdays: dict[str, str] = field(default_factory=dict)
    customers: dict[CustomerKey, ToldCustomer] = field(default_factory=dict)
    profiles: dict[str, bytes] = field(default_factory=dict)
    contacts_gone: set[ContactGone] = field(default_factory=set)
    reached: list[NewReach] = field(default_factory=list)
    tiers_due: dict[str, datetime] = field(default_factory=dict)
    tiers_seen: set[str] = field(default_factory=set)
    coupons: list[IssuedCoupon] = field(default_factory=list)
    coupon_moves: list[CouponMove] = field(default_factory=list)
    allowances: list[Allowance] = field(default_factory=list)
    allowance_uses: list[tuple[str, AllowanceUse]] = field(default_factory=list)
    hold_codes: list[HoldCode] = field(default_factory=list)
    codes_over: dict[HoldName, str] = field(default_factory=dict)

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(vars(self).values())
