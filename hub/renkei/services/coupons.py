"""Coupons in the ledger's unit of work: issued once per occasion, used once, taken or given back.

A coupon that a sale used comes back when the whole sale is undone (cancelled, voided, everything
returned), with the dates it had. One that a sale brought is taken back then, unless it was used or
is set aside at a till.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from renkei.identity.cards import coupon_code
from renkei.ledger.coupons import CouponName, IssuedCoupon
from renkei.ledger.coupons import Occasion as CouponOccasion
from renkei.ledger.keys import ClaimKey, OrderKey
from renkei.ledger.staged import Alert, OrderRow
from renkei.ledger.world import Known, Needs
from renkei.loyalty.basket import kept
from renkei.loyalty.coupon import NO_TERMS, Coupon
from renkei.loyalty.evaluation import Part
from renkei.loyalty.program import Program
from renkei.loyalty.refunds import effective
from renkei.services.attempt import Attempt
from renkei.services.rules import in_force
from renkei.services.seen_order import refunds_of
from renkei_contracts.order import Order, OrderState
from renkei_contracts.point import CouponGrant, CouponGranted


@dataclass(frozen=True)
class Occasion:
    """Why a coupon is issued: once for each member and ``name``.

    ``at`` is when its life begins; ``source`` the order or exchange it comes from. ``seed`` is an
    id that nobody can guess: the code is drawn from it.
    """

    name: str
    at: datetime
    seed: str
    source: OrderKey | None = None
    points: int = 0


@dataclass(frozen=True)
class IssueCoupon:
    """A coupon for a member and occasion; the same again gives the same coupon.

    Raises UnknownMember. A kind the program does not have, or a member who has had as many as there
    are for each, is answered with no code and the reason.
    """

    ask: CouponGrant
    seed: str

    def needs(self) -> Needs:
        """The member, and the coupon if it is there."""
        named = (self.ask.member, self.ask.coupon, self.ask.occasion)
        return Needs(members=frozenset({self.ask.member}), coupons=frozenset({named}))

    def further(self, known: Known) -> Needs:
        """The limit of this kind in every program: which one is the member's shows later."""
        return grant_needs(known, [(self.ask.member, self.ask.coupon, self.ask.occasion)])

    def decide(self, attempt: Attempt) -> CouponGranted:
        """The coupon of this occasion."""
        program = attempt.books_of(self.ask.member).program
        found = in_force(attempt.world.programs, program, attempt.now)
        occasion = Occasion(self.ask.occasion, attempt.now, self.seed)
        coupon = issue(attempt, self.ask.member, self.ask.coupon, found, occasion)
        if isinstance(coupon, str):
            return CouponGranted(reason=coupon)
        return CouponGranted(code=coupon.code, reason=self.ask.occasion)


def grant_needs(known: Known, names: Iterable[CouponOccasion]) -> Needs:
    """Coupons that may be issued for these occasions, with their limits in every program."""
    every = frozenset(names)
    programs = {one.program for one in known.programs}
    claims = (_claim(program, kind, who, at) for program in programs for who, kind, at in every)
    return Needs(coupons=every, claims=frozenset(claims))


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
    claims = (_claim(program_id, kind, member, occasion) for member, kind, _ in named)
    return Needs(coupons=names, claims=frozenset(claims))


def terms_of(attempt: Attempt, coupon: IssuedCoupon) -> Coupon:
    """What the coupon says, in the version of the program it was issued under."""
    found = attempt.program_version(coupon.program, coupon.program_version).coupon(coupon.kind)
    assert found is not None
    return found


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


def issue(
    attempt: Attempt,
    member: str,
    kind: str,
    rules: tuple[int, Program] | None,
    occasion: Occasion,
) -> IssuedCoupon | str:
    """The coupon of this occasion, new or known; or why there is none."""
    mates = attempt.group_of(member).members
    named = {(mate, kind, occasion.name) for mate in mates}
    known = next((one for one in attempt.known_coupons().values() if one.named in named), None)
    if known is not None:
        if known.is_taken_back:
            known = known.moved("issued_again")
            attempt.move_coupon(known)
        return known
    terms = rules[1].coupon(kind) if rules else None
    if rules is None or terms is None:
        return f"the program has no coupon {kind}"
    version, program = rules
    claim = _claim(program.id, kind, member, occasion.name)
    if terms.per_member is not None and not attempt.claim(claim, 1, terms.per_member):
        return f"at most {terms.per_member} for each member"
    made = IssuedCoupon(
        code=coupon_code("/".join((occasion.seed, member, kind, occasion.name))),
        member=member,
        program=program.id,
        program_version=version,
        kind=kind,
        occasion=occasion.name,
        usable_from=terms.starts(occasion.at, program.clock),
        usable_until=terms.ends(occasion.at, program.clock),
        source=occasion.source,
        points=occasion.points,
    )
    attempt.issue_coupon(made)
    return made


def holder_of(connection: str, store: str, till: str) -> str:
    """How a till is named as the holder of coupons."""
    return "/".join(part.replace("/", "%2F") for part in (connection, store, till))


def till_of(order: Order) -> str:
    """The till of a sale as the holder of coupons; of an online sale its connection."""
    if order.till is None:
        return order.ref.connection
    return holder_of(order.ref.connection, order.till.store, order.till.till)


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


def _claim(program: str, kind: str, member: str, occasion: str) -> ClaimKey:
    return (f"coupon/{program}/{kind}/{member}", "all", occasion)
