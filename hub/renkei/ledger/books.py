"""A member's books in memory: lots, holds, debt; and the group whose points count together."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from renkei.ledger.chart import Account

LotRef = tuple[str, int]
"""(home, lot number): the home is the member whose lot it is; number 0 is that member's debt."""

DEBT_LOT = 0
"""The lot number under which allocations speak of debt."""

HoldName = tuple[str, int]
"""(member, version of the transaction that placed it)."""

BASE = "base"
"""The point type of ordinary points."""


class Channel(NamedTuple):
    """Where points are spent: a connection, and the store where there is one."""

    connection: str
    store: str | None = None


class Lot(NamedTuple):
    """Points granted together. All but the counters is fixed for ever.

    ``pending``, ``available`` and ``held`` are what is there; ``expired`` what a booked expiry
    ended, ``netted`` what went into repaying debt: both may come back. ``usable_from`` None: still
    pending. ``expires_at`` None: never; of a lot with ``slides_months`` it is the effective date,
    which every activity of the member moves (ledger/sliding.py). ``only_at`` names the connections,
    or stores as connection/store, where it can be spent; empty: everywhere. Yen are whole yen.
    """

    number: int
    origin: str
    granted: int
    granted_at: datetime
    usable_from: datetime | None
    expires_at: datetime | None
    pending: int = 0
    available: int = 0
    held: int = 0
    expired: int = 0
    netted: int = 0
    connection: str | None = None
    order: str | None = None
    parent: int | None = None
    net_base: int = 0
    yen_value: int = 0
    company: str | None = None
    store: str | None = None
    point_type: str = BASE
    only_at: tuple[str, ...] = ()
    slides_months: int | None = None
    home: str = ""

    @property
    def ref(self) -> LotRef:
        """The lot's name in a group."""
        return (self.home, self.number)

    def alive(self, at: datetime) -> bool:
        """Whether the lot can be spent at that instant."""
        started = self.usable_from is not None and self.usable_from <= at
        return started and (self.expires_at is None or at < self.expires_at)

    def dead(self, at: datetime) -> bool:
        """Whether its time is over at that instant."""
        return self.expires_at is not None and self.expires_at <= at

    def counts_at(self, channel: Channel | None) -> bool:
        """Whether the lot may be spent in this channel; no channel: whether it may anywhere."""
        if not self.only_at or channel is None:
            return True
        return channel.connection in self.only_at or (
            channel.store is not None and f"{channel.connection}/{channel.store}" in self.only_at
        )


class HoldExtension(NamedTuple):
    """A part of a hold (home and version) ends later than was said before."""

    home: str
    version: int
    lapses_at: datetime


ALLOWANCE = "allowance/"
"""How the scope of a hold begins that funds an allowance."""


CODED = "code/"
"""How the scope of a hold begins for which a code stands in a vendor's shop."""


class Hold(NamedTuple):
    """The open part of a hold that lies in one home: which of its lots, and how much of each.

    ``lead`` is the hold's name: that of its first part. ``connection`` is the channel that placed
    it, and the only one that may end it. ``scope`` and ``key`` are who asked for it, and how they
    named it.
    """

    version: int
    key: str
    amount: int
    lapses_at: datetime
    frozen: tuple[tuple[LotRef, int], ...]
    connection: str = ""
    home: str = ""
    lead: HoldName = ("", 0)
    scope: str = ""

    @property
    def funds_allowance(self) -> bool:
        """Whether it stands behind an allowance, so that no sale may name it by itself."""
        return self.scope.startswith(ALLOWANCE)

    @property
    def has_code(self) -> bool:
        """Whether a code stands for it in a vendor's shop."""
        return self.scope.startswith(CODED)


class Books(NamedTuple):
    """One member's books, as locked and loaded: lots, debt and open holds.

    Closed lots are among them where a decision may need them: those that an order of the batch made
    or used, that expired after an event came late, that repaid a debt which may be undone.
    ``version_lead`` is what the shown version is ahead of the member's own since an unmerge.
    ``activities`` are what lengthens the life of sliding lots, oldest first; days are in ``zone``.
    """

    member: str
    program: str
    version: int
    lots_made: int
    chain: bytes
    debt: int = 0
    lots: tuple[Lot, ...] = ()
    holds: tuple[Hold, ...] = ()
    version_lead: int = 0
    activities: tuple[datetime, ...] = ()
    zone: str = "Asia/Tokyo"

    def total(self, account: Account) -> int:
        """The balance of a member account."""
        if account is Account.DEBT:
            return self.debt
        return sum(int(getattr(lot, account.value)) for lot in self.lots)


class Group(NamedTuple):
    """Members whose points count together: one, or those merged into ``root``.

    ``beside`` are homes that do not count, but whose lots or holds the command names: what was
    merged once and is no longer.
    """

    root: str
    homes: tuple[Books, ...]
    beside: tuple[Books, ...] = ()

    @staticmethod
    def alone(books: Books) -> "Group":
        """The group of a member merged with nobody."""
        return Group(books.member, (books,))

    @property
    def members(self) -> frozenset[str]:
        """Who counts together: whoever has a home here."""
        return frozenset(books.member for books in self.homes)

    @property
    def program(self) -> str:
        """The program of all of them."""
        return self.homes[0].program

    @property
    def version(self) -> int:
        """The balance version that channels see: it only grows, also over merge and unmerge."""
        return sum(books.version + books.version_lead for books in self.homes)

    @property
    def debt(self) -> int:
        """Zero or below."""
        return sum(books.debt for books in self.homes)

    @property
    def lots(self) -> tuple[Lot, ...]:
        """The lots of every home."""
        return tuple(lot for books in self.homes for lot in books.lots)

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The open parts of holds in every home."""
        return tuple(hold for books in self.homes for hold in books.holds)

    def with_books(self, changed: Iterable[Books]) -> "Group":
        """The group with these homes' books in place of the old ones."""
        new = {books.member: books for books in changed}
        return Group(
            self.root,
            tuple(new.get(books.member, books) for books in self.homes),
            tuple(new.get(books.member, books) for books in self.beside),
        )


def consumption_order(
    lot: Lot, first: Sequence[str] = ()
) -> tuple[int, bool, float, datetime, LotRef]:
    """The one place that says which points go first.

    Point types that the program puts first, then soonest expiry, then earliest granted; what never
    expires comes last.
    """
    rank = first.index(lot.point_type) if lot.point_type in first else len(first)
    ends = lot.expires_at.timestamp() if lot.expires_at else 0.0
    return (rank, lot.expires_at is None, ends, lot.granted_at, lot.ref)


def without_hold(books: Books, version: int) -> Books:
    """The books once this part of a hold has ended."""
    return books._replace(holds=tuple(one for one in books.holds if one.version != version))
