"""How many points a basket may use. Pure."""

from collections.abc import Iterable

from renkei.loyalty.basket import gross_of
from renkei.loyalty.program import Program
from renkei_contracts.order import LineItem


def max_usable(lines: Iterable[LineItem], spendable: int, program: Program) -> int:
    """The most points that may be used: what is there, within the program's limits."""
    return program.redeem.most(spendable, gross_of(lines))
