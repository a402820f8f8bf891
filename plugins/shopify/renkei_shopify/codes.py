"""Codes of the hub's on an order: a hold's, or its name, and a coupon's digits. Pure."""

import re
from collections.abc import Iterable

HOLD = re.compile(r"hld[-_][a-z0-9_-]{1,60}")
COUPON = re.compile(r"[0-9]{18}")

HOLD_ATTRIBUTE = "hub_hold_id"
"""The cart property by which our extension of Shopify POS names the hold that it has placed."""

POINTS_TITLE = "ポイント利用"
"""How the title of the discount begins that the extension gives for it."""


def of_ours(code: str) -> str:
    """The code as the hub knows it; empty where it is none of ours.

    Shopify takes codes in upper and lower case alike, and tells what the shopper typed.
    """
    written = code.lower()
    return written if HOLD.fullmatch(written) or COUPON.fullmatch(written) else ""


def held(attributes: Iterable[tuple[str, str]]) -> str:
    """The hold that a cart property names, or nothing."""
    named = (value for key, value in attributes if key == HOLD_ATTRIBUTE)
    found = next(named, "")
    return found if HOLD.fullmatch(found) else ""
