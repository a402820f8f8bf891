"""What an order should have earned and redeemed: the rules that count for it, and its target."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from renkei.ledger.staged import OrderRow
from renkei.ledger.target import Target, TypedEarn
from renkei.ledger.world import Known, World
from renkei.loyalty.context import Facts
from renkei.loyalty.coupon import NO_TERMS, Coupon
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.earn import nothing as nothing_earned
from renkei.loyalty.evaluation import Evaluation, Part
from renkei.loyalty.member import Kept, member_facts
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.circumstances import in_place
from renkei.services.rules import in_force
from renkei_contracts.order import Order, OrderState


def nothing(frozen: tuple[int, Program] | None, now: datetime) -> Target:
    """The target of an order that is somebody else's now."""
    rules = frozen[1] if frozen else Program()
    return Target(0, 0, 0, now, now, None, rules.restored_until(now), reasons=("moved",))


def target_of(
    order: Order,
    evaluation: Evaluation,
    frozen: tuple[int, Program] | None,
    now: datetime,
    company: str,
) -> Target:
    """The target from the evaluation, with its dates. A vendor's clock may be ahead of ours."""
    rules = frozen[1] if frozen else Program()
    happened = min(order.placed_at, now)
    return Target(
        earned=evaluation.earned,
        confirmed=evaluation.confirmed,
        redeemed=evaluation.redeemed,
        event_at=happened,
        usable_from=rules.usable_from(happened),
        expires_at=rules.expires_at(happened),
        restored_until=rules.restored_until(now),
        slides_months=rules.slides_months,
        net_base=evaluation.base,
        yen_per_point=rules.redeem.yen_per_point,
        store=order.location or (order.till.store if order.till else None),
        company=company,
        reasons=evaluation.reasons,
        typed=_typed(evaluation.parts, rules, happened) if rules.point_types else (),
        keeps_alive=rules.expiry.is_activity(evaluation.earned, evaluation.redeemed),
    )


def _typed(parts: Iterable[Part], rules: Program, at: datetime) -> tuple[TypedEarn, ...]:
    """How many of the points are of which type, with each type's own life."""
    sums: dict[str, int] = {}
    for part in parts:
        kind = part.campaign.point_type if part.campaign else None
        if kind is not None and part.points:
            sums[kind] = sums.get(kind, 0) + part.points
    return tuple(rules.typed(kind, points, at) for kind, points in sorted(sums.items()))


def evaluation_of(
    order: Order,
    frozen: tuple[int, Program] | None,
    company: str,
    kept: Kept | None,
    world: World,
    coupons: Mapping[str, Coupon] = NO_TERMS,
) -> Evaluation:
    """What the rules that count say of it; no version in force: nothing, with that reason.

    ``coupons`` are the terms of those it uses, by code.
    """
    if frozen is None:
        reason = "no program version was in force when it was placed"
        used = 0 if order.state is OrderState.CANCELLED else order.points_used
        return nothing_earned(reason, used)
    facts = facts_for(order, frozen[1], company, kept, world, coupons)
    return evaluate_order(order, frozen[1], facts)


def facts_for(
    order: Order,
    rules: Program,
    company: str,
    kept: Kept | None,
    world: World,
    coupons: Mapping[str, Coupon] = NO_TERMS,
) -> Facts:
    """What is known of a member's sale besides the sale itself, as far as it was loaded."""
    facts = facts_of_a_member(company, kept, coupons)
    return in_place(facts, order, rules, world.places, world.products)


def facts_of_a_member(
    company: str, kept: Kept | None, coupons: Mapping[str, Coupon] = NO_TERMS
) -> Facts:
    """What is known besides the sale and its place: its member, which company sells, coupons."""
    if not kept and not coupons:
        return _facts_of_any_member(company)
    return Facts(member=member_facts(kept or {}), company=company, coupons=coupons)


@lru_cache(maxsize=64)
def _facts_of_any_member(company: str) -> Facts:
    """Of a member of whom the rules ask nothing."""
    return Facts(member=member_facts({}), company=company)


def rules_known(known: Known, program: str, order: Order, row: OrderRow | None) -> Program | None:
    """The rules that will count, as far as is known before the locks."""
    fitting = [one for one in known.programs if one.program == program]
    if row and row.program_version:
        fitting = [one for one in fitting if one.version == row.program_version]
    found = in_force(fitting, program, order.placed_at)
    return found[1] if found else None


def rules_for(
    attempt: Attempt, program: str, order: Order, row: OrderRow | None
) -> tuple[int, Program] | None:
    """The version of the first evaluation; at the first, the one in force when it was placed."""
    if row and row.program and row.program_version:
        version = row.program_version
        return version, attempt.program_version(row.program, version)
    return attempt.program_in_force(program, order.placed_at)
