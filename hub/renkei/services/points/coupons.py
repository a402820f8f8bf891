"""Coupons in the ledger's unit of work: issued once per occasion, by what their program says."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from renkei.identity.cards import coupon_code
from renkei.ledger.coupons import IssuedCoupon
from renkei.ledger.coupons import Occasion as CouponOccasion
from renkei.ledger.keys import ClaimKey, OrderKey
from renkei.ledger.world import Known, Needs
from renkei.loyalty.coupon import Coupon
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.rules import in_force
from renkei_contracts.order import Order
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
    claims = (claim_key(program, kind, who, at) for program in programs for who, kind, at in every)
    return Needs(coupons=every, claims=frozenset(claims))


def terms_of(attempt: Attempt, coupon: IssuedCoupon) -> Coupon:
    """What the coupon says, in the version of the program it was issued under."""
    found = attempt.program_version(coupon.program, coupon.program_version).coupon(coupon.kind)
    assert found is not None
    return found


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
    claim = claim_key(program.id, kind, member, occasion.name)
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


def claim_key(program: str, kind: str, member: str, occasion: str) -> ClaimKey:
    """What a coupon takes of its member's limit of this kind."""
    return (f"coupon/{program}/{kind}/{member}", "all", occasion)
