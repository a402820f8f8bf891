"""What the lines of a sale are worth in yen, and how a discount divides over them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit import amounts
from renkei_contracts.toolkit.shares import divide
from renkei_tryton import wire


@dataclass(frozen=True)
class Priced:
    """A line with its amount in yen, tax included (negative: taken back or taken off)."""

    line: wire.Line
    yen: int
    tax_rate: int


def whole_yen(amount: Decimal, what: str) -> int:
    """Whole yen of either sign; raises PayloadInvalid."""
    return amounts.whole_yen(amount, what, least=-MAX_AMOUNT)


def priced(line: wire.Line, *, tax_included: bool) -> Priced:
    """The line's worth with tax.

    Tryton rounds ``amount`` once per line. On a till that shows prices without tax it is the net
    amount, so that the price with tax is taken there, which Tryton keeps beside.
    """
    what = f"line {line.id}"
    gross = line.amount if tax_included else line.unit_gross_price * line.quantity
    return Priced(line, whole_yen(gross, f"{what}: its amount"), line_tax_rate(line, what))


def line_tax_rate(line: wire.Line, what: str) -> int:
    """The line's tax rate in basis points.

    Tryton keeps no rate on the line, only the price with and without tax. The product's rate is
    today's: where it no longer leads from one price to the other (within a yen), it is refused.
    """
    if line.product.category is None:
        raise PayloadInvalid(f"{what}: its product has no accounting category, and so no tax")
    rate = tax_rate(line.product.category.taxes, what)
    gross = line.unit_list_price * (amounts.BASIS_POINTS + rate) / amounts.BASIS_POINTS
    if not abs(gross - line.unit_gross_price) <= 1:
        raise PayloadInvalid(f"{what}: its product's tax is not what it was when it was sold")
    return rate


def tax_rate(taxes: Sequence[wire.Tax], what: str) -> int:
    """The one rate of these taxes in basis points; no tax is 0."""
    if len(taxes) > 1:
        raise PayloadInvalid(f"{what} has several taxes")
    rate = taxes[0].rate if taxes else Decimal(0)
    if rate is None:
        raise PayloadInvalid(f"{what}: its tax is no percentage")
    return amounts.basis_points(rate, what, whole=1)


def discounted(goods: Sequence[Priced], discount: Priced) -> list[Priced]:
    """The goods less a discount line, to the yen.

    It comes off the goods of its own tax rate, as Tryton books it; off all where those are worth
    less.
    """
    off = -discount.yen
    same = [one if one.tax_rate == discount.tax_rate else replace(one, yen=0) for one in goods]
    carriers = same if sum(one.yen for one in same) >= off else goods
    if off > sum(one.yen for one in carriers):
        raise PayloadInvalid(f"line {discount.line.id}: the discount exceeds the goods")
    shares = divide(off, [one.yen for one in carriers])
    return [replace(one, yen=one.yen - part) for one, part in zip(goods, shares, strict=True)]
