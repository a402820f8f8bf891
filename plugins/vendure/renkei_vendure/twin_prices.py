"""What the twin's lines cost, as Vendure reckons it. Pure.

Amounts are in the smallest unit of money, rounded half up, the line for all its pieces at once.
Source: orders of a running Vendure 3.7.3, with and without tax in the listed prices, before and
after a discount, a cancellation and a modification (tests/plugins/vendure/payloads/README.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from renkei_contracts.stage import Item
from renkei_contracts.toolkit.shares import divide

BASIS_POINTS = 10_000


@dataclass
class TwinLine:
    """A line of an order. ``list_price`` each, with tax or without as the shop lists prices.

    ``discount`` is the line's part of discounts of the whole order, for all its pieces.
    """

    id: int
    item: Item
    list_price: int
    taxes_included: bool
    quantity: int = 0
    placed: int = 0
    discount: int = 0

    @property
    def unit_price(self) -> int:
        """One piece with tax and every discount; without them once nothing is left."""
        return rounded(self._gross(self._each()))

    @property
    def line_price(self) -> int:
        """What is left, with tax and every discount."""
        return rounded(self._gross(self._each()) * self.quantity)

    @property
    def undiscounted(self) -> int:
        """What is left, with tax and without discounts."""
        return rounded(self._gross(Fraction(self.list_price))) * self.quantity

    def _each(self) -> Fraction:
        """A discount is spread over the pieces that were ordered, also when some are gone."""
        if not self.quantity:
            return Fraction(self.list_price)
        return self.list_price - Fraction(self.discount, max(self.placed, self.quantity))

    def _gross(self, amount: Fraction) -> Fraction:
        if self.taxes_included:
            return amount
        return amount * (BASIS_POINTS + self.item.tax_rate) / BASIS_POINTS


def rounded(amount: Fraction) -> int:
    """The nearest whole number, a half upwards."""
    return (2 * amount.numerator + amount.denominator) // (2 * amount.denominator)


def spread(discount: int, lines: Sequence[TwinLine]) -> None:
    """Give each line its part of a discount, in proportion to what it costs."""
    parts = divide(discount, [line.undiscounted for line in lines])
    for line, part in zip(lines, parts, strict=True):
        line.discount = part


def listed(item: Item, unit: int, *, taxes_included: bool) -> int:
    """The price of one piece as the shop lists it."""
    gross = item.yen * unit
    if taxes_included:
        return gross
    return rounded(Fraction(gross * BASIS_POINTS, BASIS_POINTS + item.tax_rate))
