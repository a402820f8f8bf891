"""What a batch of commands sees, and what it wants written: the books of one database transaction.

``Needs`` says what to lock and load; ``World`` holds it, and collects in ``Staged`` what the
commands decided. Commands of one batch decide in order over the same world.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from renkei.ledger.settlement import Settled
from renkei.ledger.transaction import Books, Lot, Posting

OrderKey = tuple[str, str]
"""(connection, the vendor's order id)."""

SaleKey = tuple[str, str, str, date, int, str]
"""(connection, store, till, business day, settlement count, receipt number)."""

IdentityKey = tuple[str, str, bytes]
"""(kind, scope, blind index of the value)."""

RequestKey = tuple[str, str]
"""(scope, the caller's key)."""

HoldName = tuple[str, int]
"""(member, version of the transaction that placed it)."""


@dataclass(frozen=True)
class Needs:
    """What one command must have locked and loaded before it decides.

    ``since``: when its event happened, so that lots which expired after it are loaded, too.
    """

    connections: frozenset[str] = frozenset()
    orders: frozenset[OrderKey] = frozenset()
    sales: frozenset[SaleKey] = frozenset()
    members: frozenset[str] = frozenset()
    identities: frozenset[IdentityKey] = frozenset()
    requests: frozenset[RequestKey] = frozenset()
    holds: frozenset[HoldName] = frozenset()
    since: datetime | None = None

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.connections | other.connections,
            self.orders | other.orders,
            self.sales | other.sales,
            self.members | other.members,
            self.identities | other.identities,
            self.requests | other.requests,
            self.holds | other.holds,
            min((one.since for one in (self, other) if one.since is not None), default=None),
        )


@dataclass(frozen=True)
class ConnectionFacts:
    """What booking must know of a connection."""

    program: str
    company: str
    settles_from: datetime


@dataclass(frozen=True)
class ProgramVersion:
    """One published version of a program; its document is read by ``loyalty``."""

    program: str
    version: int
    in_force_from: datetime
    document: Mapping[str, Any]


@dataclass(frozen=True)
class OrderRow:
    """What is kept of an order: its newest state, and how it was evaluated first."""

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


@dataclass(frozen=True)
class Entry:
    """One transaction, finished and hashed, with everything written beside it."""

    member: str
    version: int
    kind: str
    key: str
    program: str
    program_version: int | None
    order: OrderKey | None
    delivery: str | None
    event_at: datetime
    recorded_at: datetime
    period: str
    content: Mapping[str, Any]
    postings: tuple[Posting, ...]
    new_lots: tuple[Lot, ...]
    prev: bytes
    hash: bytes


@dataclass(frozen=True)
class NewHold:
    """A hold that an entry placed; its name is (member, version)."""

    member: str
    version: int
    scope: str
    key: str
    connection: str
    amount: int
    lapses_at: datetime


@dataclass(frozen=True)
class HoldEnd:
    """How a hold ended, once and for all."""

    member: str
    version: int
    end_version: int
    how: str
    captured: int


@dataclass(frozen=True)
class KnownHold:
    """A hold that was placed: by which channel, and how it ended (None: it is open).

    ``order`` is the sale that captured it.
    """

    connection: str
    how: str | None = None
    order: OrderKey | None = None


@dataclass(frozen=True)
class NewMember:
    """A member to be created, with personal data already sealed."""

    member: str
    program: str
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
class NewMirror:
    """A channel that is to show this member's balance; no external id: create them there."""

    connection: str
    member: str
    external_id: str | None


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
    """What the batch wants written."""

    entries: list[Entry] = field(default_factory=list)
    holds: list[NewHold] = field(default_factory=list)
    hold_ends: list[HoldEnd] = field(default_factory=list)
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

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(vars(self).values())


@dataclass
class World:
    """Everything locked and loaded for one batch, as of ``now`` (the database's clock)."""

    now: datetime
    connections: dict[str, ConnectionFacts]
    programs: list[ProgramVersion]
    sealed_periods: set[tuple[str, str]]
    periods: set[tuple[str, str]]
    orders: dict[OrderKey, OrderRow]
    sales: dict[SaleKey, str]
    identities: dict[IdentityKey, tuple[str, str]]
    books: dict[str, Books]
    settled: dict[tuple[str, OrderKey], Settled]
    requests: dict[RequestKey, tuple[bytes, Mapping[str, Any]]]
    member_keys: dict[str, bytes] = field(default_factory=dict)
    holds: dict[HoldName, KnownHold] = field(default_factory=dict)
    staged: Staged = field(default_factory=Staged)
    orders_at_start: frozenset[OrderKey] = frozenset()

    def __post_init__(self) -> None:
        self.orders_at_start = frozenset(self.orders)

    def version_of(self, member: str) -> int:
        """The member's balance version; a member made in this batch starts at zero."""
        books = self.books.get(member)
        return books.version if books else 0

    def proven(self, keys: "list[IdentityKey]") -> str | None:
        """The member whom the first proven one of these identities names."""
        for key in keys:
            member, grade = self.identities.get(key, (None, ""))
            if member is not None and grade != "asserted":
                return member
        return None
