"""Vendors' money as whole yen, and rates as basis points: never rounded, never unbounded. Pure."""

from decimal import Decimal

from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.errors import PayloadInvalid

BASIS_POINTS = 10_000
"""A whole, as tax rates are counted: 1,000 are 10 %."""


def in_yen(currency: str | None, what: str) -> str:
    """The currency, which must be the yen: points are counted in it. Raises PayloadInvalid.

    To be asked before amounts are read: those of other currencies have fractions.
    """
    if currency != "JPY":
        raise PayloadInvalid(
            f"{what} is in {ascii(currency)[:10]}, and points are counted in yen: adjust by hand"
        )
    return currency


def whole_yen(amount: Decimal, what: str, *, least: int = 0) -> int:
    """Whole yen from ``least`` on; raises PayloadInvalid for a fraction or an absurd amount."""
    # Bounded first: turning Decimal("1e999999999") into an int would exhaust the memory.
    if not amount.is_finite() or not least <= amount <= MAX_AMOUNT:
        raise PayloadInvalid(f"{what} is {'too large' if least else 'negative or too large'}")
    if amount != amount.to_integral_value():
        raise PayloadInvalid(f"{what} holds a fraction of a yen")
    return int(amount)


def basis_points(rate: Decimal, what: str, *, whole: int = 100) -> int:
    """A tax rate in basis points, of a percentage, or of a part of another ``whole``.

    Raises PayloadInvalid where it is no rate, or is finer than a basis point.
    """
    if not rate.is_finite() or not 0 <= rate <= whole:
        raise PayloadInvalid(f"{what}: its tax rate lies outside 0 to 100 %")
    points = rate * (BASIS_POINTS // whole)
    if points != points.to_integral_value():
        raise PayloadInvalid(f"{what}: its tax rate is finer than 0.01 %")
    return int(points)
