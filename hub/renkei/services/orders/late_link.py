"""What is decided about an order after it was seen: whose it is, and whether it is a copy."""

from dataclasses import dataclass, replace

from renkei.ledger.entry import EPOCH
from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import OrderRow
from renkei.ledger.world import Known, Needs
from renkei.services.attempt import Attempt
from renkei.services.orders.seen_order import known_order, restated
from renkei.services.orders.settle import SettleAnswer, SettleOrder


@dataclass(frozen=True)
class LinkOrder:
    """An order becomes a member's: a forgotten card, a guest who claims the receipt.

    It settles as of when it happened. Raises UnknownMember; an order that was never seen, or is
    somebody's already, stays as it is.
    """

    order: OrderKey
    member: str
    alert_id: str

    def needs(self) -> Needs:
        """The order and the member."""
        return Needs(
            connections=frozenset({self.order[0]}),
            orders=frozenset({self.order}),
            members=frozenset({self.member}),
            since=EPOCH,
        )

    def further(self, known: Known) -> Needs:
        """What settling it for the member needs."""
        row = known.orders.get(self.order)
        if row is None or row.awaited:
            return Needs()
        return replace(_again(row, self.alert_id), member=self.member).further(known)

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Settle it for the member, unless there is nothing to link."""
        attempt.books_of(self.member)
        row = known_order(attempt, self.order)
        if row is None or row.awaited or row.member is not None or row.same is not None:
            return SettleAnswer("unchanged", row.member if row else None)
        return _again(row, self.alert_id).post(attempt, row, self.member, row.digest)


@dataclass(frozen=True)
class DecideDoubt:
    """A person says whether a doubtful order is the sale it resembles; then it settles."""

    order: OrderKey
    same: bool
    alert_id: str

    def needs(self) -> Needs:
        """The order."""
        return Needs(
            connections=frozenset({self.order[0]}), orders=frozenset({self.order}), since=EPOCH
        )

    def further(self, known: Known) -> Needs:
        """What settling it as its own needs."""
        row = known.orders.get(self.order)
        return _again(row, self.alert_id).further(known) if row and row.doubt else Needs()

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Settle it as its own, or let it point at the other; without a doubt nothing changes."""
        row = known_order(attempt, self.order)
        if row is None or row.doubt is None:
            return SettleAnswer("unchanged", row.member if row else None)
        same = row.doubt if self.same else None
        judged = row._replace(doubt=None, same=same, apart=not self.same)
        return _again(row, self.alert_id).post(attempt, judged, row.member, row.digest)


def _again(row: OrderRow, alert_id: str) -> SettleOrder:
    return SettleOrder(restated(row), row.read_at, None, alert_id=alert_id, again=True)
