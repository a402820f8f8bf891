"""What the ledger says at the end of a script, in the script's own words. Pure.

Vendors' ids, instants and the way by which the books got there differ from pair to pair; people,
sales and points must not. So a state is a number for each of a set of texts, and two states can be
compared row by row.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from renkei.ledger.chart import Account

State = Mapping[str, int]
"""Points by what they are: ``hanako: spendable``, ``tea-set: hanako: earned``; never 0."""


class Standing(NamedTuple):
    """What a member can spend, waits for and owes; of one who was merged, that of the group."""

    member: str
    spendable: int
    pending: int
    debt: int


class Remaining(NamedTuple):
    """What is left of lots with one origin; ``days`` are those they live (None: for ever)."""

    member: str
    order: str | None
    origin: str
    points: int
    days: int | None


class Settled(NamedTuple):
    """What an order has come to."""

    member: str
    order: str
    earned: int
    redeemed: int


class Posted(NamedTuple):
    """The sum of a member's postings of one order (None: of no order) between two accounts."""

    member: str
    order: str | None
    source: str
    destination: str
    points: int


@dataclass(frozen=True)
class Books:
    """What was read of the ledger, under the hub's and the vendors' ids."""

    standings: Iterable[Standing]
    remaining: Iterable[Remaining]
    settled: Iterable[Settled]
    posted: Iterable[Posted]


@dataclass(frozen=True)
class Names:
    """The script's names: of members by their ids, of orders by ``connection/ref``."""

    members: Mapping[str, str]
    orders: Mapping[str, str]

    def member(self, id: str) -> str:
        """The script's name; nobody of the script is called so."""
        return self.members.get(id, "somebody unknown")

    def order(self, ref: str | None) -> str:
        """The script's name; a sale that the script did not make is called so."""
        return "no sale" if ref is None else self.orders.get(ref, "an unknown sale")


def state_of(books: Books, names: Names) -> State:
    """The state of these books. Holds count as available: not every till holds before it sells."""
    rows: Counter[str] = Counter()
    for one in books.standings:
        who = names.member(one.member)
        rows[f"{who}: spendable"] += one.spendable
        rows[f"{who}: pending"] += one.pending
        rows[f"{who}: debt"] += one.debt
    for lot in books.remaining:
        life = "for ever" if lot.days is None else f"for {lot.days} days"
        what = f"left of {names.order(lot.order)} ({lot.origin}, {life})"
        rows[f"{names.member(lot.member)}: {what}"] += lot.points
    for sale in books.settled:
        about = f"{names.order(sale.order)}: {names.member(sale.member)}"
        rows[f"{about}: earned"] += sale.earned
        rows[f"{about}: redeemed"] += sale.redeemed
    for posting in books.posted:
        about = f"{names.order(posting.order)}: {names.member(posting.member)}"
        rows[f"{about}: into {_account(posting.destination)}"] += posting.points
        rows[f"{about}: into {_account(posting.source)}"] -= posting.points
    return {row: points for row, points in sorted(rows.items()) if points}


def state_hash(state: State) -> str:
    """SHA-256 of the state, as hexadecimal digits."""
    content = json.dumps(sorted(state.items()), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def differences(expected: State, found: State) -> list[str]:
    """Each row that differs, with both numbers; empty where the states are equal."""
    return [
        f"{row} is {found.get(row, 0)}, not {expected.get(row, 0)}"
        for row in sorted({*expected, *found})
        if expected.get(row, 0) != found.get(row, 0)
    ]


def _account(name: str) -> str:
    return Account.AVAILABLE if name == Account.HELD else name
