"""What the reference ledger calls a state or a refund, as the contracts say it."""

from datetime import date

from reference_points import OrderKey, Refunded, State

from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine, TillKey
from renkei_contracts.till import CommitRequest


def order_of(key: OrderKey, state: State) -> Order:
    """The order: the buyer keeps goods for ``state.yen``, and has given back some for 50 more."""
    kind = OrderState.PAID if state.paid else OrderState.PLACED
    return Order(
        ref=ref_of(key),
        changed_at=state.clock,
        placed_at=state.placed_at,
        state=OrderState.CANCELLED if state.cancelled else kind,
        lines=lines_of(state.yen),
        points_used=state.used,
        points_value=state.used,
        same_as=(ref_of(state.same),) if state.same else (),
        till=None if state.receipt is None else till_key(int(state.receipt.split("|")[-1])),
    )


def refund_of(key: OrderKey, name: str, refund: Refunded) -> Refund:
    """The refund, of the order's first line."""
    return Refund(
        ref=ExternalRef(connection=key[0], id=name),
        order=ref_of(key),
        occurred_at=refund.at,
        lines=(RefundLine(id="1", amount=refund.yen),),
        points_returned=refund.points,
        value_returned=refund.points,
        whole=refund.whole,
    )


def sale_of(
    number: int,
    revision: int,
    state: State,
    member: str | None,
    hold: str | None,
    *,
    occurred: bool,
) -> CommitRequest:
    """The sale as a till commits it."""
    return CommitRequest(
        sale=till_key(number),
        revision=revision,
        sold_at=state.placed_at,
        member=member,
        hold=hold,
        points_used=state.used,
        lines=lines_of(state.yen),
        occurred=occurred,
        voided=state.cancelled,
    )


def till_key(number: int) -> TillKey:
    """The natural key of a sale."""
    day = date(2026, 11, 1)
    return TillKey(store="s", till="1", business_date=day, receipt_number=str(number))


def ref_of(key: OrderKey) -> ExternalRef:
    """The order's name at its vendor."""
    return ExternalRef(connection=key[0], id=key[1])


def lines_of(yen: int) -> tuple[LineItem, ...]:
    """Two lines without tax; of the second, goods for 50 were given back."""
    first = yen // 2
    return (
        LineItem(id="1", quantity=1, amount=first, tax_rate=0),
        LineItem(id="2", quantity=2, amount=yen - first + 50, tax_rate=0, returned_amount=50),
    )
