"""Rewards: points become a coupon in one unit of work, and come back for one that is unused."""

from dataclasses import dataclass

from renkei.errors import BookingRefused
from renkei.ledger.books import Channel
from renkei.ledger.coupons import IssuedCoupon
from renkei.ledger.entry import Cause, digest_of
from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.keys import OrderKey, RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.settlement import settle
from renkei.ledger.target import OrderName, Target, homes_of
from renkei.ledger.world import Known, Needs
from renkei.loyalty.program import Program
from renkei.loyalty.reward import Reward
from renkei.services.attempt import Attempt
from renkei.services.points.coupons import Occasion, grant_needs, issue
from renkei.services.points.hold import book_lapses
from renkei.services.rules import rules_of
from renkei_contracts.point import RewardAnswer, RewardExchange

EXCHANGE = "reward/"
"""What the ledger's names of exchanges begin with, beside those of the channel's orders."""


@dataclass(frozen=True)
class ExchangeReward:
    """Points for a reward's coupon, once per key: the same again gives the first answer.

    Points are taken as ``channel`` may spend them. Raises UnknownMember, KeyReused, and
    BookingRefused for a reward the program does not have, too few points, or a coupon of which the
    member has had all there are, or which could never be used.
    """

    ask: RewardExchange
    seed: str
    channel: Channel | None = None

    @property
    def request(self) -> RequestKey:
        """The caller's key."""
        return (f"reward/{self.ask.source}", self.ask.key)

    @property
    def order(self) -> OrderKey:
        """The name under which the ledger keeps what it used, as it does for a sale."""
        return (self.ask.source, f"{EXCHANGE}{self.ask.key}")

    def needs(self) -> Needs:
        """The member, the key, and what the exchange has used if it was made."""
        return Needs(
            members=frozenset({self.ask.member}),
            requests=frozenset({self.request}),
            orders=frozenset({self.order}),
        )

    def further(self, known: Known) -> Needs:
        """The limits of the coupons this reward gives, whatever version counts."""
        every = (rules_of(version) for version in known.programs)
        kinds = {reward.coupon for rules in every for reward in _named(rules, self.ask)}
        return grant_needs(known, ((self.ask.member, kind, self._occasion) for kind in kinds))

    @property
    def _occasion(self) -> str:
        return "/".join(self.order)

    def decide(self, attempt: Attempt) -> RewardAnswer:
        """The first answer again, or the exchange."""
        digest = digest_of(self.ask.model_dump(mode="json"))
        first = attempt.first_answer(self.request, digest, RewardAnswer)
        if first is not None:
            return first
        rules = attempt.program_in_force(attempt.books_of(self.ask.member).program, attempt.now)
        reward = next(iter(_named(rules[1], self.ask)), None) if rules else None
        if rules is None or reward is None:
            raise BookingRefused(
                "unknown_reward", f"the program has no reward {self.ask.reward}; see its document"
            )
        book_lapses(attempt, self.ask.member)
        self._require_covered(attempt, reward)
        coupon = self._coupon(attempt, reward, rules)
        target = _target(attempt, rules[1], reward.points, f"{reward.name}: {coupon.code}")
        _book(attempt, coupon, self.ask.key, target, rules[0], self.channel)
        answer = _answer(attempt, coupon, reward.points, self.channel)
        attempt.remember(self.request, digest, answer)
        return answer

    def _require_covered(self, attempt: Attempt, reward: Reward) -> None:
        group = attempt.group_of(self.ask.member)
        there = spendable(group.lots, group.debt, attempt.now, self.channel)
        if there < reward.points:
            raise BookingRefused(
                "insufficient_points",
                f"{reward.name} takes {reward.points} points, {self.ask.member} can use {there}",
            )

    def _coupon(self, attempt: Attempt, reward: Reward, rules: tuple[int, Program]) -> IssuedCoupon:
        occasion = Occasion(self._occasion, attempt.now, self.seed, self.order, reward.points)
        coupon = issue(attempt, self.ask.member, reward.coupon, rules, occasion)
        if isinstance(coupon, str):
            raise BookingRefused("no_more_coupons", f"reward {reward.name}: {coupon}")
        first = max(attempt.now, coupon.usable_from)
        if coupon.usable_until is not None and coupon.usable_until <= first:
            why = f"reward {reward.name}: coupon {reward.coupon} would be over already"
            raise BookingRefused("no_more_coupons", why)
        return coupon


@dataclass(frozen=True)
class ReturnReward:
    """The points of an exchange come back, and its coupon is taken back, if that is unused.

    ``coupon`` is as it was issued: what it was exchanged for, and by which request. The answer says
    what ``channel`` may spend then. Again changes nothing. Raises BookingRefused for a coupon that
    was used, is set aside, or cost no points.
    """

    coupon: IssuedCoupon
    channel: Channel | None = None

    def needs(self) -> Needs:
        """The coupon, its member, and what its exchange used."""
        source = self.coupon.source
        return Needs(
            members=frozenset({self.coupon.member}),
            coupons=frozenset({self.coupon.code}),
            orders=frozenset({source} if source else ()),
        )

    def decide(self, attempt: Attempt) -> RewardAnswer:
        """Take the coupon back and give the points to the lots they came from."""
        coupon = attempt.known_coupons()[self.coupon.code]
        if not coupon.points or coupon.source is None:
            raise BookingRefused(
                "no_exchange", f"coupon {coupon.code} was not exchanged for points"
            )
        if not coupon.is_taken_back:
            self._give_back(attempt, coupon)
        return _answer(attempt, coupon, 0, self.channel)

    def _give_back(self, attempt: Attempt, coupon: IssuedCoupon) -> None:
        if not coupon.is_free(attempt.now):
            raise BookingRefused(
                "coupon_in_use", f"coupon {coupon.code} is used or set aside at a till"
            )
        book_lapses(attempt, coupon.member)
        attempt.move_coupon(coupon.moved("taken_back"))
        rules = attempt.program_version(coupon.program, coupon.program_version)
        target = _target(attempt, rules, 0, f"coupon {coupon.code} came back unused")
        assert coupon.source is not None
        key = coupon.source[1].removeprefix(EXCHANGE)
        _book(attempt, coupon, key, target, coupon.program_version, None)


def _named(rules: Program, ask: RewardExchange) -> list[Reward]:
    return [reward for reward in rules.rewards if reward.name == ask.reward]


def _target(attempt: Attempt, rules: Program, points: int, why: str) -> Target:
    """What the exchange should have used, as if it were a sale that earns nothing."""
    return Target(
        earned=0,
        confirmed=0,
        redeemed=points,
        event_at=attempt.now,
        usable_from=attempt.now,
        expires_at=None,
        restored_until=rules.restored_until(attempt.now),
        keeps_alive=rules.expiry.is_activity(0, points),
        yen_per_point=rules.redeem.yen_per_point,
        reasons=(why,),
    )


def _book(
    attempt: Attempt,
    coupon: IssuedCoupon,
    key: str,
    target: Target,
    version: int,
    channel: Channel | None,
) -> None:
    assert coupon.source is not None
    order, member = coupon.source, coupon.member
    before = attempt.settled_of(member, order)
    if target.keeps_alive:
        attempt.was_active(member, attempt.now)
    draft = attempt.draft(member, attempt.now, channel, homes_of(before))
    work = settle(draft, before, OrderName(*order), target, attempt.now, ())
    cause = Cause(
        "reward",
        key,
        program_version=version,
        order=order,
        reasons=target.reasons,
        facts={"coupon": coupon.code},
    )
    attempt.enter(draft, cause)
    attempt.staged.settled[member, order] = work.settled


def _answer(
    attempt: Attempt, coupon: IssuedCoupon, points: int, channel: Channel | None
) -> RewardAnswer:
    group = as_if_lapsed(attempt.group_of(coupon.member), attempt.now)
    return RewardAnswer(
        coupon=coupon.code,
        points=points,
        spendable=spendable(group.lots, group.debt, attempt.now, channel),
        balance_version=group.version,
        as_of=attempt.now,
    )
