"""What a line is worth, how it is taxed, and what of it was given back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.amounts import basis_points, whole_yen
from renkei_woocommerce import wire

REFUNDED_LINE = "_refunded_item_id"
"""The meta of a refund's line that names the order's (source: the documentation's example)."""


@dataclass(frozen=True)
class Back:
    """Pieces and money given back of one line, by so many refunds; money on the line's basis."""

    quantity: int = 0
    yen: int = 0
    refunds: int = 0


def with_tax(net: Decimal, tax: Decimal, *, included: bool) -> Decimal:
    """On the shop's own basis: WooCommerce tells both parts, each rounded to its decimals.

    Where prices include tax the two parts of a whole price always add up to it again.
    """
    return net + tax if included else net


def charged(line: wire.Line, what: str, *, included: bool) -> int:
    """What the line costs after every coupon."""
    return whole_yen(with_tax(line.total, line.total_tax, included=included), f"{what}.total")


def before_coupons(line: wire.Line, what: str, *, included: bool) -> int:
    """What the line costs before every coupon."""
    amount = with_tax(line.subtotal, line.subtotal_tax, included=included)
    return whole_yen(amount, f"{what}.subtotal")


def tax_rate(line: wire.Line, rates: Mapping[int, wire.TaxLine], what: str) -> int:
    """The line's rate in basis points: the sum of those that apply; none is 0.

    The tax itself must agree, one yen of rounding allowed for each rate. Orders from before version
    3.7 say 0 for a rate that they do not know (source: WC_Order_Item_Tax).
    """
    used = [rates.get(tax.id) for tax in line.taxes if tax.total]
    percent = Decimal(0)
    for rate in used:
        if rate is None or rate.compound or rate.rate_percent is None:
            raise PayloadInvalid(f"{what}: a tax rate is missing, or is tax upon tax")
        percent += rate.rate_percent
    points = basis_points(percent, what)
    off = abs(line.total_tax - line.total * percent / 100)
    if off > len(used) or (line.total_tax and not percent):
        raise PayloadInvalid(f"{what}: its tax does not agree with its rate")
    return points


def given_back(refunds: Sequence[wire.Refund], *, included: bool) -> Mapping[int, Back]:
    """What was given back, by the id of the order's line."""
    found: dict[int, Back] = {}
    for refund in refunds:
        for line in refund.line_items:
            id, before = _line_id(line, refund.id), Back()
            before = found.get(id, before)
            what = f"refund {refund.id}"
            yen = whole_yen(-with_tax(line.total, line.total_tax, included=included), what)
            if line.quantity > 0:
                raise PayloadInvalid(f"{what}: its pieces must be below zero")
            found[id] = Back(before.quantity - line.quantity, before.yen + yen, before.refunds + 1)
    return found


def require_told_by_lines(refunds: Sequence[wire.Refund], shipping: int, what: str) -> None:
    """All money given back is that of lines, or no more than ``shipping``: postage and fees.

    What is more must be for goods, and nothing says which. Each line may be a yen off.
    """
    rest, slack = Decimal(0), 0
    for refund in refunds:
        lines = len(refund.line_items)
        goods = -sum((line.total + line.total_tax for line in refund.line_items), Decimal(0))
        if refund.amount < max(goods - lines, Decimal(0)):
            raise PayloadInvalid(f"refund {refund.id}: it is smaller than its lines")
        rest, slack = rest + refund.amount - goods, slack + lines
    if rest > shipping + slack:
        raise PayloadInvalid(
            f"{what}: money was given back for goods, but not by lines: adjust by hand"
        )


def _line_id(line: wire.RefundLine, refund: int) -> int:
    ids = [str(meta.value) for meta in line.meta_data if meta.key == REFUNDED_LINE]
    if len(ids) != 1 or not (ids[0].isascii() and ids[0].isdigit() and len(ids[0]) < 20):
        raise PayloadInvalid(f"refund {refund}: a line does not say which one of the order it is")
    return int(ids[0])


def returned(line: wire.Line, amount: int, paid: int, back: Back, what: str) -> tuple[int, int]:
    """Pieces given back, and their part of ``amount``; ``paid`` is that amount less our coupons.

    Each refund may be a yen off, by its rounding.
    """
    if back.quantity > line.quantity or back.yen > paid + back.refunds:
        raise PayloadInvalid(f"{what}: more was given back than sold")
    if back.quantity == line.quantity and paid - back.yen <= back.refunds:
        return back.quantity, amount
    if amount == paid:
        return back.quantity, min(back.yen, amount)
    off = abs(back.yen * line.quantity - paid * back.quantity)
    if off > back.refunds * line.quantity:
        raise PayloadInvalid(f"{what}: its refunds do not agree with the pieces given back")
    return back.quantity, amount * back.quantity // line.quantity if line.quantity else 0
