"""How many points a basket may use. Pure."""

from renkei.loyalty.earn import Evaluation
from renkei.loyalty.program import Program


def max_usable(basket: Evaluation, spendable: int, program: Program) -> int:
    """The most points that may be used: what is there, and never more than the goods cost."""
    gross = sum(rate.total + rate.points_discount for rate in basket.rates)
    return program.redeem.most(spendable, gross)
