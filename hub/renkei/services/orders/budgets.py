"""Campaigns with limits: what an order may claim from their quotas, and what it gets."""

from collections.abc import Iterable
from typing import Protocol

from renkei.ledger.keys import ClaimKey, OrderKey
from renkei.loyalty.campaign import Campaign
from renkei.loyalty.evaluation import Evaluation, Part
from renkei.loyalty.program import Program
from renkei_contracts.order import Order


def claims_for(order: Order, program: Program, member: str | None) -> set[ClaimKey]:
    """The claims this order may make: of every limited campaign that runs when it was placed."""
    running = (one for one in program.campaigns if one.is_limited and one.runs_at(order.placed_at))
    return {key for one in running for key, _ in _limits(one, program, order, member)}


class Claims(Protocol):
    """Who keeps quotas: an attempt for the books, or a back-test for itself."""

    def claim(self, key: ClaimKey, wanted: int, limit: int | None = None) -> int:
        """Claim up to ``wanted`` in all; gives what the claimant may use."""


def bounded(
    claims: Claims, evaluation: Evaluation, order: Order, program: Program, member: str
) -> Evaluation:
    """The evaluation with every limited part cut down to what its quotas give."""
    if not any(part.campaign and part.campaign.is_limited for part in evaluation.parts):
        return evaluation
    parts = tuple(_bounded(claims, part, order, program, member) for part in evaluation.parts)
    earned = sum(part.points for part in parts)
    ready = earned if evaluation.confirmed == evaluation.earned else 0
    return evaluation._replace(parts=parts, earned=earned, confirmed=ready)


def _bounded(claims: Claims, part: Part, order: Order, program: Program, member: str) -> Part:
    """The member's own limit first, so that a budget is not claimed for what it would not give."""
    if part.campaign is None or not part.campaign.is_limited:
        return part
    if part.campaign.coupon is not None:
        return _one_coupon(claims, part, part.campaign, program, order, member)
    points = part.points
    for key, limit in _limits(part.campaign, program, order, member):
        points = claims.claim(key, points, limit)
    if points == part.points:
        return part
    return part._replace(points=points, why=f"{part.why}, of {part.points} its limits leave")


def _one_coupon(
    claims: Claims,
    part: Part,
    campaign: Campaign,
    program: Program,
    order: Order,
    member: str,
) -> Part:
    """The part if its limits leave one coupon; otherwise one that gives nothing."""
    for key, limit in _limits(campaign, program, order, member):
        if not claims.claim(key, 1, limit):
            return part._replace(campaign=None, why=f"{part.why}, its limits leave none")
    return part


def _limits(
    campaign: Campaign, program: Program, order: Order, member: str | None
) -> Iterable[tuple[ClaimKey, int]]:
    scope = f"campaign/{program.id}/{campaign.name}"
    claimant = _claimant((order.ref.connection, order.ref.id))
    if campaign.per_member is not None and member is not None:
        period = {
            "day": program.day_of(order.placed_at),
            "month": program.period_of(order.placed_at),
            "year": program.year_of(order.placed_at),
            "campaign": "all",
        }[campaign.member_period]
        yield (f"{scope}/{member}", period, claimant), campaign.per_member
    if campaign.budget is not None:
        yield (scope, "all", claimant), campaign.budget


def _claimant(order: OrderKey) -> str:
    return f"{order[0]}/{order[1]}"
