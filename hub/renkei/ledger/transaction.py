"""Transactions in memory: lots, allocations, postings, and the draft that collects them.

A draft is all or nothing: decisions are made on it, and only a finished one is written. Every
movement goes through ``Draft.post``, which checks the rule, the sums and every lot's counters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from renkei.errors import BooksBroken
from renkei.ledger.chart import MEMBER_ACCOUNTS, Account
from renkei.ledger.rules import require_permitted

DEBT_LOT = 0
"""The lot number under which allocations speak of debt."""


EXPIRY_RULES = ("expire", "expire.undo")


@dataclass(frozen=True, slots=True)
class Lot:
    """Points granted together. All but the counters is fixed for ever.

    ``pending``, ``available`` and ``held`` are what is there; ``expired`` what a booked expiry
    ended, ``netted`` what went into repaying debt: both may come back. ``usable_from`` None: still
    pending. ``expires_at`` None: never. Yen are whole yen.
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

    def alive(self, at: datetime) -> bool:
        """Whether the lot can be spent at that instant."""
        started = self.usable_from is not None and self.usable_from <= at
        return started and (self.expires_at is None or at < self.expires_at)

    def dead(self, at: datetime) -> bool:
        """Whether its time is over at that instant."""
        return self.expires_at is not None and self.expires_at <= at


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one posting did to one lot, signed. ``lot`` 0 is debt."""

    lot: int
    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0

    def of(self, account: Account) -> int:
        """The change of this member account."""
        return int(getattr(self, account.value))


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement of a positive number of points under one rule."""

    rule: str
    source: Account
    destination: Account
    amount: int
    allocations: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """An open hold: which lots it froze and how much of each, in the order they were taken.

    ``connection`` is the channel that placed it, and the only one that may end it.
    """

    version: int
    key: str
    amount: int
    lapses_at: datetime
    frozen: tuple[tuple[int, int], ...]
    connection: str = ""


@dataclass(frozen=True, slots=True)
class Books:
    """One member's books, as locked and loaded: lots, debt and open holds.

    Closed lots are among them where a decision may need them: those that an order of the batch made
    or used, that expired after an event came late, that repaid a debt which may be undone.
    """

    member: str
    program: str
    version: int
    lots_made: int
    chain: bytes
    debt: int = 0
    lots: tuple[Lot, ...] = ()
    holds: tuple[Hold, ...] = ()

    def total(self, account: Account) -> int:
        """The balance of a member account."""
        if account is Account.DEBT:
            return self.debt
        return sum(int(getattr(lot, account.value)) for lot in self.lots)


@dataclass
class Draft:
    """Postings being decided for one member; mutable only until it is finished."""

    books: Books
    event_at: datetime
    postings: list[Posting] = field(default_factory=list)
    debt: int = 0
    lots: dict[int, Lot] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.debt = self.books.debt
        self.lots = {lot.number: lot for lot in self.books.lots}

    def post(
        self, rule: str, source: Account, destination: Account, moves: Iterable[Allocation]
    ) -> int:
        """Book one movement; gives its amount. An empty one books nothing."""
        allocations = tuple(move for move in moves if any(map(move.of, MEMBER_ACCOUNTS)))
        if not allocations:
            return 0
        require_permitted(rule, source, destination)
        amount = _amount(rule, source, destination, allocations)
        for allocation in allocations:
            self._apply(rule, allocation)
        self.postings.append(Posting(rule, source, destination, amount, allocations))
        return amount

    def _apply(self, rule: str, move: Allocation) -> None:
        if move.lot == DEBT_LOT:
            self.debt += move.debt
            if self.debt > 0:
                raise BooksBroken(f"{rule}: debt of {self.books.member} would be above zero")
            return
        lot = self.lots[move.lot]
        moved = replace(
            lot,
            pending=lot.pending + move.pending,
            available=lot.available + move.available,
            held=lot.held + move.held,
            expired=lot.expired - (move.available if rule in EXPIRY_RULES else 0),
            netted=lot.netted - (move.available if rule == "debt.repay" else 0),
        )
        sums = (moved.pending, moved.available, moved.held, moved.expired, moved.netted)
        if min(sums) < 0 or sum(sums) > lot.granted:
            raise BooksBroken(f"{rule}: lot {lot.number} of {self.books.member} would be {sums}")
        self.lots[move.lot] = moved
        self.changed.add(move.lot)

    def unnet(self, number: int, amount: int) -> None:
        """What this lot paid of a debt comes back to it; the posting that follows books it."""
        lot = self.lots[number]
        self.lots[number] = replace(lot, netted=lot.netted - amount)
        self.changed.add(number)

    def open_lot(self, lot: Lot) -> int:
        """Add an empty new lot under the next number; gives the number."""
        number = self.books.lots_made + len(self.fresh) + 1
        self.lots[number] = replace(lot, number=number, pending=0, available=0, held=0)
        self.fresh.add(number)
        return number

    def sorted_lots(self) -> Sequence[Lot]:
        """Every lot in consumption order: soonest expiry, then earliest granted; never last."""
        return sorted(self.lots.values(), key=consumption_order)


def consumption_order(lot: Lot) -> tuple[bool, float, datetime, int]:
    """The one place that says which points go first."""
    ends = lot.expires_at.timestamp() if lot.expires_at else 0.0
    return (lot.expires_at is None, ends, lot.granted_at, lot.number)


def _amount(rule: str, source: Account, destination: Account, moves: Sequence[Allocation]) -> int:
    """What left the source must equal what reached the destination, on the member's side."""
    left = -sum(move.of(source) for move in moves) if source in MEMBER_ACCOUNTS else None
    came = sum(move.of(destination) for move in moves) if destination in MEMBER_ACCOUNTS else None
    others = [a for a in MEMBER_ACCOUNTS if a not in (source, destination)]
    amount = came if left is None else left
    uneven = left is not None and came is not None and left != came
    strays = any(move.of(account) for move in moves for account in others)
    if amount is None or amount <= 0 or uneven or strays:
        raise BooksBroken(f"{rule}: the allocations do not add up to one movement")
    return amount
