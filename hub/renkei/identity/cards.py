"""Card numbers of our own: EAN-13 in the in-store range, so that any scanner reads them. Pure."""

PREFIX = "29"
"""GS1's range for use within a company (jp-retail-rules §1)."""


def card_number(serial: int) -> str:
    """Thirteen digits: prefix, ten digits of the serial, check digit."""
    if not 0 <= serial < 10**10:
        raise ValueError(f"a card's serial has ten digits, not {serial}")
    digits = f"{PREFIX}{serial:010d}"
    return digits + check_digit(digits)


def check_digit(twelve: str) -> str:
    """EAN-13: weights 1, 3, 1, 3 … from the left; what is missing to the next ten."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return str(-total % 10)
