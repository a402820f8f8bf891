"""What a line of an order is worth, what of it was given back, and how it is taxed. Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import PayloadInvalid
from renkei_shopify import wire

V = TypeVar("V")

BASIS_POINTS = 10_000


def needed(value: V | None, what: str) -> V:
    """The value; raises PayloadInvalid where the vendor sent null."""
    if value is None:
        raise PayloadInvalid(f"{what} is missing")
    return value


def whole_yen(amount: Decimal | None, what: str) -> int:
    """Whole yen; a fraction, a negative or an absurd amount is refused, never rounded."""
    value = needed(amount, what)
    # Bounded first: turning Decimal("1e999999999") into an int would exhaust the memory.
    if not 0 <= value <= MAX_AMOUNT:
        raise PayloadInvalid(f"{what} is negative or too large")
    if value != value.to_integral_value():
        raise PayloadInvalid(f"{what} holds a fraction of a yen")
    return int(value)


def line_amount(line: wire.LineItem, what: str) -> int:
    """Price times pieces less every discount; tax is in it where the order says so."""
    gross = whole_yen(line.price, f"{what}.price") * needed(line.quantity, f"{what}.quantity")
    allocations = needed(line.discount_allocations, f"{what}.discount_allocations")
    discount = sum(whole_yen(one.amount, f"{what}.discount") for one in allocations)
    if discount > gross:
        raise PayloadInvalid(f"{what}: its discounts exceed its price")
    return gross - discount


def tax_rate(line: wire.LineItem, what: str) -> int:
    """The line's one tax rate in basis points; no tax line is 0.

    Japan knows one consumption tax a line. Different rates on one line are refused: whether they
    add up or replace each other cannot be told, and the points would be wrong either way.
    """
    lines = needed(line.tax_lines, f"{what}.tax_lines")
    rates = {needed(tax.rate, f"{what}.tax_rate") for tax in lines}
    if len(rates) > 1:
        raise PayloadInvalid(f"{what} has several tax rates")
    return _basis_points(rates.pop(), what) if rates else 0


def _basis_points(rate: Decimal, what: str) -> int:
    if not 0 <= rate <= 1:
        raise PayloadInvalid(f"{what}: its tax rate lies outside 0 to 100 %")
    points = rate * BASIS_POINTS
    if points != points.to_integral_value():
        raise PayloadInvalid(f"{what}: its tax rate is finer than 0.01 %")
    return int(points)


def returned(
    line: wire.LineItem, refunds: Sequence[wire.RefundLine], *, tax_included: bool, what: str
) -> tuple[int, int]:
    """Pieces given back so far, and their part of the line's amount.

    ``current_quantity`` leaves out what was refunded and what an edit removed; only for refunds
    does Shopify name the money, so that an edit's part is a plain share of the amount.
    """
    quantity, amount = needed(line.quantity, what), line_amount(line, what)
    refunded = sum(needed(one.quantity, f"{what}.refund.quantity") for one in refunds)
    current = line.current_quantity
    gone = max(refunded, quantity - (quantity if current is None else current))
    if gone > quantity:
        raise PayloadInvalid(f"{what}: more was returned than sold")
    if gone == quantity:
        return gone, amount
    refunded_yen = _refunded_yen(refunds, amount, refunded, quantity, tax_included, what)
    removed_yen = amount * gone // quantity - amount * refunded // quantity
    return gone, min(amount, refunded_yen + removed_yen)


def _refunded_yen(
    refunds: Sequence[wire.RefundLine],
    amount: int,
    pieces: int,
    quantity: int,
    tax_included: bool,
    what: str,
) -> int:
    """The money of the refunds on the line's own basis (tax included or not).

    Shopify documents no basis for a refund's subtotal where prices include tax. Both readings are
    held against the pieces' share of the line, one yen of rounding allowed for each refund; what
    fits neither is refused.
    """

    def fits(yen: int) -> bool:
        return abs(yen * quantity - amount * pieces) <= len(refunds) * quantity

    subtotal = sum(whole_yen(one.subtotal, f"{what}.refund.subtotal") for one in refunds)
    if fits(subtotal):
        return subtotal
    tax = sum(whole_yen(one.total_tax, f"{what}.refund.tax") for one in refunds)
    if tax_included and fits(subtotal + tax):
        return subtotal + tax
    raise PayloadInvalid(f"{what}: its refunds do not agree with its price")
