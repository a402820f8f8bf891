"""Numbers of our own that scanners read, in the in-store range: cards (EAN-13), coupons. Pure."""

from hashlib import sha256

PREFIX = "29"
"""GS1's range for use within a company (jp-retail-rules §1)."""

COUPON_PREFIX = "28"
"""Another one, so that a scanned coupon is never taken for a card."""


def card_number(serial: int) -> str:
    """Thirteen digits: prefix, ten digits of the serial, check digit."""
    if not 0 <= serial < 10**10:
        raise ValueError(f"a card's serial has ten digits, not {serial}")
    digits = f"{PREFIX}{serial:010d}"
    return digits + check_digit(digits)


def is_card(number: str) -> bool:
    """Whether a number can be a card's: 8 to 20 digits; one of an EAN's length must check."""
    if not (number.isascii() and number.isdigit() and 8 <= len(number) <= 20):
        return False
    return len(number) != 13 or check_digit(number[:-1]) == number[-1]


def check_digit(digits: str) -> str:
    """GS1: weights 3, 1, 3, 1 … from the right; what is missing to the next ten."""
    total = sum(int(one) * (1 if place % 2 else 3) for place, one in enumerate(reversed(digits)))
    return str(-total % 10)


def coupon_code(seed: str) -> str:
    """Eighteen digits: prefix, fifteen drawn from the seed, check digit; fit for Code 128 or QR.

    As hard to guess as the seed. Long enough that two never meet.
    """
    drawn = int.from_bytes(sha256(seed.encode()).digest()) % 10**15
    digits = f"{COUPON_PREFIX}{drawn:015d}"
    return digits + check_digit(digits)
