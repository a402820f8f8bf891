"""Coupons at a till: may it be used here and now, set it aside, give it back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei.ledger.books import Channel
from renkei.ledger.coupons import IssuedCoupon
from renkei.ledger.keys import OrderKey
from renkei.ledger.world import Needs
from renkei.loyalty.coupon import Coupon, TakenOff
from renkei.services.attempt import Attempt
from renkei.services.points.coupons import terms_of, till_of
from renkei.services.refusals import refused
from renkei_contracts.order import Order
from renkei_contracts.till import (
    CouponHoldAnswer,
    CouponHoldRequest,
    CouponReleaseRequest,
    MemberCoupon,
)

IN_WORDS = {
    "coupon_used": "使用済みか取り消されています",
    "coupon_held": "別のレジでお会計中です",
    "coupon_not_usable": "このお店では使えないか、期間外です",
}
"""Why a coupon cannot be used, as a cashier reads it."""


@dataclass(frozen=True)
class HoldCoupon:
    """Set a coupon aside for a till; again by the same till prolongs it."""

    ask: CouponHoldRequest
    channel: Channel
    holder: str

    def needs(self) -> Needs:
        """The member and the coupon."""
        return Needs(
            connections=frozenset({self.channel.connection}),
            members=frozenset({self.ask.member}),
            coupons=frozenset({self.ask.code}),
        )

    def decide(self, attempt: Attempt) -> CouponHoldAnswer:
        """Refused unless this till may use it now."""
        if not attempt.knows(self.ask.member):
            raise refused("member_not_found", self.ask.member)
        coupon = own_coupon(attempt, self.ask.code, self.ask.member)
        terms = terms_of(attempt, coupon)
        why_not = bar(coupon, terms, self.channel, self.holder, attempt.now)
        if why_not is not None:
            raise refused(why_not, self.ask.code)
        lapses_at = attempt.now + timedelta(seconds=self.ask.ttl_seconds)
        held = coupon.last.lapses_at if coupon.holder_at(attempt.now) and coupon.last else None
        if held is None or lapses_at > held:
            attempt.move_coupon(coupon.moved("held", self.holder, lapses_at))
        return _answer(coupon, terms, max(lapses_at, held or lapses_at))


@dataclass(frozen=True)
class ReleaseCoupon:
    """Give back a coupon that a till has set aside; one that is not changes nothing."""

    ask: CouponReleaseRequest
    holder: str

    def needs(self) -> Needs:
        """The coupon."""
        return Needs(coupons=frozenset({self.ask.code}))

    def decide(self, attempt: Attempt) -> CouponHoldAnswer:
        """A coupon of nobody is not found; one that another till holds stays with it."""
        coupon = attempt.known_coupons().get(self.ask.code)
        if coupon is None:
            raise refused("coupon_not_found", self.ask.code)
        if coupon.holder_at(attempt.now) not in (None, self.holder):
            raise refused("coupon_held", self.ask.code)
        if coupon.holder_at(attempt.now) is not None:
            attempt.move_coupon(coupon.moved("released"))
        return _answer(coupon, terms_of(attempt, coupon), None)


def own_coupon(attempt: Attempt, code: str, member: str) -> IssuedCoupon:
    """The member's coupon of this code; refused if it is nobody's, or another's."""
    coupon = attempt.known_coupons().get(code)
    if coupon is None:
        raise refused("coupon_not_found", code)
    if coupon.member not in attempt.group_of(member).members:
        raise refused("coupon_of_other_member", code)
    return coupon


def bar(
    coupon: IssuedCoupon, terms: Coupon, channel: Channel, holder: str, now: datetime
) -> str | None:
    """The code of the refusal that keeps this till from using it now; None: it may.

    What it has set aside it may use, even if its time is over meanwhile.
    """
    if coupon.used_at is not None or coupon.is_taken_back:
        return "coupon_used"
    held_by = coupon.holder_at(now)
    if held_by is not None:
        return None if held_by == holder else "coupon_held"
    over = coupon.usable_until is not None and coupon.usable_until <= now
    if now < coupon.usable_from or over or not terms.counts_at(channel):
        return "coupon_not_usable"
    return None


def require_usable(
    attempt: Attempt, codes: Iterable[str], member: str | None, channel: Channel, order: Order
) -> None:
    """Refuse unless this sale may use all of these coupons; what it has used already it may."""
    sale = (order.ref.connection, order.ref.id)
    kinds = []
    for code in codes:
        if member is None:
            raise refused("coupon_without_member", code)
        if not attempt.knows(member):
            raise refused("member_not_found", member)
        coupon = own_coupon(attempt, code, member)
        terms = terms_of(attempt, coupon)
        kinds.append(terms)
        why_not = bar(coupon, terms, channel, till_of(order), attempt.now)
        if why_not is not None and coupon.used_at != sale:
            raise refused(why_not, code)
    if not are_combinable(kinds):
        raise refused("coupons_not_combinable")


def require_worth(off: Iterable[TakenOff]) -> None:
    """Refuse a coupon that takes nothing off this sale: it would be used up for nothing."""
    for one in off:
        if one.why_not:
            raise refused("coupon_not_usable", one.code)


def brought_by(attempt: Attempt, order: OrderKey) -> tuple[MemberCoupon, ...]:
    """The coupons that this sale has brought, for its receipt."""
    known = attempt.known_coupons().values()
    brought = (one for one in known if one.source == order and not one.is_taken_back)
    return tuple(shown(one, terms_of(attempt, one)) for one in brought)


def are_combinable(kinds: list[Coupon]) -> bool:
    """Whether one sale may use all of them."""
    return len(kinds) < 2 or all(one.combinable for one in kinds)


def shown(coupon: IssuedCoupon, terms: Coupon, why_not: str | None = None) -> MemberCoupon:
    """The coupon as a register shows it."""
    return MemberCoupon(
        code=coupon.code,
        name=coupon.kind,
        title=terms.called,
        benefit=terms.benefit,
        usable_from=coupon.usable_from,
        usable_until=coupon.usable_until,
        usable=why_not is None,
        why_not=IN_WORDS[why_not] if why_not else "",
    )


def _answer(coupon: IssuedCoupon, terms: Coupon, lapses_at: datetime | None) -> CouponHoldAnswer:
    return CouponHoldAnswer(
        code=coupon.code,
        name=coupon.kind,
        title=terms.called,
        benefit=terms.benefit,
        lapses_at=lapses_at,
    )
