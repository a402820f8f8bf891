"""Transactions in memory: allocations, postings, and the draft that collects them.

A draft is all or nothing: decisions are made on it, and only a finished one is written. Every
movement goes through ``Draft.post``, which checks the rule, the sums and every lot's counters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from renkei.errors import BooksBroken
from renkei.ledger.books import DEBT_LOT, Books, Channel, Group, Lot, LotRef, consumption_order
from renkei.ledger.chart import MEMBER_ACCOUNTS, Account
from renkei.ledger.rules import require_permitted

EXPIRY_RULES = ("expire", "expire.undo")


class Allocation(NamedTuple):
    """What one posting did to one lot, signed. Lot number 0 is the home's debt."""

    ref: LotRef
    pending: int = 0
    available: int = 0
    held: int = 0
    debt: int = 0

    def of(self, account: Account) -> int:
        """The change of this member account."""
        return int(getattr(self, account))

    def moves_nothing(self) -> bool:
        """Whether every change is zero."""
        return not (self.pending or self.available or self.held or self.debt)


class Posting(NamedTuple):
    """One movement of a positive number of points of one home under one rule."""

    rule: str
    source: Account
    destination: Account
    amount: int
    allocations: tuple[Allocation, ...]
    home: str = ""


@dataclass
class Draft:
    """Postings being decided on behalf of one member; mutable only until it is finished.

    Points come from every home of the group, as far as they count in ``channel`` (None: wherever);
    ``first`` are the point types the program spends before others.
    """

    group: Group
    member: str
    event_at: datetime
    channel: Channel | None = None
    first: tuple[str, ...] = ()
    postings: list[Posting] = field(default_factory=list)
    homes: dict[str, Books] = field(default_factory=dict)
    debts: dict[str, int] = field(default_factory=dict)
    lots: dict[LotRef, Lot] = field(default_factory=dict)
    fresh: set[LotRef] = field(default_factory=set)
    changed: set[LotRef] = field(default_factory=set)

    def __post_init__(self) -> None:
        every = (*self.group.homes, *self.group.beside)
        self.homes = {books.member: books for books in every}
        self.debts = {books.member: books.debt for books in every}
        self.lots = {lot.ref: lot for books in every for lot in books.lots}

    def post(
        self, rule: str, source: Account, destination: Account, moves: Iterable[Allocation]
    ) -> int:
        """Book one movement, as one posting for each home; gives its amount, 0 for an empty one."""
        by_home: dict[str, list[Allocation]] = {}
        for move in moves:
            if not move.moves_nothing():
                by_home.setdefault(move.ref[0], []).append(move)
        return sum(
            self._post(rule, source, destination, home, tuple(own)) for home, own in by_home.items()
        )

    def _post(
        self,
        rule: str,
        source: Account,
        destination: Account,
        home: str,
        allocations: tuple[Allocation, ...],
    ) -> int:
        require_permitted(rule, source, destination)
        amount = _amount(rule, source, destination, allocations)
        for allocation in allocations:
            self._apply(rule, allocation)
        self.postings.append(Posting(rule, source, destination, amount, allocations, home))
        return amount

    def _apply(self, rule: str, move: Allocation) -> None:
        home, number = move.ref
        if number == DEBT_LOT:
            self.debts[home] += move.debt
            if self.debts[home] > 0:
                raise BooksBroken(f"{rule}: debt of {home} would be above zero")
            return
        lot = self.lots[move.ref]
        moved = lot._replace(
            pending=lot.pending + move.pending,
            available=lot.available + move.available,
            held=lot.held + move.held,
            expired=lot.expired - (move.available if rule in EXPIRY_RULES else 0),
            netted=lot.netted - (move.available if rule == "debt.repay" else 0),
        )
        sums = (moved.pending, moved.available, moved.held, moved.expired, moved.netted)
        if min(sums) < 0 or sum(sums) > lot.granted:
            raise BooksBroken(f"{rule}: lot {number} of {home} would be {sums}")
        self.lots[move.ref] = moved
        self.changed.add(move.ref)

    def unnet(self, ref: LotRef, amount: int) -> None:
        """What this lot paid of a debt comes back to it; the posting that follows books it."""
        lot = self.lots[ref]
        self.lots[ref] = lot._replace(netted=lot.netted - amount)
        self.changed.add(ref)

    def open_lot(self, lot: Lot) -> LotRef:
        """Add an empty new lot under the next number of its home; gives its name."""
        home = lot.home or self.member
        made = self.homes[home].lots_made + sum(1 for ref in self.fresh if ref[0] == home)
        new = lot._replace(home=home, number=made + 1, pending=0, available=0, held=0)
        self.lots[new.ref] = new
        self.fresh.add(new.ref)
        return new.ref

    def sorted_lots(self) -> Sequence[Lot]:
        """The lots that count here, in consumption order."""
        counted = self.group.members
        here = [
            lot for lot in self.lots.values() if lot.home in counted and lot.counts_at(self.channel)
        ]
        return sorted(here, key=lambda lot: consumption_order(lot, self.first))


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
