"""What the demo's points must be, worked out apart from the hub, whose rules are not asked.

The default program: 1 point per full ¥100 of what is paid in money, without consumption tax. Tax
is taken out once per rate, rounded down; points are rounded down once per sale.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from renkei_contracts.stage import Item

YEN_PER_POINT = 100
BASIS = 10_000


def points_for(items: Sequence[Item], points_used: int = 0) -> int:
    """What a sale of these items earns when ``points_used`` yen of it are paid in points."""
    paid: dict[int, int] = defaultdict(int)
    for item in items:
        paid[item.tax_rate] += item.quantity * item.yen
    if points_used and len(paid) > 1:
        raise ValueError("the demo pays with points only where one tax rate applies")
    untaxed = 0
    for rate, yen in paid.items():
        untaxed += yen - points_used - (yen - points_used) * rate // (BASIS + rate)
    return untaxed // YEN_PER_POINT


def kept(items: Sequence[Item], returned: Item) -> list[Item]:
    """What is left of the items when one piece of ``returned`` has gone back."""
    left = [
        replace(item, quantity=item.quantity - 1) if item.sku == returned.sku else item
        for item in items
    ]
    return [item for item in left if item.quantity]
