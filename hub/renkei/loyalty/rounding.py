"""Dividing whole yen so that the parts always sum to the whole, and consumption tax. Pure."""

from collections.abc import Sequence
from typing import Literal


def divide(whole: int, weights: Sequence[int]) -> list[int]:
    """Parts of ``whole`` in proportion to the weights, by the largest remainder.

    Whole numbers only; equal remainders go to the earlier part. No weight at all: everything to
    the first part.
    """
    total = sum(weights)
    if not weights:
        return []
    if total == 0:
        return [whole, *[0] * (len(weights) - 1)]
    parts = [whole * weight // total for weight in weights]
    if left := whole - sum(parts):
        remainders = [whole * weight % total for weight in weights]
        order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
        for i in order[:left]:
            parts[i] += 1
    return parts


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
