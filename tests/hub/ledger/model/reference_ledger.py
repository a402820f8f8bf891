"""The reference ledger: small, slow and meant to be obviously right. No database, no cleverness.

Every point is an object with a state. There are no jobs: a hold ends when its time is over and a
point is dead when its lot's time is over, at once, because the clock says so. Rules come from the
design of the ledger; where it leaves a choice, the comment says which one is made here.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reference_points import (
    Booked,
    Is,
    Lot,
    OrderKey,
    Owed,
    Point,
    Reserved,
    Seen,
    State,
    expires_at,
    restored_until,
    usable_from,
)

Answer = tuple[object, ...]


class Refused(Exception):
    """A request that is not granted; its argument is the code."""


@dataclass
class ReferenceLedger:
    """The books of a few members. Orders before ``settles_from`` are history only."""

    now: datetime
    settles_from: datetime
    lots: list[Lot] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    debts: Counter[str] = field(default_factory=Counter)
    orders: dict[OrderKey, Seen] = field(default_factory=dict)
    booked: dict[tuple[str, OrderKey], Booked] = field(default_factory=dict)
    holds: list[Reserved] = field(default_factory=list)
    requests: dict[tuple[object, ...], tuple[Answer, Answer]] = field(default_factory=dict)

    # --- what anybody may ask

    def spendable(self, member: str) -> int:
        """Usable points that are not over, less debt; never below zero."""
        return max(0, len(self._usable(member, self.now)) - self.debts[member])

    def count(self, member: str, state: Is) -> int:
        """How many points of the member are in this state, dead or alive."""
        return sum(p.now is state and p.lot.home == member for p in self.points)

    def posted(self, member: str, order: OrderKey) -> tuple[int, int]:
        """What the order has earned and redeemed for the member."""
        book = self.booked.get((member, order), Booked())
        return book.earned, len(book.used)

    # --- the clock

    def advance(self, now: datetime) -> None:
        """Let time pass: holds lapse in the order of their ends, each at its own instant."""
        for hold in sorted(self.holds, key=lambda one: one.lapses_at):
            if hold.how is None and hold.lapses_at <= now:
                self.now = max(self.now, hold.lapses_at)
                self._end(hold, "lapsed", hold.points)
        self.now = now

    # --- orders: facts

    def see(
        self,
        order: OrderKey,
        state: State,
        member: str | None,
        read_at: datetime | None = None,
        hold: Reserved | None = None,
        *,
        request: bool = False,
    ) -> str:
        """An order as a vendor tells it now, in whatever order and however often it arrives."""
        old = self.orders.get(order)
        who = member or (old.member if old else None)
        if old is not None:
            verdict = self._compare(old, state, who, read_at)
            if verdict != "newer":
                return verdict
        self.orders[order] = Seen(state, who, read_at)
        if state.placed_at < self.settles_from:
            return "history"
        if old is not None and old.member is not None and old.member != who:
            self._settle(old.member, order, State(state.clock, self.now, 0, 0), self.now, None)
        if who is None:
            return "unlinked"
        # The first state that is this member's happened when the sale did, a later one at its own
        # time; what a request takes is taken now.
        first = old is None or old.member != who
        event_at = min(state.placed_at if first else state.clock, self.now)
        self._settle(who, order, state, self.now if request else event_at, hold)
        return "settled"

    @staticmethod
    def _compare(old: Seen, state: State, who: str | None, read_at: datetime | None) -> str:
        if state.clock != old.state.clock:
            return "newer" if state.clock > old.state.clock else "older"
        if state.content == old.state.content:
            return "unchanged" if who == old.member else "newer"
        read_later = read_at is not None and (old.read_at is None or read_at >= old.read_at)
        return "newer" if read_later else "reread"

    def _settle(
        self,
        member: str,
        order: OrderKey,
        state: State,
        event_at: datetime,
        hold: Reserved | None,
    ) -> None:
        """Post the difference: what is given back first, then what is taken, an earn last."""
        book = self.booked.setdefault((member, order), Booked())
        while len(book.used) > state.should_use:
            self._give_back(book.used.pop(), member, order, state)
        for _ in range(book.earned - state.should_earn):
            self._take_back(book, member)
        missing = state.should_use - len(book.used)
        if hold is not None and hold.how is None:
            book.used += self._capture(hold, order, missing)
        self._use(book, state.should_use - len(book.used), event_at, member)
        self._earn(book, member, order, state)

    def _use(self, book: Booked, amount: int, event_at: datetime, member: str) -> None:
        """Points alive when it happened, then points that came to life since, then debt."""
        then = self._usable(member, event_at)
        since = [p for p in self._usable(member, self.now) if p not in then]
        for point in (then + since)[:amount]:
            point.now = Is.REDEEMED
            book.used.append(point)
            amount -= 1
        for _ in range(amount):
            self.debts[member] += 1
            book.used.append(Owed())

    def _earn(self, book: Booked, member: str, order: OrderKey, state: State) -> None:
        amount = state.should_earn - book.earned
        waiting = [p for p in book.granted if p.now is Is.PENDING] if state.paid else []
        if amount > 0:
            book.earned += amount
            book.granted += self._grant(amount, member, order, state)
        if waiting:
            for point in waiting:
                point.now = Is.CONFIRMED
            book.granted += self._grant(len(waiting), member, order, state)

    def _grant(self, amount: int, member: str, order: OrderKey, state: State) -> list[Point]:
        """Unpaid: points that wait. Paid: points with their dates, which repay debt at once."""
        at = min(state.placed_at, self.now)
        dates = (usable_from(at), expires_at(at)) if state.paid else (None, None)
        return self._new_lot(amount, member, "purchase", order, at, *dates)

    def _take_back(self, book: Booked, member: str) -> None:
        """One earned point less: a waiting one, a live one, a dead one, newest first; or debt."""
        newest = book.granted[::-1]
        there = [p for p in newest if p.now is Is.PENDING]
        there += [p for p in newest if p.now is Is.AVAILABLE and not p.lot.dead(self.now)]
        there += [p for p in newest if p.now is Is.AVAILABLE and p.lot.dead(self.now)]
        book.earned -= 1
        if there:
            there[0].now = Is.TAKEN_BACK
        else:
            self.debts[member] += 1

    def _give_back(
        self, unit: Point | Owed, member: str, order: OrderKey, state: State
    ) -> None:
        """Undo one use. A debt ends; if points repaid it meanwhile, the newest lot gets its back.

        Debts are one sum: whose debt a point repaid is not kept.
        """
        if isinstance(unit, Point):
            self._restore(unit, member, order, state)
        elif self.debts[member]:
            self.debts[member] -= 1
        else:
            repaid = [p for p in self.points if p.now is Is.NETTED and p.lot.home == member]
            self._restore(max(repaid, key=lambda p: p.lot.number), member, order, state)

    def _restore(self, point: Point, member: str, order: OrderKey, state: State) -> None:
        """Back to its lot, or to a new one with grace where the lot's time is over."""
        if point.lot.dead(self.now):
            point.now = Is.RESTORED
            until, at = restored_until(self.now), min(state.placed_at, self.now)
            self._new_lot(1, member, "restore", order, at, self.now, until)
        else:
            point.now = Is.AVAILABLE
            self._repay([point])

    # --- holds and requests

    def hold(
        self, channel: str, key: str, member: str, amount: int, lapses_at: datetime, ttl: int
    ) -> Answer:
        """Set points aside, if spendable covers them."""
        return self._once(
            ("hold", channel, key),
            (member, amount, ttl),
            lambda: self._hold(channel, member, amount, lapses_at),
        )

    def _hold(self, channel: str, member: str, amount: int, lapses_at: datetime) -> Answer:
        if self.spendable(member) < amount:
            raise Refused("insufficient_points")
        points = self._usable(member, self.now)[:amount]
        for point in points:
            point.now = Is.HELD
        self.holds.append(Reserved(member, channel, points, lapses_at))
        return (len(self.holds) - 1, amount, lapses_at, self.spendable(member))

    def release(self, channel: str, number: int) -> Answer:
        """End a hold of the same channel; one that has ended stays as it ended."""
        hold = self._hold_of(channel, number)
        if hold.how is None:
            self._end(hold, "released", hold.points)
        return (self.spendable(hold.member),)

    def commit(
        self,
        sale: OrderKey,
        revision: int,
        state: State,
        member: str | None,
        hold: int | None,
        *,
        occurred: bool,
    ) -> Answer:
        """A finished sale at a till: a request, or what has happened and is never refused."""
        content = (state, member, hold, occurred)
        return self._once(
            ("sale", sale, revision),
            content,
            lambda: self._commit(sale, state, member, hold, occurred),
        )

    def _commit(
        self, sale: OrderKey, state: State, member: str | None, hold: int | None, occurred: bool
    ) -> Answer:
        if member is None and (state.used or hold is not None):
            raise Refused("points_without_member")
        reserved = self.holds[hold] if hold is not None else None
        if reserved is not None and reserved.member != member:
            raise Refused("hold_of_other_member")
        if not occurred:
            self._require_covered(sale, state, member, reserved)
        own = reserved if reserved and reserved.channel == sale[0] else None
        self.see(sale, state, member, hold=own, request=not occurred)
        who = self.orders[sale].member
        earned, used = self.posted(who, sale) if who else (0, 0)
        return (who, earned, used, self.spendable(who) if who else 0)

    def _require_covered(
        self, sale: OrderKey, state: State, member: str | None, hold: Reserved | None
    ) -> None:
        """A request takes no more than its own hold, what it has already, and what is spendable."""
        if hold is not None:
            if hold.channel != sale[0] or hold.how == "released":
                raise Refused("hold_not_found")
            if hold.how == "captured" and hold.sale != sale:
                raise Refused("hold_used")
        if state.cancelled or not state.used:
            return
        assert member is not None
        if state.used > state.yen:
            raise Refused("points_exceed_total")
        reserved = len(hold.points) if hold and hold.how is None else 0
        has = self.posted(member, sale)[1]
        if state.used > reserved + has + self.spendable(member):
            raise Refused("insufficient_points")

    def _once(self, key: Answer, content: Answer, decide) -> Answer:
        """The first answer again for the same content; a refusal is not remembered."""
        if key in self.requests:
            known, answer = self.requests[key]
            if known != content:
                raise Refused("key_reused")
            return answer
        answer = decide()
        self.requests[key] = (content, answer)
        return answer

    def _hold_of(self, channel: str, number: int) -> Reserved:
        hold = self.holds[number]
        if hold.channel != channel:
            raise Refused("hold_not_found")
        return hold

    def _capture(self, hold: Reserved, order: OrderKey, amount: int) -> list[Point]:
        """Use up to ``amount`` of the hold, whatever has expired meanwhile; the rest comes back."""
        amount = max(0, amount)
        hold.sale = order
        for point in hold.points[:amount]:
            point.now = Is.REDEEMED
        self._end(hold, "captured", hold.points[amount:])
        return hold.points[:amount]

    def _end(self, hold: Reserved, how: str, rest: Iterable[Point]) -> None:
        """What comes back repays debt, unless its time is over: then it is gone."""
        hold.how = how
        for point in rest:
            point.now = Is.AVAILABLE
        self._repay(p for p in rest if not p.lot.dead(self.now))

    # --- points

    def _usable(self, member: str, at: datetime) -> list[Point]:
        """Points that could be spent at that instant, in consumption order."""
        alive = [
            p
            for p in self.points
            if p.now is Is.AVAILABLE and p.lot.home == member and p.lot.alive(at)
        ]
        return sorted(alive, key=lambda p: (p.lot.expires_at, p.lot.granted_at, p.lot.number))

    def _repay(self, points: Iterable[Point]) -> None:
        """Every inflow repays debt first, usable or not."""
        for point in points:
            if self.debts[point.lot.home]:
                self.debts[point.lot.home] -= 1
                point.now = Is.NETTED

    def _new_lot(
        self,
        amount: int,
        home: str,
        origin: str,
        order: OrderKey | None,
        granted_at: datetime,
        usable: datetime | None,
        ends: datetime | None,
    ) -> list[Point]:
        lot = Lot(len(self.lots) + 1, home, origin, order, granted_at, usable, ends)
        self.lots.append(lot)
        made = [Point(lot, Is.PENDING if usable is None else Is.AVAILABLE) for _ in range(amount)]
        self.points += made
        if usable is not None:
            self._repay(made)
        return made
