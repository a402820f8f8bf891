"""What a batch of commands sees, and what it wants written: the books of one database transaction.

``Needs`` says what to lock and load; ``World`` holds it, and collects in ``Staged`` what the
commands decided. Commands of one batch decide in order over the same world.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from renkei.ledger.allowances import Allowance
from renkei.ledger.books import Books, HoldName
from renkei.ledger.coupons import CouponName, IssuedCoupon
from renkei.ledger.customers import CustomerKey, ToldCustomer
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.keys import ClaimKey, IdentityKey, OrderKey, QuotaKey, RequestKey, SaleKey
from renkei.ledger.past import Past, PastOf
from renkei.ledger.places import Code, KnownPlace, KnownProduct, Place
from renkei.ledger.quotas import Quota
from renkei.ledger.staged import NewRefund, OrderRow, Staged
from renkei.ledger.target import Settled


class Sighting(NamedTuple):
    """A sale as another vendor may show it, too: who looks, how much (yen), when."""

    connection: str
    total: int
    placed_at: datetime


@dataclass(frozen=True)
class Needs:
    """What one command must have locked and loaded before it decides.

    ``since``: when its event happened, so that lots which expired after it are loaded, too.
    ``keys_of``: members for whom something personal will be sealed. ``of_others``: it is about an
    order that is known already, as a rule, and does not say whose it is.
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
    of_others: bool = False

    @staticmethod
    def of_all(every: "Sequence[Needs]") -> "Needs":
        """What a batch needs: all that its commands need."""
        sets: dict[str, frozenset[Any]] = {}
        for name in SETS_OF_NEEDS:
            said = [own for one in every if (own := getattr(one, name))]
            if said:  # most are empty
                sets[name] = said[0].union(*said[1:])
        since = min((one.since for one in every if one.since is not None), default=None)
        return Needs(**sets, since=since, of_others=any(one.of_others for one in every))

    def __or__(self, other: "Needs") -> "Needs":
        return Needs.of_all((self, other))


SETS_OF_NEEDS = tuple(one.name for one in fields(Needs) if one.name not in ("since", "of_others"))


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
    sales: Mapping[SaleKey, str]


class KnownHold(NamedTuple):
    """A hold that was placed: by which channel, for whom, and how it ended (None: it is open).

    ``homes`` are where its parts lie; ``order`` is the sale that captured it.
    """

    connection: str
    for_member: str
    homes: tuple[str, ...]
    how: str | None = None
    order: OrderKey | None = None


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
