"""A refund told apart from its order: booked at once, or parked until the order is seen."""

from dataclasses import dataclass
from typing import Literal

from renkei.errors import KeyReused
from renkei.ledger.entry import digest_of
from renkei.ledger.keys import OrderKey, RefundKey
from renkei.ledger.staged import Alert, NewRefund, OrderRow
from renkei.ledger.world import Known, Needs
from renkei.loyalty.refunds import effective, exceeding
from renkei.services.attempt import Attempt
from renkei.services.orders.same_sale import awaited, tell_of_copy
from renkei.services.orders.seen_order import known_order, restated
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.rules import require_plausible
from renkei_contracts.order import Order, Refund


@dataclass(frozen=True)
class RefundOutcome:
    """``parked``: the order has not been seen. ``booked``: ``settled`` says how it stands now."""

    outcome: Literal["parked", "booked", "unchanged"]
    settled: SettleAnswer | None = None


@dataclass(frozen=True)
class BookRefund:
    """A refund as a fact. The order stands at its newest state less all of its refunds.

    The same refund again changes nothing; raises KeyReused where its content differs, and
    RequestInvalid for a time in the future. ``alert_id`` names the alert for a refund that gives
    back more than the order has.
    """

    refund: Refund
    delivery_key: str | None
    alert_id: str

    @property
    def order(self) -> OrderKey:
        """The order it is about."""
        return (self.refund.order.connection, self.refund.order.id)

    @property
    def key(self) -> RefundKey:
        """The refund's own name within its order."""
        return (*self.order, str(self.refund.ref))

    def needs(self) -> Needs:
        """The order with its refunds, and everything its settlement touches."""
        return Needs(
            connections=frozenset({self.order[0]}),
            orders=frozenset({self.order}),
            since=self.refund.occurred_at,
            of_others=True,
        )

    def further(self, known: Known) -> Needs:
        """What settling the order anew needs, if it is there."""
        row = known.orders.get(self.order)
        return self._again(row).further(known) if row and not row.awaited else Needs()

    def decide(self, attempt: Attempt) -> RefundOutcome:
        """Keep it; settle the order anew if it is there."""
        require_plausible("occurred_at", self.refund.occurred_at, attempt.now)
        attempt.connection(self.order[0])
        document = self.refund.model_dump(mode="json")
        digest = digest_of(document)
        for known in attempt.world.refunds.get(self.order, ()):
            if known.key == self.key:
                if known.digest != digest:
                    raise KeyReused("refunds", self.key[2])
                return RefundOutcome("unchanged")
        attempt.staged.refunds.append(NewRefund(self.key, digest, document))
        row = known_order(attempt, self.order)
        if row is None:
            attempt.staged.orders[self.order] = awaited(self.order, self.refund.occurred_at)
        if row is None or row.awaited:
            return RefundOutcome("parked")
        return RefundOutcome("booked", self._settle(attempt, row))

    def _settle(self, attempt: Attempt, row: OrderRow) -> SettleAnswer:
        again = self._again(row)
        self._warn(attempt, row, again.order)
        return again.post(attempt, row, row.member, row.digest)

    def _again(self, row: OrderRow) -> SettleOrder:
        return SettleOrder(
            order=restated(row),
            read_at=row.read_at,
            delivery_key=self.delivery_key,
            alert_id=self.alert_id,
            happened_at=self.refund.occurred_at,
            again=True,
        )

    def _warn(self, attempt: Attempt, row: OrderRow, order: Order) -> None:
        if row.same is not None:
            tell_of_copy(attempt, self.alert_id, self.order, row.same, str(self.refund.ref))
        before = effective(order, attempt.world.refunds.get(self.order, ()))
        faults = exceeding(before, self.refund)
        if faults:
            message = f"refund {self.refund.ref}: {'; '.join(faults[:3])}"
            alert = Alert(
                f"{self.alert_id}.exceeds", "refund_exceeds", row.member, self.order, message
            )
            attempt.staged.alerts.append(alert)
