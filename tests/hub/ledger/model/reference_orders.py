"""Orders in the reference ledger: the newest state counts, and the difference to it is booked."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from reference_points import (
    Booked,
    Is,
    OrderKey,
    Owed,
    Point,
    Refunded,
    Reserved,
    Seen,
    State,
    expires_at,
    restored_until,
    usable_from,
)
from reference_purse import Purse

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Orders(Purse):
    """Orders as they were told last. Those before ``settles_from`` are history only.

    ``same``: this sale is counted at that order and belongs to nobody here.
    """

    settles_from: datetime = NEVER
    orders: dict[OrderKey, Seen] = field(default_factory=dict)
    same: dict[OrderKey, OrderKey] = field(default_factory=dict)
    receipts: dict[str, OrderKey] = field(default_factory=dict)
    refunds: dict[OrderKey, dict[str, Refunded]] = field(default_factory=dict)
    booked: dict[tuple[str, OrderKey], Booked] = field(default_factory=dict)

    def posted(self, member: str | None, order: OrderKey) -> tuple[int, int]:
        """What the order has earned and redeemed for the member."""
        book = self.booked.get((member or "", order), Booked())
        return book.earned, len(book.used)

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
        same = self._same_sale(order, state, who)
        if same is not None:
            self.same[order], who = same, None
        self.orders[order] = Seen(state, who, read_at)
        counts = state.placed_at >= self.settles_from
        if counts and old is not None and old.member is not None and old.member != who:
            gone = State(state.clock, self.now, 0, 0)
            self._settle(old.member, order, gone, self.now, None)
        if same or not counts:
            return "alias" if same else "history"
        if who is None:
            return "unlinked"
        at = self.now if request else self._happened(who, order, state, state.clock)
        self._settle(who, order, self.effective(order), at, hold)
        return "settled"

    def refund(self, order: OrderKey, name: str, refund: Refunded) -> str:
        """A refund told apart from its order; before it, it waits. Twice is once."""
        told = self.refunds.setdefault(order, {})
        if name in told:
            return "unchanged" if told[name] == refund else "key reused"
        told[name] = refund
        seen = self.orders.get(order)
        if seen is None:
            return "parked"
        if seen.member is not None and seen.state.placed_at >= self.settles_from:
            at = self._happened(seen.member, order, seen.state, refund.at)
            self._settle(seen.member, order, self.effective(order), at, None)
        return "booked"

    def effective(self, order: OrderKey) -> State:
        """The newest state less all refunds, in whatever order they came."""
        return self.orders[order].state.less(self.refunds.get(order, {}).values())

    def counted_at(self, sale: OrderKey) -> OrderKey:
        """The order at which a sale at a till is counted: a poll may have seen it first."""
        first = self.receipts.get(sale[1], sale)
        return self.same.get(first, first)

    def _same_sale(self, order: OrderKey, state: State, who: str | None) -> OrderKey | None:
        """One sale is counted once: at the order it names, or that has its receipt."""
        found = self._named(order, state.same)
        if found is None and state.receipt is not None:
            first = self.receipts.setdefault(state.receipt, order)
            found = self._same_receipt(order, first, who)
        return found or self.same.get(order)

    def _named(self, order: OrderKey, other: OrderKey | None) -> OrderKey | None:
        """One that has not come is counted here when it comes."""
        if other is None or other == order:
            return None
        if other not in self.orders and other not in self.same:
            self.same[other] = order
            return None
        counted = self.same.get(other, other)
        return None if counted == order else counted

    def _same_receipt(self, order: OrderKey, first: OrderKey, who: str | None) -> OrderKey | None:
        """A receipt is counted where it was seen first, or else where its member is known."""
        if first == order:
            return None
        if first not in self.same and self.orders[first].member is None and who is not None:
            self.same[first] = order
        counted = self.same.get(first, first)
        return None if counted == order else counted

    @staticmethod
    def _compare(old: Seen, state: State, who: str | None, read_at: datetime | None) -> str:
        if state.clock != old.state.clock:
            return "newer" if state.clock > old.state.clock else "older"
        if state.content == old.state.content:
            return "unchanged" if who == old.member else "newer"
        read_later = read_at is not None and (old.read_at is None or read_at >= old.read_at)
        return "newer" if read_later else "reread"

    def _happened(self, who: str, order: OrderKey, state: State, changed: datetime) -> datetime:
        """What was never booked for the member happened when the sale did; a change when told."""
        book = self.booked.get((who, order), Booked())
        fresh = not book.granted and not book.used
        return min(state.placed_at if fresh else changed, self.now)

    def _settle(
        self, member: str, order: OrderKey, state: State, at: datetime, hold: Reserved | None
    ) -> None:
        """Post the difference: what is given back first, then what is taken, an earn last."""
        book = self.booked.setdefault((member, order), Booked())
        sold_at = min(state.placed_at, self.now)
        while len(book.used) > state.should_use:
            self._give_back(book.used.pop(), order, sold_at)
        for _ in range(book.earned - state.should_earn):
            self._take_back(book, member)
        missing = state.should_use - len(book.used)
        if hold is not None and hold.how is None:
            book.used += self.capture(hold, order, missing)
        missing = state.should_use - len(book.used)
        book.used += self.use(member, missing, at, Is.REDEEMED)
        self._earn(book, member, order, state, sold_at)

    def _give_back(self, unit: Point | Owed, order: OrderKey, sold_at: datetime) -> None:
        until = restored_until(self.now)
        if isinstance(unit, Point):
            self.restore(unit, order, sold_at, until)
        else:
            self.forgive(unit, order, sold_at, until)

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

    def _earn(
        self, book: Booked, member: str, order: OrderKey, state: State, sold_at: datetime
    ) -> None:
        """Unpaid: points that wait. Paid: points with their dates, also those that waited."""
        dates = (usable_from(sold_at), expires_at(sold_at)) if state.paid else (None, None)
        waiting = [p for p in book.granted if p.now is Is.PENDING] if state.paid else []
        amount = max(0, state.should_earn - book.earned)
        book.earned += amount
        for part in (amount, len(waiting)):
            book.granted += self.grant(part, member, "purchase", order, sold_at, *dates)
        for point in waiting:
            point.now = Is.CONFIRMED
