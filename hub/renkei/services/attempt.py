"""One command's attempt on the world of its batch: all of it is kept, or none.

A command decides on copies; only ``keep`` changes the world, by code that cannot fail.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from renkei.ledger.entry import Cause, finish
from renkei.ledger.settlement import Settled
from renkei.ledger.transaction import Books, Draft, Hold
from renkei.ledger.world import (
    Entry,
    HoldEnd,
    KnownHold,
    Needs,
    NewHold,
    OrderKey,
    ProgramVersion,
    Staged,
    World,
)
from renkei.loyalty.program import Program

A = TypeVar("A", covariant=True)


class Command(Protocol, Generic[A]):
    """A business act: what it needs locked and loaded, and its pure decision.

    ``decide`` raises to refuse; then nothing of it is kept.
    """

    def needs(self) -> Needs:
        """What to lock and load."""
        ...

    def decide(self, attempt: "Attempt") -> A:
        """Decide over the attempt's world; gives the answer."""
        ...


@dataclass
class Attempt:
    """The world as this command sees it, and what it has staged so far."""

    world: World
    books: dict[str, Books] = field(default_factory=dict)
    staged: Staged = field(default_factory=Staged)

    @property
    def now(self) -> datetime:
        """The database's clock after the locks."""
        return self.world.now

    def books_of(self, member: str) -> Books:
        """The member's books with what this command has entered already."""
        return self.books.get(member) or self.world.books[member]

    def settled_of(self, member: str, order: OrderKey) -> Settled:
        """What is posted for an order and member."""
        return self.world.settled.get((member, order), Settled())

    def enter(self, draft: Draft, cause: Cause) -> Entry | None:
        """Finish the draft; one that booked nothing leaves no entry."""
        if not draft.postings:
            return None
        period = self._period(draft.books.program, draft.event_at)
        entry, after = finish(draft, cause, self.now, period)
        self.books[entry.member] = after
        self.staged.entries.append(entry)
        for number in draft.changed | draft.fresh:
            self.staged.lots[entry.member, number] = after_lot(after, number)
        return entry

    def add_hold(self, hold: NewHold, frozen: tuple[tuple[int, int], ...]) -> None:
        """Record a hold that the last entry placed."""
        self.staged.holds.append(hold)
        books = self.books[hold.member]
        made = Hold(hold.version, hold.key, hold.amount, hold.lapses_at, frozen, hold.connection)
        self.books[hold.member] = replace(books, holds=(*books.holds, made))

    def end_hold(self, member: str, hold: Hold, entry: Entry, how: str, captured: int) -> None:
        """Record that the hold ended with this entry."""
        self.staged.hold_ends.append(HoldEnd(member, hold.version, entry.version, how, captured))
        books = self.books[member]
        rest = tuple(one for one in books.holds if one.version != hold.version)
        self.books[member] = replace(books, holds=rest)

    def _period(self, program: str, event_at: datetime) -> str:
        """The month of the event while it is open, otherwise the month of recording."""
        rules = self.program_in_force(program, self.now)
        zone = rules[1] if rules else Program()
        month = zone.period_of(event_at)
        known = (program, month) in self.world.periods
        if known and (program, month) not in self.world.sealed_periods:
            return month
        return zone.period_of(self.now)

    def program_in_force(self, program: str, at: datetime) -> tuple[int, Program] | None:
        """The newest version in force at that instant, or None."""
        fitting = [
            one for one in self.world.programs if one.program == program and one.in_force_from <= at
        ]
        return (fitting[-1].version, rules_of(fitting[-1])) if fitting else None

    def program_version(self, program: str, version: int) -> Program:
        """The version an order was evaluated with before."""
        found = (
            one for one in self.world.programs if (one.program, one.version) == (program, version)
        )
        return rules_of(next(found))

    def keep(self) -> None:
        """Make this command's decision part of the batch."""
        mine, ours = self.staged, self.world.staged
        self.world.books.update(self.books)
        self.world.orders.update(mine.orders)
        self.world.sales.update(mine.sales)
        self.world.settled.update(mine.settled)
        self.world.requests.update(mine.requests)
        for new in mine.members:
            self.world.books[new.member] = Books(new.member, new.program, 0, 0, b"")
            self.world.member_keys[new.member] = new.wrapped_key
        for hold in mine.holds:
            self.world.holds[hold.member, hold.version] = KnownHold(hold.connection)
        for end in mine.hold_ends:
            self.world.holds[end.member, end.version] = self._ended(end)
        for link in mine.identities:
            self.world.identities[link.key] = (link.member, link.grade)
        for name, value in vars(mine).items():
            kept = getattr(ours, name)
            kept.extend(value) if isinstance(value, list) else kept.update(value)

    def _ended(self, end: HoldEnd) -> KnownHold:
        entries = {(one.member, one.version): one for one in self.staged.entries}
        order = entries[end.member, end.end_version].order
        known = self.world.holds.get((end.member, end.version))
        return KnownHold(known.connection if known else "", end.how, order)


def after_lot(books: Books, number: int) -> Any:
    """The lot of this number in the books."""
    return next(lot for lot in books.lots if lot.number == number)


def rules_of(version: ProgramVersion) -> Program:
    """The program version's rules, read once per process: it never changes."""
    return _parsed(json.dumps(version.document, sort_keys=True))


@lru_cache(maxsize=256)
def _parsed(document: str) -> Program:
    return Program.model_validate_json(document)


def digest_of(content: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON: the identity of a command's content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).digest()
