"""What a batch of commands sees, and what it wants written: the books of one database transaction.

``Needs`` says what to lock and load; ``World`` holds it, and collects in ``Staged`` what the
commands decided. Commands of one batch decide in order over the same world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from renkei.ledger.allowances import Allowance, AllowanceUse
from renkei.ledger.books import Books, HoldExtension, HoldName, Lot
from renkei.ledger.coupons import CouponMove, CouponName, IssuedCoupon
from renkei.ledger.customers import ContactGone, CustomerKey, NewMirror, ToldCustomer
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.hold_codes import HoldCode
from renkei.ledger.past import NewReach, Past, PastOf
from renkei.ledger.places import Code, KnownPlace, KnownProduct, Place
from renkei.ledger.quotas import Quota
from renkei.ledger.settlement import Settled
from renkei.ledger.transaction import Posting

OrderKey = tuple[str, str]
"""(connection, the vendor's order id)."""

SaleKey = tuple[str, str, str, date, int, str]
"""(connection, store, till, business day, settlement count, receipt number)."""

IdentityKey = tuple[str, str, bytes]
"""(kind, scope, blind index of the value)."""

RequestKey = tuple[str, str]
"""(scope, the caller's key)."""

QuotaKey = tuple[str, str]
"""(scope, period): what is limited, and for how long, such as a day or a campaign."""

ClaimKey = tuple[str, str, str]
"""(scope, period, claimant): the claimant is an order or a request."""

RefundKey = tuple[str, str, str]
"""(connection, order, the refund's own id)."""


class Sighting(NamedTuple):
    """A sale as another vendor may show it, too: who looks, how much (yen), when."""

    connection: str
    total: int
    placed_at: datetime


@dataclass(frozen=True)
class Needs:
    """What one command must have locked and loaded before it decides.

    ``since``: when its event happened, so that lots which expired after it are loaded, too.
    ``keys_of``: members for whom something personal will be sealed.
    """

    connections: frozenset[str] = frozenset()
    orders: frozenset[OrderKey] = frozenset()
    sales: frozenset[SaleKey] = frozenset()
    members: frozenset[str] = frozenset()
    identities: frozenset[IdentityKey] = frozenset()
    customers: frozenset[CustomerKey] = frozenset()
    requests: frozenset[RequestKey] = frozenset()
    holds: frozenset[HoldName] = frozenset()
    claims: frozenset[ClaimKey] = frozenset()
    quotas: frozenset[QuotaKey] = frozenset()
    coupons: frozenset[CouponName] = frozenset()
    allowances: frozenset[str] = frozenset()
    sightings: frozenset[Sighting] = frozenset()
    places: frozenset[Place] = frozenset()
    products: frozenset[Code] = frozenset()
    keys_of: frozenset[str] = frozenset()
    pasts: frozenset[PastOf] = frozenset()
    since: datetime | None = None

    @staticmethod
    def of_all(every: "Sequence[Needs]") -> "Needs":
        """What a batch needs: all that its commands need."""
        sets: dict[str, frozenset[Any]] = {}
        for name in SETS_OF_NEEDS:
            said = [own for one in every if (own := getattr(one, name))]
            if said:  # most are empty
                sets[name] = said[0].union(*said[1:])
        since = min((one.since for one in every if one.since is not None), default=None)
        return Needs(**sets, since=since)

    def __or__(self, other: "Needs") -> "Needs":
        return Needs.of_all((self, other))


SETS_OF_NEEDS = tuple(one.name for one in fields(Needs) if one.name != "since")


class ConnectionFacts(NamedTuple):
    """What booking must know of a connection.

    ``products``: whether any product is known at all; ``stores``: whether any store of it is set.
    """

    program: str
    company: str
    settles_from: datetime
    products: bool = False
    stores: bool = False


class ProgramVersion(NamedTuple):
    """One published version of a program; its document, JSON, is read by ``loyalty``."""

    program: str
    version: int
    in_force_from: datetime
    document: str


@dataclass(frozen=True)
class Known:
    """What is known before the locks: enough to say which quotas a command may claim from."""

    programs: Sequence[ProgramVersion]
    connections: Mapping[str, ConnectionFacts]
    orders: "Mapping[OrderKey, OrderRow]"
    identities: Mapping[IdentityKey, tuple[str, str]]


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


class KnownHold(NamedTuple):
    """A hold that was placed: by which channel, for whom, and how it ended (None: it is open).

    ``homes`` are where its parts lie; ``order`` is the sale that captured it.
    """

    connection: str
    for_member: str
    homes: tuple[str, ...]
    how: str | None = None
    order: OrderKey | None = None


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


@dataclass
class World:
    """Everything locked and loaded for one batch, as of ``now`` (the database's clock).

    ``periods`` are the open ones. ``merged`` has the pointer of every member that was loaded.
    """

    now: datetime
    connections: dict[str, ConnectionFacts]
    programs: list[ProgramVersion]
    periods: set[tuple[str, str]]
    orders: dict[OrderKey, OrderRow]
    sales: dict[SaleKey, str]
    identities: dict[IdentityKey, tuple[str, str]]
    books: dict[str, Books]
    settled: dict[tuple[str, OrderKey], Settled]
    requests: dict[RequestKey, tuple[bytes, Mapping[str, Any]]]
    member_keys: dict[str, bytes] = field(default_factory=dict)
    customers: dict[CustomerKey, ToldCustomer] = field(default_factory=dict)
    holds: dict[HoldName, KnownHold] = field(default_factory=dict)
    merged: dict[str, str | None] = field(default_factory=dict)
    quotas: dict[QuotaKey, Quota] = field(default_factory=dict)
    claims: dict[ClaimKey, tuple[int, int]] = field(default_factory=dict)
    refunds: dict[OrderKey, tuple[NewRefund, ...]] = field(default_factory=dict)
    lookalikes: dict[OrderKey, OrderRow] = field(default_factory=dict)
    windows: dict[tuple[str, str], timedelta] = field(default_factory=dict)
    coupons: dict[str, IssuedCoupon] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    places: dict[Place, KnownPlace] = field(default_factory=dict)
    products: dict[Code, KnownProduct] = field(default_factory=dict)
    pasts: dict[str, Past] = field(default_factory=dict)
    staged: Staged = field(default_factory=Staged)
    orders_at_start: frozenset[OrderKey] = frozenset()
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    versions: dict[str, list[ProgramVersion]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for version in self.programs:
            self.versions.setdefault(version.program, []).append(version)
        self.orders_at_start = frozenset(self.orders)
        self.groups = groups_in(self.merged)

    def version_of(self, member: str) -> int:
        """The balance version that channels see of this member's group."""
        root = root_of(member, self.merged)
        books = (self.books[home] for home in self.groups.get(root, (root,)))
        return sum(one.version + one.version_lead for one in books)

    def proven(self, keys: "list[IdentityKey]") -> str | None:
        """The member whom the first proven one of these identities names."""
        for key in keys:
            member, grade = self.identities.get(key, (None, ""))
            if member is not None and grade != "asserted":
                return member
        return None
