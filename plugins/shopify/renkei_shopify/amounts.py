"""What a line of an order is worth, what of it was given back, and how it is taxed. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit import amounts
from renkei_shopify import wire

V = TypeVar("V")


def needed(value: V | None, what: str) -> V:
    """The value; raises PayloadInvalid where the vendor sent null."""
    if value is None:
        raise PayloadInvalid(f"{what} is missing")
    return value


def whole_yen(amount: Decimal | None, what: str) -> int:
    """Whole yen that are not negative; raises PayloadInvalid."""
    return amounts.whole_yen(needed(amount, what), what)


class LineYen(NamedTuple):
    """A line in yen: ``amount`` before discounts of ours, ``ours`` what these took off.

    Tax is in both where the order says so.
    """

    amount: int
    ours: int = 0

    @property
    def paid(self) -> int:
        """What the buyer paid, or owes."""
        return self.amount - self.ours


def line_yen(line: wire.LineItem, what: str) -> LineYen:
    """Price times pieces less every discount but those by codes of ours, and what these took."""
    gross = whole_yen(line.price, f"{what}.price") * needed(line.quantity, f"{what}.quantity")
    others = ours = 0
    for one in needed(line.discount_allocations, f"{what}.discount_allocations"):
        yen = whole_yen(one.amount, f"{what}.discount")
        if one.code_of_ours:
            ours += yen
        else:
            others += yen
    if others + ours > gross:
        raise PayloadInvalid(f"{what}: its discounts exceed its price")
    return LineYen(gross - others, ours)


def tax_rate(line: wire.LineItem, what: str) -> int:
    """The line's one tax rate in basis points; no tax line is 0.

    Japan knows one consumption tax a line. Different rates on one line are refused: whether they
    add up or replace each other cannot be told, and the points would be wrong either way.
    """
    lines = needed(line.tax_lines, f"{what}.tax_lines")
    rates = {needed(tax.rate, f"{what}.tax_rate") for tax in lines}
    if len(rates) > 1:
        raise PayloadInvalid(f"{what} has several tax rates")
    return amounts.basis_points(rates.pop(), what, whole=1) if rates else 0


def returned(
    line: wire.LineItem, refunds: Sequence[wire.RefundLine], *, tax_included: bool, what: str
) -> tuple[int, int]:
    """Pieces given back so far, and their part of the line's amount.

    ``current_quantity`` leaves out what was refunded and what an edit removed; only for refunds
    does Shopify name the money, so that an edit's part is a plain share of the amount. So is a
    refund's where a code of ours paid a part, which Shopify leaves out of the refund's money.
    """
    quantity, yen = needed(line.quantity, what), line_yen(line, what)
    refunded = sum(needed(one.quantity, f"{what}.refund.quantity") for one in refunds)
    current = line.current_quantity
    gone = max(refunded, quantity - (quantity if current is None else current))
    if gone > quantity:
        raise PayloadInvalid(f"{what}: more was returned than sold")
    if gone == quantity:
        return gone, yen.amount
    back = refunded_yen(line, refunds, tax_included=tax_included, what=what)
    if yen.ours:
        return gone, yen.amount * gone // quantity
    removed = yen.amount * gone // quantity - yen.amount * refunded // quantity
    return gone, min(yen.amount, back + removed)


def refunded_yen(
    line: wire.LineItem, refunds: Sequence[wire.RefundLine], *, tax_included: bool, what: str
) -> int:
    """The money of these refunds on the line's own basis (tax included or not).

    Shopify documents no basis for a refund's subtotal where prices include tax. Both readings are
    held against the pieces' share of the line, one yen of rounding allowed for each refund; what
    fits neither is refused.
    """
    quantity, paid = needed(line.quantity, what), line_yen(line, what).paid
    pieces = sum(needed(one.quantity, f"{what}.refund.quantity") for one in refunds)

    def fits(yen: int) -> bool:
        return abs(yen * quantity - paid * pieces) <= len(refunds) * quantity

    subtotal = sum(whole_yen(one.subtotal, f"{what}.refund.subtotal") for one in refunds)
    if fits(subtotal):
        return subtotal
    tax = sum(whole_yen(one.total_tax, f"{what}.refund.tax") for one in refunds)
    if tax_included and fits(subtotal + tax):
        return subtotal + tax
    raise PayloadInvalid(f"{what}: its refunds do not agree with its price")
