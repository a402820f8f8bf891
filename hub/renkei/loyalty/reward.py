"""Rewards: what points can be exchanged for. Pure."""

from renkei.loyalty.terms import Whole
from renkei_contracts.base import Canonical, Slug, Text


class Reward(Canonical):
    """``points`` for one coupon of that name: a drink for 150 stars."""

    name: Slug
    title: Text = ""
    points: Whole
    coupon: Slug
