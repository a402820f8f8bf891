"""Product codes made comparable: one product is one product in every channel. Pure."""

import re
from functools import lru_cache

from renkei_contracts.order import LineItem
from renkei_contracts.toolkit.japanese import fold

GTIN = re.compile(r"\d{8}|\d{12,14}")


@lru_cache(maxsize=4_096)
def jan(text: str) -> str:
    """The JAN a text says, 13 or 8 digits; empty where it is none or its check digit is wrong.

    Full-width digits and hyphens are read; a UPC of 12 digits gets its zero, a GTIN of 14 that
    begins with one loses it (source: jp-retail-rules §1).
    """
    digits = re.sub(r"[\s-]", "", fold(text))
    if not GTIN.fullmatch(digits) or not digits.isascii() or not _checks(digits):
        return ""
    thirteen = digits.removeprefix("0") if len(digits) == 14 else digits.zfill(13)
    return digits if len(digits) == 8 else thirteen if len(thirteen) == 13 else ""


def _checks(digits: str) -> bool:
    """GS1's check digit: weights 3, 1, 3 … from the right of all but the last."""
    weighed = sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(reversed(digits)))
    return weighed % 10 == 0


def codes_of(line: LineItem) -> list[str]:
    """What the line's product may be known by: its JAN first."""
    return [code for code in (jan(line.jan), fold(line.sku)) if code]
