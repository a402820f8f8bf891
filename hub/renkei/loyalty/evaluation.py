"""What an evaluation is made of: parts, what was refused, and the work on them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from renkei.loyalty.basket import Basket, RateSum
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.condition import Names
from renkei.loyalty.context import Facts, line_values, order_values
from renkei.loyalty.coupon import TakenOff
from renkei.loyalty.program import Program
from renkei.loyalty.terms import Earn
from renkei_contracts.order import LineItem, Order, OrderState

OWN = "earn"
"""What the program's own rate is called among the rules."""


class Part(NamedTuple):
    """Points given by one rule: the program's own, another rate, or a campaign."""

    rule: str
    points: int
    why: str
    campaign: Campaign | None = None


class Refused(NamedTuple):
    """A rule that gave nothing, and why; ``fault`` where it could not be decided.

    ``called``: what people call it; empty: as the rule.
    """

    rule: str
    why: str
    fault: bool = False
    called: str = ""


class Evaluation(NamedTuple):
    """The result with its reasons. Points are whole; ``base`` is yen the points were counted on.

    ``earned`` is the sum of the parts, before any quota bounds them. ``coupons`` is what each
    coupon took off what was sold.
    """

    earned: int
    confirmed: int
    redeemed: int
    base: int
    rates: tuple[RateSum, ...]
    parts: tuple[Part, ...]
    refused: tuple[Refused, ...]
    coupons: tuple[TakenOff, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every point and coupon given, every yen taken off and every rule refused, in words."""
        given = (
            part.why if _is_issue(part) else f"{part.why}: {part.points}" for part in self.parts
        )
        off = (f"coupon {one.coupon.called}: ¥{one.yen:,} off" for one in self.coupons if one.yen)
        return (*given, *off, *(f"{one.called or one.rule}: {one.why}" for one in self.refused))

    @property
    def issues(self) -> tuple[Part, ...]:
        """The parts that give a coupon and no points."""
        return tuple(part for part in self.parts if _is_issue(part))


@dataclass(frozen=True)
class Work:
    """One evaluation under way."""

    order: Order
    program: Program
    facts: Facts
    basket: Basket

    @cached_property
    def values(self) -> dict[str, Any]:
        """What conditions may speak of; a program without conditions never asks."""
        total = sum(rate.total + rate.points_discount for rate in self.basket.rates)
        return order_values(self.order, self.facts, self.program.clock, total)

    @cached_property
    def names(self) -> Any:
        """What conditions over the order speak of, made once for all of them."""
        return Names("order", self.values).activation()

    @cached_property
    def line_names(self) -> Sequence[Any]:
        """What conditions over each earning line speak of, made once for all of them."""
        return [
            Names("line", self._values_of(one.line)).activation() for one in self.basket.earning
        ]

    def _values_of(self, line: LineItem) -> Mapping[str, Any]:
        return self.values | line_values(line, self.facts)


def _is_issue(part: Part) -> bool:
    return part.campaign is not None and part.campaign.coupon is not None


def confirmed(order: Order, earn: Earn) -> bool:
    """Whether the condition is met on which points stop being pending."""
    reached = {
        "placed": (OrderState.PLACED, OrderState.PAID, OrderState.FULFILLED),
        "paid": (OrderState.PAID, OrderState.FULFILLED),
        "fulfilled": (OrderState.FULFILLED,),
    }
    return order.state in reached[earn.confirmed]
