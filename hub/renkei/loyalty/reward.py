"""Rewards: what points can be exchanged for. Pure."""

from renkei.loyalty.named import Named
from renkei.loyalty.terms import Whole
from renkei_contracts.base import Slug


class Reward(Named):
    """``points`` for one coupon of that name: a drink for 150 stars."""

    points: Whole
    coupon: Slug
