"""One command's attempt on the world of its batch: all of it is kept, or none.

A command decides on copies; only ``keep`` changes the world, by code that cannot fail.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from renkei.errors import (
    BookingRefused,
    KeyReused,
    PeriodNotOpen,
    UnknownConnection,
    UnknownMember,
    UnknownQuota,
)
from renkei.ledger.allowances import Allowance, AllowanceUse
from renkei.ledger.books import Books, Channel, Group, Hold, HoldExtension, HoldName, without_hold
from renkei.ledger.coupons import IssuedCoupon
from renkei.ledger.entry import Cause, finish
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.holds import in_home
from renkei.ledger.keys import ClaimKey, OrderKey, QuotaKey, RequestKey
from renkei.ledger.lots import Taken
from renkei.ledger.quotas import Quota, claim
from renkei.ledger.sliding import with_activity
from renkei.ledger.staged import Entry, HoldEnd, NewClaim, NewHold, Staged
from renkei.ledger.target import Settled
from renkei.ledger.transaction import Draft
from renkei.ledger.world import ConnectionFacts, KnownHold, World
from renkei.loyalty.program import Program
from renkei.services.rules import in_force, rules_of
from renkei_contracts.base import MAX_AMOUNT

A = TypeVar("A", covariant=True)
M = TypeVar("M", bound=BaseModel)

Entries = dict[str, Entry]
"""What a draft was entered as: home → entry."""


@dataclass
class Attempt:
    """The world as this command sees it, and what it has staged so far."""

    world: World
    books: dict[str, Books] = field(default_factory=dict)
    merged: dict[str, str | None] = field(default_factory=dict)
    quotas: dict[tuple[str, str], Quota] = field(default_factory=dict)
    claims: dict[ClaimKey, tuple[int, int]] = field(default_factory=dict)
    coupons: dict[str, IssuedCoupon] = field(default_factory=dict)
    staged: Staged = field(default_factory=Staged)

    @property
    def now(self) -> datetime:
        """The database's clock after the locks."""
        return self.world.now

    def connection(self, id: str) -> ConnectionFacts:
        """What booking must know of a connection; raises UnknownConnection."""
        if id not in self.world.connections:
            raise UnknownConnection(f"no connection {id!r:.80}; see `renkei connections`")
        return self.world.connections[id]

    def first_answer(self, request: RequestKey, digest: bytes, kind: type[M]) -> M | None:
        """What this key was answered before; raises KeyReused where it asked for something else."""
        known = self.world.requests.get(request)
        if known is None:
            return None
        if known[0] != digest:
            raise KeyReused(*request)
        return kind.model_validate(known[1])

    def remember(self, request: RequestKey, digest: bytes, answer: BaseModel) -> None:
        """The key is answered with this from now on."""
        self.staged.requests[request] = (digest, answer.model_dump(mode="json"))

    def knows(self, member: str) -> bool:
        """Whether there is such a member."""
        return member in self.world.books

    def books_of(self, member: str) -> Books:
        """The member's own books with what this command has entered already."""
        found = self.books.get(member) or self.world.books.get(member)
        if found is None:
            raise UnknownMember(f"no member {member}; see `renkei members`")
        return found

    def group_of(self, member: str, beside: Iterable[str] = ()) -> Group:
        """Everyone whose points count together with the member's."""
        if not (self.world.groups or self.merged or beside):
            return Group.alone(self.books_of(member))
        merged = {**self.world.merged, **self.merged} if self.merged else self.world.merged
        root = root_of(member, merged)
        groups = groups_in(merged) if self.merged else self.world.groups
        homes = groups.get(root, (root,))
        others = sorted({*beside} - {*homes})
        return Group(
            root,
            tuple(self.books_of(home) for home in homes),
            tuple(self.books_of(home) for home in others),
        )

    def draft(
        self,
        member: str,
        event_at: datetime,
        channel: Channel | None = None,
        beside: Iterable[str] = (),
    ) -> Draft:
        """A draft on behalf of the member, over their group."""
        group = self.group_of(member, beside)
        found = self.program_in_force(group.program, self.now)
        first = found[1].spend_first if found else ()
        return Draft(group, member, event_at, channel, first)

    def settled_of(self, member: str, order: OrderKey) -> Settled:
        """What is posted for an order and member."""
        return self.world.settled.get((member, order), Settled())

    def enter(self, draft: Draft, cause: Cause, period: str | None = None) -> Entries:
        """Finish the draft, one entry a home; one that booked nothing leaves no entry."""
        if not draft.postings:
            return {}
        month = self._period(draft.group.program, draft.event_at, period)
        entries: Entries = {}
        for entry, after in finish(draft, cause, self.now, month):
            _require_bounded(after)
            self.books[entry.member] = after
            self.staged.entries.append(entry)
            entries[entry.member] = entry
            self.touch(entry.member)
        for ref in draft.changed | draft.fresh:
            self.staged.lots[ref] = draft.lots[ref]
        return entries

    def touch(self, member: str) -> None:
        """Everyone whose balance counts with this member's is shown anew."""
        self.staged.touched |= self.group_of(member).members

    def add_hold(self, hold: NewHold, frozen: Taken) -> None:
        """Record the part of a hold that an entry placed in its home."""
        self.staged.holds.append(hold)
        books = self.books[hold.member]
        own = tuple(taken for taken in frozen if taken[0][0] == hold.member)
        made = Hold(
            version=hold.version,
            key=hold.key,
            amount=hold.amount,
            lapses_at=hold.lapses_at,
            frozen=own,
            connection=hold.connection,
            home=hold.member,
            lead=hold.lead,
            scope=hold.scope,
        )
        self.books[hold.member] = books._replace(holds=(*books.holds, made))

    def end_hold(
        self, parts: Sequence[Hold], entries: Entries, how: str, captured: Taken = ()
    ) -> None:
        """Record that these parts of holds ended with these entries; the first are used first."""
        left = {part.home: in_home(captured, part.home) for part in parts}
        for part in parts:
            used = min(part.amount, left[part.home])
            left[part.home] -= used
            version = entries[part.home].version
            self.staged.hold_ends.append(HoldEnd(part.home, part.version, version, how, used))
            self.books[part.home] = without_hold(self.books[part.home], part.version)
            if part.has_code:
                self.staged.codes_over[part.lead] = how

    def extend_hold(self, part: Hold, lapses_at: datetime) -> None:
        """Record that a part of a hold ends later."""
        self.staged.extensions.append(HoldExtension(part.home, part.version, lapses_at))
        books = self.books_of(part.home)
        longer = (
            one._replace(lapses_at=lapses_at) if one.version == part.version else one
            for one in books.holds
        )
        self.books[part.home] = books._replace(holds=tuple(longer))

    def was_active(self, member: str, at: datetime) -> None:
        """The member was active then: what slides in any of their homes lives longer."""
        for books in self.group_of(member).homes:
            if at not in books.activities:
                self.books[books.member] = with_activity(books, at)
                self.staged.activities.add((books.member, at))

    def claim(self, key: ClaimKey, wanted: int, limit: int | None = None) -> int:
        """Claim from a quota up to ``wanted`` in all for this claimant; gives what it may use.

        ``limit`` opens the quota if nobody has, or raises what it had.
        """
        name = key[:2]
        quota = self.quotas.get(name) or self.world.quotas.get(name)
        if quota is None or (limit is not None and limit > quota.limit):
            quota = self._set_limit(name, quota, limit)
        n, high_water = self.claims.get(key) or self.world.claims.get(key, (0, 0))
        after, mark = claim(quota, high_water, wanted)
        if mark != high_water:
            self.quotas[name] = self.staged.quotas[name] = after
            self.claims[key] = (n + 1, mark)
            self.staged.claims.append(NewClaim(key, n + 1, mark))
        return min(mark, wanted)

    def known_coupons(self) -> dict[str, IssuedCoupon]:
        """The coupons that were asked for, by code, as this command has left them."""
        return {**self.world.coupons, **self.coupons} if self.coupons else self.world.coupons

    def issue_coupon(self, coupon: IssuedCoupon) -> None:
        """Record a new coupon."""
        self.coupons[coupon.code] = coupon
        self.staged.coupons.append(coupon)

    def move_coupon(self, moved: IssuedCoupon) -> None:
        """Record a coupon's newest move."""
        assert moved.last is not None
        self.coupons[moved.code] = moved
        self.staged.coupon_moves.append(moved.last)

    def use_allowance(self, allowance: Allowance, use: AllowanceUse) -> None:
        """Record a use of an allowance."""
        self.staged.allowance_uses.append((allowance.id, use))

    def _set_limit(self, name: QuotaKey, quota: Quota | None, limit: int | None) -> Quota:
        if limit is None:
            raise UnknownQuota(f"no quota {name[0]}/{name[1]} has been opened")
        if quota is None:
            self.staged.new_quotas[name] = Quota(limit, 0)
        made = Quota(limit, quota.used if quota else 0)
        self.quotas[name] = self.staged.quotas[name] = made
        return made

    def _period(self, program: str, event_at: datetime, wanted: str | None) -> str:
        """The month of the event while it is open, otherwise the month of recording.

        A month that was asked for by name must be open, or PeriodNotOpen.
        """
        rules = self.program_in_force(program, self.now)
        zone = rules[1] if rules else Program()
        month = wanted or zone.period_of(event_at)
        if (program, month) in self.world.periods:
            return month
        current = zone.period_of(self.now)
        if month == current:
            return month
        if wanted is not None:
            raise PeriodNotOpen(program, wanted)
        return current

    def program_in_force(self, program: str, at: datetime) -> tuple[int, Program] | None:
        """The newest version in force at that instant, or None."""
        return in_force(self.world.versions.get(program, ()), program, at)

    def program_version(self, program: str, version: int) -> Program:
        """The version an order was evaluated with before."""
        found = (
            one for one in self.world.programs if (one.program, one.version) == (program, version)
        )
        return rules_of(next(found))

    def parts_of(self, name: HoldName) -> tuple[Hold, ...]:
        """The open parts of this hold, in whatever home they lie; none once its time is over.

        What funds an allowance is no hold that a register may name.
        """
        known = self.world.holds.get(name)
        homes = known.homes if known else ()
        every = (hold for home in homes for hold in self.books_of(home).holds)
        named = (hold for hold in every if hold.lead == name and not hold.funds_allowance)
        return tuple(hold for hold in named if hold.lapses_at > self.now)

    def known_hold(self, name: HoldName) -> KnownHold | None:
        """The hold of this name, open or ended."""
        return self.world.holds.get(name)


def _require_bounded(books: Books) -> None:
    """Every sum must be an amount, or no channel could be told of it."""
    held = sum(lot.pending + lot.available + lot.held for lot in books.lots)
    if held > MAX_AMOUNT or books.debt < -MAX_AMOUNT:
        raise BookingRefused(
            "beyond_amounts", f"{books.member} would have or owe more than {MAX_AMOUNT} points"
        )
