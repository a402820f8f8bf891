"""An order as it is with the refunds that were told apart from it. Pure."""

from collections.abc import Sequence

from renkei.ledger.world import NewRefund
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine


def effective(order: Order, refunds: Sequence[NewRefund]) -> Order:
    """The order less what these refunds gave back; never less than nothing."""
    for refund in refunds:
        order = _less(order, Refund.model_validate(refund.document))
    return order


def exceeding(order: Order, refund: Refund) -> list[str]:
    """What the refund gives back that the order does not have."""
    lines = {line.id: line for line in order.lines}
    faults = [f"line {one.id} is not in the order" for one in refund.lines if one.id not in lines]
    for one in refund.lines:
        line = lines.get(one.id)
        if line is not None and one.amount > line.amount - line.returned_amount:
            faults.append(f"line {one.id}: more is given back than is left")
    if refund.points_returned > order.points_used:
        faults.append("more points are given back than were used")
    return faults


def _less(order: Order, refund: Refund) -> Order:
    if refund.whole:
        return order.model_copy(update={"state": OrderState.CANCELLED})
    back = {line.id: line for line in refund.lines}
    lines = tuple(_line_less(line, back.get(line.id)) for line in order.lines)
    return order.model_copy(
        update={
            "lines": lines,
            "points_used": max(0, order.points_used - refund.points_returned),
            "points_value": max(0, order.points_value - refund.value_returned),
        }
    )


def _line_less(line: LineItem, back: RefundLine | None) -> LineItem:
    if back is None:
        return line
    return line.model_copy(
        update={
            "returned_amount": min(line.amount, line.returned_amount + back.amount),
            "returned_quantity": min(line.quantity, line.returned_quantity + back.quantity),
        }
    )
