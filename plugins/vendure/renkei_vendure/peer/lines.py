"""Lines of an order as the Admin API shows them. Pure."""

from __future__ import annotations

from typing import Any

from renkei_vendure.peer.graphql import ShopError


def find_line(order: dict[str, Any], line: str) -> dict[str, Any]:
    """The line with this id, or with goods of this code."""
    for candidate in order["lines"]:
        if line in (candidate["id"], candidate["productVariant"]["sku"]):
            found: dict[str, Any] = candidate
            return found
    raise ShopError(f"order {order['code']} has no line {line}")


def line_id(order: dict[str, Any], line: str) -> str:
    """Its id."""
    return str(find_line(order, line)["id"])


def prorated_unit_price(order: dict[str, Any], line: str) -> int:
    """What one piece cost with every discount, in the smallest unit."""
    return int(find_line(order, line)["proratedUnitPriceWithTax"])
