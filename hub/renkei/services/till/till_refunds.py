"""Voids and refunds told by a register: facts about a sale, which may not have come yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.entry import digest_of
from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.keys import OrderKey, RequestKey, SaleKey
from renkei.ledger.staged import Alert, NewRefund, OrderRow
from renkei.ledger.target import Settled
from renkei.ledger.world import Known, Needs
from renkei.loyalty.program import Program
from renkei.loyalty.receipt import PARKED, refund_receipt
from renkei.loyalty.refunds import beyond, effective, exceeding
from renkei.services.attempt import Attempt
from renkei.services.orders.same_sale import awaited, sale_key, tell_of_copy
from renkei.services.orders.seen_order import known_order, refund_place, refunds_of, restated
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.points.hold import first_answer
from renkei.services.refusals import refused
from renkei.services.rules import require_plausible
from renkei_contracts.aftersale import RefundAnswer, RefundRequest, VoidRequest
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState, Refund, TillKey
from renkei_contracts.till import CommitRequest, Returned

NOTHING_LEFT = {"spendable": 0, "debt": 0, "balance_version": 0}

VOID = "void"
"""The name of a sale's void among its refunds: there is at most one."""


@dataclass(frozen=True)
class RefundSale:
    """A refund of a till's sale. It is kept by the sale's receipt, under whatever name that comes.

    The same ``request`` gives the first answer again. ``strict``: it is refused where it gives back
    more than the sale has, as long as the sale is known.
    """

    refund: Refund
    sale: TillKey
    request: RequestKey
    channel: Channel
    alert_id: str
    strict: bool = True

    @property
    def place(self) -> OrderKey:
        """Where the sale's refunds are kept."""
        return refund_place(self.channel.connection, self.sale)

    def needs(self) -> Needs:
        """The sale by whatever name, with its refunds."""
        return Needs(
            connections=frozenset({self.channel.connection}),
            orders=frozenset({self.place, (self.channel.connection, str(self.sale))}),
            sales=frozenset({sale_key(self.channel.connection, self.sale)}),
            requests=frozenset({self.request}),
            since=self.refund.occurred_at,
            of_others=True,
        )

    def further(self, known: Known) -> Needs:
        """What settling the sale anew needs, if it is there."""
        row = sale_in(known, self.channel.connection, self.sale)
        if row is None:
            return Needs()
        again = self.again(row)
        return again.needs() | again.further(known)

    def decide(self, attempt: Attempt) -> RefundAnswer:
        """Keep it; settle the sale anew if it is there."""
        # A void has nothing to say but that it is one: told again at another time, it is the same.
        said = (
            {"void": str(self.sale)} if self.refund.whole else self.refund.model_dump(mode="json")
        )
        digest = digest_of(said)
        first = first_answer(attempt, self.request, digest, RefundAnswer)
        if first is not None:
            return first
        require_plausible("occurred_at", self.refund.occurred_at, attempt.now)
        attempt.connection(self.channel.connection)
        row = told_sale(attempt, self.channel.connection, self.sale)
        answer = self._park(attempt) if row is None else self._book(attempt, row)
        attempt.remember(self.request, digest, answer)
        return answer

    def _park(self, attempt: Attempt) -> RefundAnswer:
        self._keep(attempt)
        return self._answer(attempt, "parked", SettleAnswer("unlinked"), Settled())

    def _book(self, attempt: Attempt, row: OrderRow) -> RefundAnswer:
        before = Settled()
        if row.member is not None:
            before = attempt.settled_of(row.member, row.key)
        order = restated(row)
        stood = effective(order, refunds_of(attempt, order))
        self._require_fits(attempt, row, self._faults(stood))
        if row.same is not None:
            tell_of_copy(attempt, self.alert_id, row.key, row.same, str(self.refund.ref))
        self._keep(attempt)
        settled = self.again(row).post(attempt, row, row.member, row.digest)
        return self._answer(attempt, "booked", settled, before)

    def _faults(self, stood: Order) -> list[str]:
        """What it gives back that is not there; of a voided sale nothing is."""
        if stood.state is OrderState.CANCELLED and self.refund.lines:
            return ["the sale is voided"]
        return exceeding(stood, self.refund)

    def _require_fits(self, attempt: Attempt, row: OrderRow, faults: list[str]) -> None:
        if not faults:
            return
        if self.strict:
            raise refused("refund_exceeds_sale", "; ".join(faults[:3]))
        message = f"refund {self.refund.ref}: {'; '.join(faults[:3])}"
        _tell(attempt, self.alert_id, row, message)

    def _keep(self, attempt: Attempt) -> None:
        document = self.refund.model_dump(mode="json")
        key = (*self.place, str(self.refund.ref))
        attempt.staged.refunds.append(NewRefund(key, digest_of(document), document))
        if known_order(attempt, self.place) is None:
            attempt.staged.orders[self.place] = awaited(self.place, self.refund.occurred_at)

    def again(self, row: OrderRow) -> SettleOrder:
        """The sale as it was seen last, to be settled with all of its refunds."""
        return SettleOrder(
            order=restated(row),
            read_at=row.read_at,
            delivery_key=None,
            alert_id=self.alert_id,
            happened_at=self.refund.occurred_at,
            again=True,
        )

    def _answer(
        self,
        attempt: Attempt,
        outcome: str,
        settled: SettleAnswer,
        before: Settled,
    ) -> RefundAnswer:
        said: dict[str, Any] = {
            "sale": str(self.sale),
            "outcome": outcome,
            "member": settled.member or "",
            "earned_back": max(0, before.earned - settled.earned),
            "points_returned": max(0, before.redeemed - settled.redeemed),
            "earned": settled.earned,
            "used": settled.redeemed,
            "as_of": attempt.now,
        }
        left = self._left(attempt, said, settled) if settled.member else NOTHING_LEFT
        parked = {"receipt": PARKED} if outcome == "parked" else {}
        return RefundAnswer.model_validate(said | left | parked)

    def _left(
        self, attempt: Attempt, said: dict[str, Any], settled: SettleAnswer
    ) -> dict[str, Any]:
        """The member's balance after it, and what the receipt says."""
        assert settled.member is not None
        group = as_if_lapsed(attempt.group_of(settled.member), attempt.now)
        found = attempt.program_in_force(group.program, attempt.now)
        zone = (found[1] if found else Program()).clock
        left = channel_balance(group, attempt.now, zone, self.channel)
        moved = (said["earned_back"], said["points_returned"], -group.debt)
        return {
            "spendable": left.balance.spendable,
            "debt": -group.debt,
            "balance_version": group.version,
            "receipt": refund_receipt(*moved, settled.rates, left, zone),
        }


@dataclass(frozen=True)
class CountRefunds:
    """Settles a sale anew, if it is there: its refund was parked while it came.

    Whoever brought the sale may have looked before the refund was committed.
    """

    told: RefundSale

    def needs(self) -> Needs:
        """The sale with its refunds."""
        return self.told.needs()

    def further(self, known: Known) -> Needs:
        """What settling it needs."""
        return self.told.further(known)

    def decide(self, attempt: Attempt) -> None:
        """Nothing where the sale is still to come; a refund it has counted changes nothing."""
        row = told_sale(attempt, self.told.channel.connection, self.told.sale)
        if row is not None:
            self.told.again(row).post(attempt, row, row.member, row.digest)


def tell_beyond(attempt: Attempt, key: OrderKey, alert_id: str) -> None:
    """Tell a person where more came back of a sale than it is: before it, or before it shrank."""
    sale = known_order(attempt, key) if any(attempt.world.refunds.values()) else None
    if sale is None or sale.awaited:
        return
    order = restated(sale)
    faults = beyond(order, refunds_of(attempt, order))
    if faults and order.state is not OrderState.CANCELLED:
        _tell(attempt, alert_id, sale, "; ".join(faults[:3]))


def _tell(attempt: Attempt, alert_id: str, sale: OrderRow, message: str) -> None:
    alert = Alert(f"{alert_id}.exceeds", "refund_exceeds", sale.member, sale.key, message)
    attempt.staged.alerts.append(alert)


def sale_in(known: Known, connection: str, sale: TillKey) -> OrderRow | None:
    """The same as ``told_sale``, of what is known before a batch decides."""
    return _told(known.orders.get, known.sales, connection, sale)


def told_sale(attempt: Attempt, connection: str, sale: TillKey) -> OrderRow | None:
    """A till's sale as its connection has it, under whatever name; None where it has not come yet.

    It may be a copy of another connection's order.
    """
    return _told(partial(known_order, attempt), attempt.world.sales, connection, sale)


def counted_sale(attempt: Attempt, connection: str, sale: TillKey) -> OrderRow | None:
    """The order at which a till's sale is counted, wherever; None where it has not come yet."""
    row = told_sale(attempt, connection, sale)
    return row if row is None or row.same is None else known_order(attempt, row.same)


def counted_in(known: Known, connection: str, sale: TillKey) -> OrderRow | None:
    """The same of what is known before a batch decides."""
    row = sale_in(known, connection, sale)
    return row if row is None or row.same is None else known.orders.get(row.same)


def _told(
    order: Callable[[OrderKey], OrderRow | None],
    sales: Mapping[SaleKey, str],
    connection: str,
    sale: TillKey,
) -> OrderRow | None:
    row = order((connection, sales.get(sale_key(connection, sale), str(sale))))
    if row is not None and row.same is not None and row.same[0] == connection:
        row = order(row.same)
    return None if row is None or row.awaited else row


def refund_of(ask: RefundRequest, connection: str, alert_id: str, store: str) -> RefundSale:
    """A refund with its own receipt as a command."""
    back = Returned(sale=ask.sale, lines=ask.lines, points_returned=ask.points_returned)
    refund = _given_back(connection, str(ask.receipt), back, ask.refunded_at, ask.value_returned)
    request = (f"refund/{connection}", str(ask.receipt))
    return RefundSale(refund, ask.sale, request, Channel(connection, store), alert_id)


def void_of(ask: VoidRequest, connection: str, alert_id: str, store: str) -> RefundSale:
    """A void as a command; raises TillRefused on another day than the sale's."""
    if ask.business_date != ask.sale.business_date and not ask.occurred:
        raise refused("void_on_other_day")
    refund = Refund(
        ref=ExternalRef(connection=connection, id=VOID),
        order=ExternalRef(connection=connection, id=str(ask.sale)),
        occurred_at=ask.voided_at,
        whole=True,
    )
    request = (f"void/{connection}", str(ask.sale))
    return RefundSale(refund, ask.sale, request, Channel(connection, store), alert_id, strict=False)


def returns_of(ask: CommitRequest, connection: str, alert_id: str) -> tuple[RefundSale, ...]:
    """What came back on a sale's receipt, each a refund named by it; none of a voided sale's."""
    if ask.voided:
        return ()
    return tuple(
        _returned(ask, number, one, connection, f"{alert_id}.{number}")
        for number, one in enumerate(ask.returns, 1)
    )


def _returned(
    ask: CommitRequest, number: int, back: Returned, connection: str, alert_id: str
) -> RefundSale:
    name = f"{ask.sale}~{number}"
    refund = _given_back(connection, name, back, ask.sold_at)
    channel = Channel(connection, ask.sale.store)
    request = (f"refund/{connection}", name)
    return RefundSale(refund, back.sale, request, channel, alert_id, strict=not ask.occurred)


def _given_back(
    connection: str, name: str, back: Returned, at: datetime, value: int | None = None
) -> Refund:
    """The refund by this name; a point is one yen unless its ``value`` is told."""
    points = back.points_returned or 0
    return Refund(
        ref=ExternalRef(connection=connection, id=name),
        order=ExternalRef(connection=connection, id=str(back.sale)),
        occurred_at=at,
        lines=back.lines,
        points_returned=points,
        value_returned=value or points,
        shares_points=back.points_returned is None,
    )
