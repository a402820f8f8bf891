"""Receipt numbers that count up: which there are between two of them. Pure."""

import re

NUMBER = re.compile(r"(.*?)([0-9]+)")
MOST = 10_000
"""Receipts between two settlements; more is a mistake in one of the two numbers."""


def between(first: str, last: str) -> list[str] | None:
    """Every number from ``first`` to ``last``; None where they do not count up to each other.

    What stands before the digits is the same in all of them; equally long ones keep their zeros.
    """
    one, other = NUMBER.fullmatch(first), NUMBER.fullmatch(last)
    if one is None or other is None or one[1] != other[1]:
        return None
    start, end = int(one[2]), int(other[2])
    if not 0 <= end - start < MOST:
        return None
    width = len(one[2]) if len(one[2]) == len(other[2]) else 0
    return [f"{one[1]}{number:0{width}d}" for number in range(start, end + 1)]
