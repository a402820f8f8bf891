"""What the lines of a sale are worth before points, and whether they add up to its head. Pure.

The vendor's own formula for a line (vendor forum, April 2021), without the points and without the
tax that is added: the sum after unit discounts, less bundle, staff and bargain discounts, less
the line's shares of subtotal discount and coupons.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from renkei_contracts.errors import PayloadInvalid
from renkei_smaregi import wire

NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,4})?")

TAX_INCLUDED = {"0": True, "1": False, "2": True}
"""taxDivision: 0 included, 1 to be added, 2 exempt (no tax either way)."""

EXEMPT = "2"

YEN_WITH_TAX = 100
"""From here on even 1 % of tax is a whole yen."""


def number(text: str | None, what: str) -> Decimal:
    """A number as sent; missing or empty is 0, anything else that is none is refused."""
    if not text:
        return Decimal(0)
    if not NUMBER.fullmatch(text):
        raise PayloadInvalid(f"{what} is not a number")
    return Decimal(text)


def whole(text: str | None, what: str) -> int:
    """Whole yen, points or pieces, either way; a fraction is refused, never rounded."""
    value = number(text, what)
    if value != value.to_integral_value():
        raise PayloadInvalid(f"{what} holds a fraction")
    return int(value)


def needed(text: str | None, what: str) -> str:
    """The text; raises PayloadInvalid where the vendor sent nothing."""
    if not text:
        raise PayloadInvalid(f"{what} is missing")
    return text


def positive(value: int, what: str) -> int:
    """The value; raises PayloadInvalid below 0."""
    if value < 0:
        raise PayloadInvalid(f"{what} is negative")
    return value


def line_before_head(line: wire.Detail, what: str) -> int:
    """The line less everything that is deducted from it alone."""
    # salesPrice times quantity would not do: it may or may not hold the unit discount.
    deducted = (
        whole(line.product_bundle_proportional, f"{what}.productBundleProportional")
        + whole(line.staff_discount_proportional, f"{what}.staffDiscountProportional")
        + whole(line.bargain_discount_proportional, f"{what}.bargainDiscountProportional")
    )
    total = needed(line.unit_discounted_sum, f"{what}.unitDiscountedSum")
    return whole(total, f"{what}.unitDiscountedSum") - deducted


def line_amount(line: wire.Detail, what: str) -> int:
    """What the buyer owes for the line before points, on the line's own tax basis."""
    head = whole(line.discount_price_proportional, f"{what}.discountPriceProportional")
    coupon = whole(line.discount_coupon_proportional, f"{what}.discountCouponProportional")
    if whole(line.tax_free, f"{what}.taxFree"):
        raise PayloadInvalid(f"{what}: duty-free sales are not understood yet")
    if TAX_INCLUDED.get(line.tax_division or "", True) and whole(
        line.tax_exclude_proportional, f"{what}.taxExcludeProportional"
    ):
        raise PayloadInvalid(f"{what}: tax is added to a line that is not tax-exclusive")
    return positive(line_before_head(line, what) - head - coupon, f"{what}: its amount")


def tax_rate(line: wire.Detail, sale: wire.Transaction, what: str) -> int:
    """The rate in basis points: the applied one, else the reduced, the standard, the sale's."""
    if line.tax_division == EXEMPT:
        return 0
    reduced = line.reduce_tax_rate if line.reduce_tax_id else None
    given = line.tax_rate or reduced or line.standard_tax_rate or sale.tax_rate
    points = number(needed(given, f"{what}.taxRate"), f"{what}.taxRate") * 100
    if points != points.to_integral_value() or not 0 <= points <= 10_000:
        raise PayloadInvalid(f"{what}: its tax rate is not one")
    return int(points)


def tax_included(line: wire.Detail, what: str) -> bool:
    """Whether the line's amount holds its tax; a word we do not know is refused."""
    if line.tax_division not in TAX_INCLUDED:
        raise PayloadInvalid(f"{what}.taxDivision is a word we do not know")
    return TAX_INCLUDED[line.tax_division]


def require_sums(sale: wire.Transaction, lines: Sequence[wire.Detail]) -> None:
    """Raise PayloadInvalid unless the lines explain the head and the head its total, to the yen.

    The lines' shares of points and tax are not added up: whether Smaregi splits points taken as
    payment is not documented, and no amount of ours depends on it.
    """
    if whole(sale.rounding_price, "roundingPrice"):
        raise PayloadInvalid("roundingPrice: rounded totals are not understood yet")
    subtotal = whole(needed(sale.subtotal, "subtotal"), "subtotal")
    _require("subtotal", subtotal, sum(line_before_head(line, "line") for line in lines))
    discount = whole(sale.subtotal_discount_price, "subtotalDiscountPrice")
    shares = (whole(line.discount_price_proportional, "line") for line in lines)
    _require("subtotalDiscountPrice", discount, sum(shares))
    coupon = whole(sale.coupon_discount, "couponDiscount")
    shares = (whole(line.discount_coupon_proportional, "line") for line in lines)
    _require("couponDiscount", coupon, sum(shares))
    deducted = discount + coupon + whole(sale.point_discount, "pointDiscount")
    added = sum(
        whole(text, what)
        for text, what in (
            (sale.tax_exclude, "taxExclude"),
            (sale.carriage, "carriage"),
            (sale.commission, "commission"),
        )
    )
    total = whole(needed(sale.total, "total"), "total")
    _require("total", total, subtotal - deducted + added)
    _require_added_tax(sale, lines)


def _require(name: str, told: int, expected: int) -> None:
    if told != expected:
        raise PayloadInvalid(f"{name} is {told}, its parts say {expected}")


def _require_added_tax(sale: wire.Transaction, lines: Sequence[wire.Detail]) -> None:
    """Refuse tax-exclusive lines to which no tax was added: their prices may hold it after all.

    A store can sell tax-included (sellDivision) what its products list tax-exclusive.
    """
    exclusive = sum(line_amount(line, "line") for line in lines if line.tax_division == "1")
    paid = exclusive - whole(sale.point_discount, "pointDiscount")
    if paid >= YEN_WITH_TAX and not whole(sale.tax_exclude, "taxExclude"):
        raise PayloadInvalid(f"{exclusive} yen are tax-exclusive, but no tax was added")
