"""What is decided about an order after it was seen: whose it is, and whether it is a copy."""

from dataclasses import dataclass, replace

from renkei.ledger.entry import EPOCH
from renkei.ledger.world import Needs, OrderKey
from renkei.services.attempt import Attempt
from renkei.services.seen_order import known_order, restated
from renkei.services.settle import SettleAnswer, SettleOrder


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

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Settle it for the member, unless there is nothing to link."""
        attempt.books_of(self.member)
        row = known_order(attempt, self.order)
        if row is None or row.awaited or row.member is not None or row.same is not None:
            return SettleAnswer("unchanged", row.member if row else None)
        again = SettleOrder(restated(row), row.read_at, None, alert_id=self.alert_id, again=True)
        return again.post(attempt, row, self.member, row.digest)


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

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Settle it as its own, or let it point at the other; without a doubt nothing changes."""
        row = known_order(attempt, self.order)
        if row is None or row.doubt is None:
            return SettleAnswer("unchanged", row.member if row else None)
        same = row.doubt if self.same else None
        judged = replace(row, doubt=None, same=same, apart=not self.same)
        again = SettleOrder(restated(row), row.read_at, None, alert_id=self.alert_id, again=True)
        return again.post(attempt, judged, row.member, row.digest)
