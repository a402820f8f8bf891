"""A register's commit: a finished sale becomes an order, checked if it is still a request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from renkei.errors import TillRefused
from renkei.ledger.allowances import Allowance
from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Channel, HoldName
from renkei.ledger.entry import digest_of
from renkei.ledger.keys import OrderKey, RequestKey
from renkei.ledger.lots import spendable
from renkei.ledger.world import Known, Needs
from renkei.loyalty.basket import gross_of
from renkei.loyalty.coupon import TakenOff, per_rate
from renkei.loyalty.earn import coupons_off
from renkei.loyalty.member import Kept
from renkei.loyalty.program import Program
from renkei.loyalty.receipt import sale_receipt
from renkei.loyalty.terms import Redeem
from renkei.services.attempt import Attempt
from renkei.services.members.activity import BookActivity
from renkei.services.members.member_facts import keep_facts
from renkei.services.orders.order_coupons import terms_used
from renkei.services.orders.order_of_sale import order_of
from renkei.services.orders.same_sale import sale_key
from renkei.services.orders.seen_order import known_order
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.points.allowance_use import allowance_of_sale, note_use, require_left
from renkei.services.points.coupon_holds import brought_by, require_usable, require_worth
from renkei.services.points.hold import book_lapses, first_answer, parse_hold_id
from renkei.services.refusals import refused
from renkei.services.rules import require_plausible
from renkei.services.target import facts_for, rules_for
from renkei.services.till.business_day import day_asked, watch_day
from renkei.services.till.sale_activities import activities_of, book_with_sale
from renkei.services.till.till_refunds import RefundSale, returns_of, tell_beyond
from renkei_contracts.till import ActivityGiven, CommitAnswer, CommitRequest, RateTotal, ReceiptText


@dataclass(frozen=True)
class CommitSale:
    """A sale at a till, under its natural key and revision.

    A sale that says ``occurred`` is a fact and is never refused for want of points. ``terminal`` is
    who says it: an allowance is one terminal's.
    """

    ask: CommitRequest
    connection: str
    alert_id: str
    terminal: str = ""

    @property
    def request(self) -> RequestKey:
        """The natural key with its revision."""
        return (f"sale/{self.connection}", f"{self.ask.sale}#{self.ask.revision}")

    @property
    def channel(self) -> Channel:
        """Where the sale was made."""
        return Channel(self.connection, self.ask.sale.store)

    def needs(self) -> Needs:
        """What settling needs, and the key."""
        return self._needs

    @cached_property
    def _needs(self) -> Needs:
        holds = frozenset({self._hold} if self._hold else ())
        allowances = frozenset({self.ask.allowance.id} if self.ask.allowance else ())
        own = Needs(requests=frozenset({self.request}), holds=holds, allowances=allowances)
        told = [*(one.needs() for one in self._activities), *(one.needs() for one in self.returns)]
        return Needs.of_all([self._sale.needs(), own, *told])

    def further(self, known: Known) -> Needs:
        """What settling needs further."""
        told = [one.further(known) for one in self._activities]
        back = [one.further(known) for one in self.returns]
        day = day_asked(self._sale.order, known)
        return Needs.of_all([self._sale.further(known), day, *told, *back])

    def decide(self, attempt: Attempt) -> CommitAnswer:
        """The first answer again, a refusal, or the sale booked."""
        digest = self._digest(attempt)
        first = first_answer(attempt, self.request, digest, CommitAnswer)
        if first is not None:
            return first
        for returned in self.returns:
            returned.decide(attempt)
        rules = self._rules(attempt)
        off = self._coupons(attempt, rules)
        allowance = self._check(attempt, rules.redeem, per_rate(off))
        watch_day(attempt, self._sale.order, rules.clock)
        paid = self._worth(rules.redeem.yen_per_point)
        settled = (replace(paid, allowance=allowance) if allowance else paid).decide(attempt)
        tell_beyond(attempt, self._counted_at(attempt), self.alert_id)
        given = tuple(book_with_sale(attempt, one) for one in self._activities)
        answer = self._answer(attempt, settled, given, sum(one.yen for one in off), rules)
        attempt.remember(self.request, digest, answer)
        return answer

    def _digest(self, attempt: Attempt) -> bytes:
        """Of what was asked; a sale without activities is what it was before there were any.

        The same sale as a request and as a fact is one: its answer may have been lost, and the
        till have gone offline.
        """
        unsaid = None if self.ask.activities else {"activities"}
        said = self.ask.model_dump(mode="json", exclude=unsaid)
        known = attempt.world.requests.get(self.request)
        if known is not None:
            otherwise = digest_of(said | {"occurred": not self.ask.occurred})
            if known[0] == otherwise:
                return otherwise
        return digest_of(said)

    @cached_property
    def _activities(self) -> tuple[BookActivity, ...]:
        return activities_of(self.ask, self.connection)

    @cached_property
    def _hold(self) -> HoldName | None:
        """The hold that pays; a fact is not refused for a name that no hold can have."""
        if self.ask.hold is None:
            return None
        try:
            return parse_hold_id(self.ask.hold)
        except TillRefused:
            if not self.ask.occurred:
                raise
            return None

    @cached_property
    def returns(self) -> tuple[RefundSale, ...]:
        """What came back on its receipt."""
        return returns_of(self.ask, self.connection, self.alert_id)

    @cached_property
    def _sale(self) -> SettleOrder:
        """The sale as an order, made once: what its points are worth shows with the program."""
        return SettleOrder(
            order=order_of(self.ask, self.connection),
            read_at=None,
            delivery_key=None,
            member=self.ask.member,
            hold=self._hold,
            alert_id=self.alert_id,
            happened_at=self.ask.sold_at + timedelta(microseconds=self.ask.revision),
            request=not self.ask.occurred,
        )

    def _worth(self, yen_per_point: int) -> SettleOrder:
        if yen_per_point == 1 or not self.ask.points_used:
            return self._sale
        return replace(self._sale, order=order_of(self.ask, self.connection, yen_per_point))

    def _rules(self, attempt: Attempt) -> Program:
        """The rules that count for the sale."""
        program = attempt.connection(self.connection).program
        row = known_order(attempt, self._sale.key)
        found = rules_for(attempt, program, self._sale.order, row)
        return found[1] if found else Program()

    def _coupons(self, attempt: Attempt, rules: Program) -> tuple[TakenOff, ...]:
        """What the sale's coupons take off, as far as they are known; refused if not usable."""
        ask, order = self.ask, self._sale.order
        if not ask.coupons or ask.voided:
            return ()
        if not ask.occurred:
            require_usable(attempt, ask.coupons, ask.member, self.channel, order)
        company, terms = attempt.connection(self.connection).company, terms_used(attempt, order)
        kept = self._kept(attempt, rules)
        facts = facts_for(order, rules, company, kept, attempt.world, terms)
        off = coupons_off(order, rules, facts)
        if not ask.occurred:
            require_worth(off)
        return off

    def _kept(self, attempt: Attempt, rules: Program) -> Kept | None:
        """What the sale will be judged by of its member, as settlement keeps it."""
        member, order = self.ask.member, self._sale.order
        if member is None or not attempt.knows(member):
            return None
        return keep_facts(attempt, order, known_order(attempt, self._sale.key), member, rules)

    def _check(
        self, attempt: Attempt, redeem: Redeem, coupons: Mapping[int, int]
    ) -> Allowance | None:
        """Refuse what cannot be; gives the allowance that pays, if one does."""
        ask = self.ask
        require_plausible("sold_at", ask.sold_at, attempt.now)
        require_plausible("sale.business_date", self._sale.order.changed_at, attempt.now)
        if ask.member is not None and not attempt.knows(ask.member):
            raise refused("member_not_found", ask.member)
        if ask.member is None and (ask.points_used or ask.hold or ask.allowance):
            raise refused("points_without_member")
        if self._hold and not ask.occurred:
            self._require_own_hold(attempt, self._hold)
        if ask.member is not None:
            book_lapses(attempt, ask.member)
        if ask.points_used and not ask.occurred and not ask.voided:
            self._require_usable(redeem, coupons)
        allowance = self._allowance(attempt)
        if ask.points_used and not (ask.occurred or ask.voided or allowance):
            self._require_covered(attempt)
        return allowance

    def _allowance(self, attempt: Attempt) -> Allowance | None:
        """What this sale is paid from, with its use kept."""
        ask = self.ask
        found = allowance_of_sale(attempt, ask, self.connection, self.terminal, self.alert_id)
        if found is None:
            return None
        assert ask.member is not None
        redeemed = attempt.settled_of(ask.member, self._counted_at(attempt)).redeemed
        if not ask.voided:
            require_left(attempt, ask, found, redeemed, self.alert_id)
        note_use(attempt, ask, found)
        return found

    def _require_own_hold(self, attempt: Attempt, name: HoldName) -> None:
        """A hold pays for one sale: another one that names it, too, must not pay by itself.

        One that has lapsed is no reason to refuse while the balance covers the sale.
        """
        assert self.ask.member is not None
        hold = attempt.known_hold(name)
        here = (self.connection, str(self.ask.sale))
        if hold is None or hold.connection != self.connection or hold.how == "released":
            raise refused("hold_not_found", self.ask.hold or "")
        mates = attempt.group_of(self.ask.member).members
        if hold.for_member not in mates:
            raise refused("hold_of_other_member")
        if hold.how == "captured" and hold.order != here:
            raise refused("hold_used")

    def _require_usable(self, redeem: Redeem, coupons: Mapping[int, int]) -> None:
        """No more than the goods cost, in the program's units and limits."""
        points, gross = self.ask.points_used, gross_of(self.ask.lines, coupons)
        if points * redeem.yen_per_point > gross:
            raise refused("points_exceed_total")
        if redeem.most(points, gross) != points:
            raise refused("points_not_usable")

    def _require_covered(self, attempt: Attempt) -> None:
        """A request uses no more than its own hold and what is spendable besides."""
        assert self.ask.member is not None
        group = attempt.group_of(self.ask.member)
        covered = spendable(group.lots, group.debt, attempt.now, self.channel)
        if self._hold:
            covered += self._held_for_here(attempt, self._hold)
        covered += attempt.settled_of(self.ask.member, self._counted_at(attempt)).redeemed
        if self.ask.points_used > covered:
            raise refused("insufficient_points")

    def _held_for_here(self, attempt: Attempt, name: HoldName) -> int:
        """What the hold still has, less points that another store's till has set aside for it."""
        parts = [one for one in attempt.parts_of(name) if one.connection == self.connection]
        lots = (lot for part in parts for lot in attempt.books_of(part.home).lots)
        elsewhere = {lot.ref for lot in lots if not lot.counts_at(self.channel)}
        frozen = (one for part in parts for one in part.frozen)
        return sum(points for ref, points in frozen if ref not in elsewhere)

    def _counted_at(self, attempt: Attempt) -> OrderKey:
        """The order at which this sale is counted: a poll may have seen it first."""
        key = (self.connection, str(self.ask.sale))
        first = attempt.world.sales.get(sale_key(self.connection, self.ask.sale))
        row = attempt.world.orders.get((self.connection, first)) if first else None
        return (row.same or row.key) if row else key

    def _answer(
        self,
        attempt: Attempt,
        settled: SettleAnswer,
        given: tuple[ActivityGiven, ...],
        coupon_value: int,
        rules: Program,
    ) -> CommitAnswer:
        spendable_now, version = 0, 0
        receipt: ReceiptText = ()
        if settled.member is not None:
            group = attempt.group_of(settled.member)
            left = channel_balance(group, attempt.now, rules.clock, self.channel)
            spendable_now, version = left.balance.spendable, group.version
            sums = (settled.earned, settled.redeemed, settled.rates)
            receipt = sale_receipt(*sums, left, rules.clock)
        return CommitAnswer(
            sale=str(self.ask.sale),
            revision=self.ask.revision,
            member=settled.member or "",
            earned=settled.earned,
            used=settled.redeemed,
            activities=given,
            spendable=spendable_now,
            balance_version=version,
            as_of=attempt.now,
            coupon_value=coupon_value,
            issued=brought_by(attempt, self._sale.key),
            rates=tuple(RateTotal(**one._asdict()) for one in settled.rates),
            receipt=receipt,
        )
