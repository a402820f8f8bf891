"""The reference ledger with what a till may do: the same rules, by the names that tills use.

A refusal leaves everything as it was; whoever asks for the same again gets the first answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reference_allowances import Allowances, Use, counted
from reference_ledger import Answer, Refused
from reference_points import Is, OrderKey, Refunded, Seen, State

SHOP = "pos"


@dataclass(frozen=True)
class Sale:
    """A receipt as a till tells it. ``hold`` is a hold's number, ``use`` an allowance's."""

    till: str
    receipt: str
    revision: int
    sold_at: datetime
    member: str | None
    yen: int
    used: int
    hold: int | None = None
    use: Use | None = None
    voided: bool = False

    @property
    def state(self) -> State:
        """As an order's state."""
        told = State(self.sold_at, self.sold_at, self.yen, self.used, cancelled=self.voided)
        return counted(told, self.revision, self.sold_at)


@dataclass
class TillLedger(Allowances):
    """What tills ask, tell and query."""

    def place(self, till: str, key: str, member: str, amount: int, ttl: int) -> Answer:
        """A hold by the till's own name."""
        end = self.now + timedelta(seconds=ttl)
        return self.once(
            ("hold", till, key),
            (member, amount, ttl),
            lambda: self._hold(SHOP, member, amount, end),
        )

    def extend(self, number: int, ttl: int) -> Answer:
        """It ends later, never earlier; one that has ended stays so."""
        hold = self.holds[number]
        if hold.how is not None:
            raise Refused("hold_ended")
        hold.lapses_at = max(hold.lapses_at, self.now + timedelta(seconds=ttl))
        return (len(hold.points), hold.lapses_at, self.spendable(hold.member))

    def give_back(self, number: int) -> Answer:
        """A hold that the sale did not need."""
        if self.holds[number].how is None:
            self.requests["release", number] = ((), ())  # something was written
        return self.release(SHOP, number)

    def sell(self, sale: Sale, order: OrderKey, *, occurred: bool) -> Answer:
        """A finished sale. As a request and as a fact it is the same sale."""
        return self.once(
            ("sale", order, sale.revision), (sale,), lambda: self._sell(sale, order, occurred)
        )

    def _sell(self, sale: Sale, order: OrderKey, occurred: bool) -> Answer:
        debts = dict(self.debts)
        if sale.use is None:
            answer = self._commit(order, sale.state, sale.member, sale.hold, occurred)
        else:
            answer = self._sell_offline(sale, order, sale.use, occurred)
        self.note_overdraft(debts, order)
        self._note_beyond(order)
        return answer

    def _note_beyond(self, order: OrderKey) -> None:
        """More came back of the sale than it is now: before it came, or before it shrank."""
        seen, back = self.orders[order], self.refunds.get(order, {}).values()
        yen, points = sum(one.yen for one in back), sum(one.points for one in back)
        over = yen > seen.state.yen // 2 or points > seen.state.used
        if over and seen.member and not seen.state.cancelled:
            self.told.append(("refund_exceeds", order[1]))

    def _sell_offline(self, sale: Sale, order: OrderKey, use: Use, occurred: bool) -> Answer:
        if sale.member is None:
            raise Refused("points_without_member")
        if sale.used > sale.yen and not occurred and not sale.voided:
            raise Refused("points_exceed_total")
        given = self.pay_from(
            sale.till, order, sale.revision, sale.state, sale.member, use, occurred
        )
        if given is None:
            return self._commit(order, sale.state, sale.member, None, occurred)
        state = replace(sale.state, receipt=order[1])
        self.see(order, state, sale.member, hold=given, request=not occurred)
        who = self.orders[order].member
        assert who is not None
        return (who, *self.posted(who, order), self.spendable(who))

    def attach(self, order: OrderKey, member: str) -> Answer:
        """The card was shown afterwards: the sale earns as if it had been in time."""
        seen = self.orders.get(order)
        if seen is None:
            raise Refused("sale_not_found")
        if seen.member is not None and not self.together(seen.member, member):
            raise Refused("sale_of_other_member")
        if seen.member is None:
            self.requests["attach", order] = ((), ())  # something was written
            self.orders[order] = Seen(seen.state, member, seen.read_at)
            at = min(seen.state.placed_at, self.now)
            self._settle(member, order, self.effective(order), at, None)
        return self.find(order)

    def void(self, order: OrderKey, at: datetime) -> Answer:
        """The whole sale is undone; there is one void for a sale."""
        told = Refunded(at, 0, 0, whole=True)
        return self.once(("void", order), (), lambda: self._back(order, "void", told))

    def refund_at(self, order: OrderKey, receipt: str, told: Refunded) -> Answer:
        """Goods come back on a receipt of its own."""
        return self.once(
            ("refund", receipt), (order, told), lambda: self._back(order, receipt, told)
        )

    def _back(self, order: OrderKey, name: str, told: Refunded) -> Answer:
        seen = self.orders.get(order)
        if seen is None:
            self.refund(order, name, told)
            return ("parked", 0, 0, 0, 0, 0, 0)
        self._require_there(order, told)
        who, debts = seen.member, dict(self.debts)
        before = self.posted(who, order)
        self.refund(order, name, told)
        after = self.posted(who, order)
        self.note_overdraft(debts, order)
        back = (max(0, before[0] - after[0]), max(0, before[1] - after[1]))
        left = (self.spendable(who), self.debts[who]) if who else (0, 0)
        return ("booked", *back, *after, *left)

    def _require_there(self, order: OrderKey, told: Refunded) -> None:
        """No more comes back than was sold: of its first half in yen, of its points."""
        if self.effective(order).cancelled and not told.whole:
            raise Refused("refund_exceeds_sale")
        state = self.orders[order].state
        earlier = sum(one.yen for one in self.refunds.get(order, {}).values())
        left = state.yen // 2 - min(state.yen // 2, earlier)
        if told.yen > left or told.points > self.effective(order).used:
            raise Refused("refund_exceeds_sale")

    def find(self, order: OrderKey) -> Answer:
        """How a sale stands: (revision, voided, member, earned, used, returned, refunds)."""
        seen = self.orders.get(order)
        if seen is None:
            raise Refused("sale_not_found")
        refunds = self.refunds.get(order, {})
        returned = min(seen.state.yen // 2, sum(one.yen for one in refunds.values()))
        names = tuple(sorted(name for name in refunds if name != "void"))
        revision = (seen.state.clock - seen.state.placed_at) // timedelta(microseconds=1)
        stands = self.effective(order).cancelled
        posted = self.posted(seen.member, order)
        return (revision, stands, seen.member or "", *posted, returned, names)

    def numbered(
        self, till: str, sequence: int, content: Answer, decide: Callable[[], Answer]
    ) -> Answer:
        """A record of a batch: what became of it, and its answer or the code of its refusal."""
        name = ("record", till, sequence)
        try:
            if name in self.requests:
                return ("duplicate", *self.once(name, content, tuple))
            known = len(self.requests)
            answer = decide()
            fresh = len(self.requests) > known
            self.requests[name] = (content, answer)
        except Refused as refusal:
            return ("rejected", str(refusal))
        status = "parked" if answer[0] == "parked" else "applied"
        return (status if fresh else "duplicate", *answer)

    def look(self, member: str) -> Answer:
        """(spendable, pending, what ends when): by how much each day lowers what can be spent.

        A debt waits for points until the last ones end, so it is the last that it covers.
        """
        ends: dict[str, int] = {}
        for point in self.usable(member, self.now)[: self.spendable(member)]:
            end = point.lot.expires_at
            assert end is not None
            day = (end - timedelta(microseconds=1) + timedelta(hours=9)).date().isoformat()
            ends[day] = ends.get(day, 0) + 1
        return (self.spendable(member), self.pending(member), tuple(sorted(ends.items())))

    def note_overdraft(self, debts: dict[str, int], order: OrderKey) -> None:
        """Whoever owes more than before is named to a person, with the sale."""
        for member, owed in self.debts.items():
            if owed > debts.get(member, 0):
                self.told.append(("overdraft", order[1]))

    def redeemed(self, member: str) -> int:
        """Points that somebody has got something for and keeps."""
        return sum(p.now is Is.REDEEMED and p.lot.home == member for p in self.points)
