"""Rounding points to whole ones, and consumption tax. Pure."""

from typing import Literal


def rounded(yen: int, per_yen: int, how: Literal["floor", "half_up", "ceil"]) -> int:
    """How many times ``per_yen`` goes into ``yen``, as a whole number."""
    if how == "half_up":
        return (2 * yen + per_yen) // (2 * per_yen)
    return (yen + (per_yen - 1 if how == "ceil" else 0)) // per_yen


def tax_within(gross: int, rate: int) -> int:
    """The tax inside a tax-included amount, floored. ``rate`` in basis points (1000 is 10 %)."""
    return gross * rate // (10_000 + rate)


def tax_upon(net: int, rate: int) -> int:
    """The tax on a tax-excluded amount, floored."""
    return net * rate // 10_000
