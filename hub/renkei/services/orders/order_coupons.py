"""An order's coupons: those it uses, and those it brings.

A coupon that a sale used comes back when the whole sale is undone (cancelled, voided, everything
returned), with the dates it had. One that a sale brought is taken back then, unless it was used or
is set aside at a till.
"""

from collections.abc import Iterable, Mapping, Sequence

from renkei.ledger.coupons import CouponName, IssuedCoupon
from renkei.ledger.keys import OrderKey
from renkei.ledger.staged import Alert, OrderRow
from renkei.ledger.world import Needs
from renkei.loyalty.basket import kept
from renkei.loyalty.coupon import NO_TERMS, Coupon
from renkei.loyalty.evaluation import Part
from renkei.loyalty.program import Program
from renkei.loyalty.refunds import effective
from renkei.services.attempt import Attempt
from renkei.services.orders.seen_order import refunds_of
from renkei.services.points.coupons import Occasion, claim_key, issue, terms_of, till_of
from renkei_contracts.order import Order, OrderState


def coupon_needs(
    order: Order, program: Program | None, row: OrderRow | None, members: Iterable[str]
) -> Needs | None:
    """The coupons this sale used or brings, with their limits; None: it has to do with none."""
    members = tuple(members)
    kinds = [one.coupon for one in program.campaigns if one.coupon] if program else []
    used = row.document.get("coupons", ()) if row else ()
    if not kinds and not used:
        return None
    occasion = _occasion((order.ref.connection, order.ref.id))
    named = [(member, kind, occasion) for member in members for kind in kinds]
    names: frozenset[CouponName] = frozenset({*named, *used})
    program_id = program.id if program else ""
    claims = (claim_key(program_id, kind, member, occasion) for member, kind, _ in named)
    return Needs(coupons=names, claims=frozenset(claims))


def terms_used(attempt: Attempt, order: Order) -> Mapping[str, Coupon]:
    """The terms of the coupons that the order uses, as far as their codes are known."""
    if not order.coupons:
        return NO_TERMS
    known = attempt.known_coupons()
    return {code: terms_of(attempt, known[code]) for code in order.coupons if code in known}


def use_coupons(attempt: Attempt, order: Order, row: OrderRow | None, alert_id: str) -> None:
    """Use the order's coupons, and give back those it does not use any more.

    What cannot be used although it has happened is told to a person once: not where the state
    before (``row``) named it already.
    """
    known = attempt.known_coupons()
    if not known and not order.coupons:
        return
    key = (order.ref.connection, order.ref.id)
    codes = () if _undone(effective(order, refunds_of(attempt, order))) else order.coupons
    for coupon in known.values():
        if coupon.used_at == key and coupon.code not in codes:
            attempt.move_coupon(coupon.moved("given_back", sale=key))
    for code in codes:
        fault = _use(attempt, known.get(code), key, till_of(order))
        if fault and (row is None or code not in row.document.get("coupons", ())):
            message = f"coupon {code} {fault}"
            number = f"{alert_id}.{len(attempt.staged.alerts)}"
            attempt.staged.alerts.append(Alert(number, "coupon_not_used", None, key, message))


def issue_coupons(
    attempt: Attempt,
    order: Order,
    member: str | None,
    issues: Sequence[Part],
    frozen: tuple[int, Program] | None,
    seed: str,
) -> None:
    """Issue what campaigns give for this sale; take back, if unused, what it does not bring now."""
    known = attempt.known_coupons()
    if not known and not issues:
        return
    key = (order.ref.connection, order.ref.id)
    kinds = {part.campaign.coupon for part in issues if part.campaign}
    mates = attempt.group_of(member).members if member else frozenset()
    for coupon in known.values():
        stays = coupon.member in mates and coupon.kind in kinds
        if coupon.source == key and not stays and coupon.is_free(attempt.now):
            attempt.move_coupon(coupon.moved("taken_back"))
    occasion = Occasion(_occasion(key), min(order.placed_at, attempt.now), seed, key)
    for kind in sorted(kind for kind in kinds if kind):
        assert member is not None
        issue(attempt, member, kind, frozen, occasion)


def _use(attempt: Attempt, coupon: IssuedCoupon | None, key: OrderKey, holder: str) -> str | None:
    """Use it for this order; gives why not. A coupon that another till holds is kept for it."""
    if coupon is None:
        return "is not known"
    if coupon.used_at == key:
        return None
    if coupon.used_at is not None:
        return f"was used at {coupon.used_at[0]}/{coupon.used_at[1]} before"
    if coupon.is_taken_back:
        return "had been taken back"
    if coupon.holder_at(attempt.now) not in (None, holder):
        return "is set aside at another till"
    attempt.move_coupon(coupon.moved("captured", sale=key))
    return None


def _undone(order: Order) -> bool:
    """Whether nothing of the sale is left, or it was never one."""
    if order.state is OrderState.CANCELLED or order.test:
        return True
    return any(line.amount for line in order.lines) and not any(kept(one) for one in order.lines)


def _occasion(order: OrderKey) -> str:
    return f"order/{order[0]}/{order[1]}"
