"""What a line is worth in yen, and what of it was given back. Pure."""

from dataclasses import dataclass

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.shares import divide
from renkei_vendure import wire

SETTLED = "Settled"


@dataclass(frozen=True)
class Share:
    """A line as sold, and what was given back of it, in yen with tax."""

    quantity: int
    amount: int
    returned_quantity: int
    returned_amount: int


def whole_yen(minor: int, unit: int, what: str) -> int:
    """Whole yen from smallest units; a fraction of a yen is refused, never rounded."""
    if minor % unit:
        raise PayloadInvalid(f"{what} holds a fraction of a yen")
    return minor // unit


def shares(order: wire.Order, unit: int) -> list[Share]:
    """Each line's share, so that what is left adds up to what the buyer paid for goods.

    Cancelled pieces are no longer in Vendure's prices; money that went back without a
    cancellation comes off here: from the pieces it was for, where Vendure knows them, otherwise
    from all lines in proportion.
    """
    kept = _kept(order, unit)
    off = whole_yen(_taken_off(order), unit, "what was refunded")
    pieces = [_refunded_pieces(order, line) for line in order.lines]
    named = [
        yen * count // max(1, line.quantity)
        for yen, count, line in zip(kept, pieces, order.lines, strict=True)
    ]
    first = divide(min(off, sum(named)), named)
    left = [yen - part for yen, part in zip(kept, first, strict=True)]
    rest = divide(min(off - sum(first), sum(left)), left)
    return [
        _share(line, unit, yen, back, part + other)
        for line, yen, back, part, other in zip(order.lines, kept, pieces, first, rest, strict=True)
    ]


def _kept(order: wire.Order, unit: int) -> list[int]:
    """What is left of each line in yen; their sum is the order's.

    An order's discount divides into fractions of a yen. They are put together by largest
    remainder, which gives each line its own price where all are whole.
    """
    weights = [line.prorated_line_price_with_tax for line in order.lines]
    goods = order.sub_total_with_tax - sum(one.price_with_tax for one in order.surcharges)
    if abs(goods - sum(weights)) > len(weights) * unit:
        raise PayloadInvalid("the lines do not add up to the order's subtotal")
    return divide(whole_yen(goods, unit, "the order's subtotal"), weights)


def _taken_off(order: wire.Order) -> int:
    """Money given back that no cancellation explains, and surcharges that are reductions.

    A cancellation lowers the order's total and leaves the payment: what was paid over the total
    is owed to the buyer, and a refund up to that is the cancellation's. What is known to be
    shipping money is not the goods'.
    """
    payments = order.payments or ()
    paid = sum(one.amount for one in payments if one.state == SETTLED)
    refunds = _settled_refunds(order)
    owed = max(0, paid - order.total_with_tax)
    beyond = max(0, sum(one.total for one in refunds) - owed)
    shipping = min(order.shipping_with_tax, sum(max(0, one.shipping) for one in refunds))
    reductions = -sum(min(0, one.price_with_tax) for one in order.surcharges)
    return max(0, beyond - shipping) + reductions


def _settled_refunds(order: wire.Order) -> list[wire.Refund]:
    return [
        refund
        for payment in order.payments or ()
        for refund in payment.refunds
        if refund.state == SETTLED
    ]


def _refunded_pieces(order: wire.Order, line: wire.Line) -> int:
    """Pieces refunded by name that are still on the order."""
    refunded = sum(
        one.quantity
        for refund in _settled_refunds(order)
        for one in refund.lines
        if one.order_line_id == line.id
    )
    return min(line.quantity, max(0, refunded - _cancelled(line)))


def _cancelled(line: wire.Line) -> int:
    return max(0, line.order_placed_quantity - line.quantity)


def _share(line: wire.Line, unit: int, kept: int, pieces: int, off: int) -> Share:
    cancelled = _cancelled(line)
    if line.quantity:
        gone = kept * cancelled // line.quantity
    else:
        gone = line.prorated_unit_price_with_tax * cancelled // unit
    return Share(line.quantity + cancelled, kept + gone, cancelled + pieces, gone + off)
