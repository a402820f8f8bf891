"""How many points a basket may use. Pure."""

from collections.abc import Mapping, Sequence

from renkei.loyalty.basket import NO_COUPONS, gross_of
from renkei.loyalty.program import Program
from renkei_contracts.order import LineItem


def max_usable(
    lines: Sequence[LineItem],
    spendable: int,
    program: Program,
    coupons: Mapping[int, int] = NO_COUPONS,
) -> int:
    """The most points that may be used: what is there, within the program's limits.

    ``coupons`` is what coupons took off each tax rate.
    """
    return program.redeem.most(spendable, gross_of(lines, coupons))
