"""An order as it is with the refunds that were told apart from it. Pure."""

from collections.abc import Sequence

from renkei.ledger.staged import NewRefund
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine


def effective(order: Order, refunds: Sequence[NewRefund]) -> Order:
    """The order less what these refunds gave back; never less than nothing."""
    left = order
    for refund in refunds:
        left = _less(order, left, Refund.model_validate(refund.document))
    return left


def exceeding(order: Order, refund: Refund) -> list[str]:
    """What the refund gives back that the order does not have."""
    lines, back = {line.id: line for line in order.lines}, given_back(refund.lines)
    faults = [f"line {id} is not in the order" for id in back if id not in lines]
    for one in back.values():
        line = lines.get(one.id)
        if line is not None and one.amount > line.amount - line.returned_amount:
            faults.append(f"line {one.id}: more is given back than is left")
    if refund.points_returned > order.points_used:
        faults.append("more points are given back than were used")
    return faults


def given_back(lines: Sequence[RefundLine]) -> dict[str, RefundLine]:
    """What comes back of each line of the sale: pieces may be scanned one by one."""
    sums: dict[str, RefundLine] = {}
    for one in lines:
        before = sums.get(one.id)
        sums[one.id] = one if before is None else _added(before, one)
    return sums


def _added(one: RefundLine, more: RefundLine) -> RefundLine:
    amount, quantity = one.amount + more.amount, one.quantity + more.quantity
    return one.model_copy(update={"amount": amount, "quantity": quantity})


def beyond(order: Order, refunds: Sequence[NewRefund]) -> list[str]:
    """What these refunds, one after the other, give back that the order does not have."""
    faults, left = [], order
    for kept in refunds:
        refund = Refund.model_validate(kept.document)
        faults += [f"refund {refund.ref}: {fault}" for fault in exceeding(left, refund)]
        left = _less(order, left, refund)
    return faults


def _less(start: Order, order: Order, refund: Refund) -> Order:
    if refund.whole:
        return order.model_copy(update={"state": OrderState.CANCELLED})
    back = given_back(refund.lines)
    left = order.model_copy(
        update={"lines": tuple(_line_less(line, back.get(line.id)) for line in order.lines)}
    )
    points, value = refund.points_returned, refund.value_returned
    if refund.shares_points:
        points, value = _shares(start, order, left)
    return left.model_copy(
        update={
            "points_used": max(0, order.points_used - points),
            "points_value": max(0, order.points_value - value),
        }
    )


def _shares(start: Order, before: Order, after: Order) -> tuple[int, int]:
    """Points and their yen that go back with the goods, cumulative so that parts add up."""
    whole = _still_there(start)
    if not whole:
        return 0, 0
    gone, more = whole - _still_there(before), whole - _still_there(after)
    points = start.points_used * more // whole - start.points_used * gone // whole
    value = start.points_value * more // whole - start.points_value * gone // whole
    return points, value


def _still_there(order: Order) -> int:
    return sum(line.amount - line.returned_amount for line in order.lines)


def _line_less(line: LineItem, back: RefundLine | None) -> LineItem:
    if back is None:
        return line
    return line.model_copy(
        update={
            "returned_amount": min(line.amount, line.returned_amount + back.amount),
            "returned_quantity": min(line.quantity, line.returned_quantity + back.quantity),
        }
    )
