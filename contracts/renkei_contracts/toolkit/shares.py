"""Dividing whole numbers so that nothing is lost. Pure."""

from collections.abc import Sequence


def divide(whole: int, weights: Sequence[int]) -> list[int]:
    """Parts of ``whole`` in proportion to the weights, by the largest remainder.

    Whole numbers only; equal remainders go to the earlier part. No weight at all: everything to
    the first part.
    """
    if len(weights) <= 1 or whole == 0:
        return [whole] * len(weights)
    total = sum(weights)
    if total == 0:
        return [whole, *[0] * (len(weights) - 1)]
    parts = [whole * weight // total for weight in weights]
    if left := whole - sum(parts):
        remainders = [whole * weight % total for weight in weights]
        order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
        for i in order[:left]:
            parts[i] += 1
    return parts
