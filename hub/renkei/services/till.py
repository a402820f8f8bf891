"""What a register may do: look a member up, quote, hold, release, commit."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from time import time_ns
from typing import Any

from sqlalchemy import text

from renkei.identity.cards import is_card
from renkei.identity.normalize import normalized
from renkei.ledger.balance import ChannelBalance, channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.ledger.read_past import read_past
from renkei.loyalty.context import Facts
from renkei.loyalty.coupon import per_rate
from renkei.loyalty.earn import coupons_off, evaluate_order, still_sold
from renkei.loyalty.member import Kept, facts_at
from renkei.loyalty.program import Program
from renkei.loyalty.redeem import max_usable
from renkei.services.booking import Booking
from renkei.services.circumstances import in_place, read_circumstances
from renkei.services.coupon_holds import HoldCoupon, ReleaseCoupon
from renkei.services.coupons import holder_of
from renkei.services.hold import PlaceHold, ReleaseHold, parse_hold_id
from renkei.services.look_ups import LookUps
from renkei.services.manner import PLAIN, Manner
from renkei.services.member_facts import past_asked
from renkei.services.personal import Names, masked, opened_identity, opened_names
from renkei.services.refusals import refused
from renkei.services.sale import CommitSale
from renkei.services.target import facts_of_a_member
from renkei.services.till_coupons import (
    Found,
    Tried,
    coupons_named,
    coupons_of,
    listed,
    quoted,
    tried,
)
from renkei.services.till_refunds import CountRefunds
from renkei.tracing import NO_TRACES, Origin, Traces
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import Order, OrderState, TillKey
from renkei_contracts.point import Balance
from renkei_contracts.reconciliation import ZReport
from renkei_contracts.till import (
    CommitAnswer,
    CommitRequest,
    CouponHoldAnswer,
    CouponHoldRequest,
    CouponReleaseRequest,
    ExpiringPoints,
    HoldAnswer,
    HoldRequest,
    MemberAnswer,
    MemberHit,
    MemberHits,
    NewCard,
    QuoteAnswer,
    QuoteRequest,
    RateTotal,
    ResolveMember,
)

PROFILE = """
SELECT k.wrapped, p.sealed, p.state,
       (SELECT i.sealed FROM identity i WHERE i.member_id = p.member_id AND i.kind = 'card'
           AND i.valid_until IS NULL ORDER BY i.valid_from DESC LIMIT 1)
FROM member_profile p JOIN member_key k USING (member_id) WHERE p.member_id = :m"""

PROGRAM = """
SELECT v.version, v.document, c.company_id, clock_timestamp(), EXISTS (SELECT FROM product)
FROM connection c JOIN program_version v USING (program_id)
WHERE c.connection_id = :c AND v.in_force_from <= clock_timestamp()
ORDER BY v.version DESC LIMIT 1"""


@dataclass(frozen=True)
class Terminal:
    """A register as its credential names it; an application is one without a store."""

    id: str
    connection: str
    store: str
    till: str

    @property
    def channel(self) -> Channel:
        """Where its points are spent."""
        return Channel(self.connection, self.store or None)

    @property
    def holder(self) -> str:
        """How it is named where it sets a coupon aside."""
        return holder_of(self.connection, self.store, self.till)

    def require_own(self, receipt: TillKey | ZReport) -> None:
        """Raise TillRefused where it is another till's."""
        if (receipt.store, receipt.till) != (self.store, self.till):
            raise refused("sale_of_other_till")


@dataclass(frozen=True)
class _Rules:
    """The program version in force for a register's connection, and the database's clock.

    ``products``: whether any product is known at all.
    """

    version: int
    program: Program
    company: str
    now: datetime
    products: bool


@dataclass(frozen=True)
class _Profile:
    masked_name: str
    card: str


@dataclass
class TillService:
    """The till's use cases; every refusal is a TillRefused with words for the cashier."""

    booking: Booking
    traces: Traces = NO_TRACES

    @cached_property
    def look_ups(self) -> LookUps:
        """Whoever asks for members, each terminal in its turn."""
        return LookUps(self.booking)

    async def resolve(self, terminal: Terminal, ask: ResolveMember) -> MemberAnswer:
        """Who this is, masked, with the balance for this channel."""
        return await self.shown(terminal, await self.look_ups.one(terminal.id, ask))

    async def search(self, terminal: Terminal, ask: ResolveMember) -> MemberHits:
        """Whoever may be meant, masked."""
        found = await self.look_ups.several(terminal.id, ask)
        profiles = {member: await self._profile(member, active=False) for member in found}
        return MemberHits(
            hits=tuple(
                MemberHit(member=member, masked_name=one.masked_name, card_end=one.card[-4:])
                for member, one in profiles.items()
            )
        )

    async def issue(self, terminal: Terminal, ask: NewCard, training: bool = False) -> MemberAnswer:
        """A temporary member for a card that nobody has; told again, the same member.

        In training nobody is made: what is answered is not found afterwards.
        """
        asked = ResolveMember(scheme="card", value=ask.card)
        known = await self.look_ups.several(terminal.id, asked)
        if len(known) == 1:
            return await self.shown(terminal, known[0])
        named = normalized(Identity(kind=IdentityKind.CARD, value=ask.card, grade=Grade.STRONG))
        if known or named is None or not is_card(named.value):
            raise refused("card_taken")
        ref = ExternalRef(connection=terminal.connection, id=f"card/{named.value}")
        rules = await self._rules(terminal)
        if training:
            return _nobody(self.booking.new_id("mem"), named.value, rules.now)
        seen = Member(ref=ref, changed_at=rules.now, identities=(named,))
        return await self.shown(terminal, (await self.booking.enrol(seen)).member)

    async def shown(self, terminal: Terminal, member: str) -> MemberAnswer:
        """A member who is known otherwise than by a look-up, masked, with the channel's balance."""
        profile = await self._profile(member)
        now, balance, homes = await self._balance(terminal, member)
        async with self.booking.database.begin() as conn:
            coupons = await coupons_of(conn, homes)
        return MemberAnswer(
            member=member,
            masked_name=profile.masked_name,
            card=profile.card,
            spendable=balance.balance.spendable,
            pending=balance.balance.pending,
            by_expiry=tuple(
                ExpiringPoints(points=points, expires_on=day) for day, points in balance.by_expiry
            ),
            coupons=listed(coupons, terminal.channel, terminal.holder, now),
            balance_version=balance.balance.version,
            as_of=now,
        )

    async def quote(self, terminal: Terminal, ask: QuoteRequest) -> QuoteAnswer:
        """What this basket earns and may use, as its sale would; binds nobody.

        What campaigns with a budget give may be less by then.
        """
        rules = await self._rules(terminal)
        spendable, seen = 0, None
        homes: tuple[str, ...] = ()
        if ask.member is not None:
            _, balance, homes = await self._balance(terminal, ask.member)
            spendable, seen = balance.balance.spendable, balance.balance.version
        coupons = await self._tried(terminal, ask, homes, rules.now)
        sale = _as_sold(terminal, ask, tuple(coupons.usable), rules)
        facts = await self._facts(ask.member, sale, rules)
        facts = replace(facts, coupons=coupons.usable) if coupons.usable else facts
        off = per_rate(coupons_off(sale, rules.program, facts)) if sale.coupons else {}
        most = max_usable(ask.lines, spendable, rules.program, off)
        used = max_usable(ask.lines, min(ask.points_wanted, spendable), rules.program, off)
        basket = evaluate_order(_paying(sale, used, rules.program), rules.program, facts)
        return QuoteAnswer(
            earns=basket.earned,
            max_usable=most,
            points_used=used,
            total=sum(rate.total for rate in basket.rates),
            rates=tuple(RateTotal(**rate._asdict()) for rate in basket.rates),
            ships_free=rules.program.shipping.is_free(still_sold(sale, basket), pickup=ask.pickup),
            program=rules.program.id,
            program_version=rules.version,
            balance_version=seen,
            coupons=quoted(ask.coupons, coupons, basket),
            reasons=basket.reasons,
        )

    async def hold(
        self, terminal: Terminal, ask: HoldRequest, manner: Manner = PLAIN
    ) -> HoldAnswer:
        """Set points aside under the register's own key."""
        command = PlaceHold(ask, terminal.id, terminal.channel)
        answer: HoldAnswer = await self._submit(manner.of(command, HoldAnswer))
        return answer

    async def release(self, terminal: Terminal, hold: str, manner: Manner = PLAIN) -> HoldAnswer:
        """Give a hold back; again is the same as once."""
        command = ReleaseHold(parse_hold_id(hold), terminal.channel)
        answer: HoldAnswer = await self._submit(manner.of(command, HoldAnswer))
        return answer

    async def hold_coupon(
        self, terminal: Terminal, ask: CouponHoldRequest, manner: Manner = PLAIN
    ) -> CouponHoldAnswer:
        """Set a coupon aside for this register."""
        command = HoldCoupon(ask, terminal.channel, terminal.holder)
        answer: CouponHoldAnswer = await self._submit(manner.of(command, CouponHoldAnswer))
        return answer

    async def release_coupon(
        self, terminal: Terminal, ask: CouponReleaseRequest, manner: Manner = PLAIN
    ) -> CouponHoldAnswer:
        """Give a coupon back; again is the same as once."""
        command = ReleaseCoupon(ask, terminal.holder)
        answer: CouponHoldAnswer = await self._submit(manner.of(command, CouponHoldAnswer))
        return answer

    async def commit(
        self, terminal: Terminal, ask: CommitRequest, manner: Manner = PLAIN
    ) -> CommitAnswer:
        """Book a finished sale; repeating it gives the first answer."""
        terminal.require_own(ask.sale)
        if ask.hold is not None and not ask.occurred:
            parse_hold_id(ask.hold)  # refused here, and not for the whole batch
        # What was rehearsed was never set aside.
        unsaid = {"hold": None, "allowance": None}
        said = ask.model_copy(update=unsaid) if manner.training else ask
        command = CommitSale(said, terminal.connection, self.booking.new_id("alr"), terminal.id)
        began = time_ns()
        answer: CommitAnswer = await self._submit(manner.of(command, CommitAnswer))
        if self.traces.on and not manner.training:
            facts = {"revision": answer.revision, "earned": answer.earned, "used": answer.used}
            origin = Origin(terminal.connection, order=str(ask.sale))
            self.traces.tell("settle", origin, began, facts)
        for returned in () if manner.training else command.returns:
            await self._submit(CountRefunds(returned))
        return answer

    async def _submit(self, command: Any) -> Any:
        return await self.booking.committer.submit_first(command)

    async def balance(self, terminal: Terminal, member: str) -> Balance:
        """The member's balance for this channel, now."""
        _, found, _ = await self._balance(terminal, member)
        return found.balance

    async def _tried(
        self, terminal: Terminal, ask: QuoteRequest, homes: tuple[str, ...], now: datetime
    ) -> Tried:
        """Which of the asked coupons this register could use now."""
        found: list[Found] = []
        if ask.coupons:
            async with self.booking.database.begin() as conn:
                found = await coupons_named(conn, ask.coupons)
        return tried(found, ask.coupons, homes, terminal.channel, terminal.holder, now)

    async def _profile(self, member: str, *, active: bool = True) -> _Profile:
        async with self.booking.database.begin() as conn:
            row = (await conn.execute(text(PROFILE), {"m": member})).first()
        if row is None:
            raise refused("member_not_found")
        if active and row[2] != "active":
            raise refused("member_not_active")
        ring = self.booking.ring
        key = ring.unwrap(member, bytes(row[0]))
        card = opened_identity(ring, key, member, bytes(row[3])) if row[3] is not None else ""
        return _Profile(masked(opened_names(ring, key, member, bytes(row[1]))), card)

    async def _balance(
        self, terminal: Terminal, member: str
    ) -> tuple[datetime, ChannelBalance, tuple[str, ...]]:
        """The clock, the balance for this channel, and all whose points count with it."""
        rules = await self._rules(terminal)
        async with self.booking.database.begin() as conn:
            group = (await read_groups(conn, [member])).get(member)
            now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
        if group is None:
            raise refused("member_not_found", member)
        homes = tuple(books.member for books in group.homes)
        return now, channel_balance(group, now, rules.program.clock, terminal.channel), homes

    async def _facts(self, member: str | None, sale: Order, rules: _Rules) -> Facts:
        """What is known besides the sale, as it would be judged by it."""
        facts = await self._of_the_member(member, sale, rules)
        if not (rules.program.asks_for_places or rules.products):
            return facts
        async with self.booking.database.begin() as conn:
            found = await read_circumstances(conn, [sale], rules.program, products=rules.products)
        return in_place(facts, sale, rules.program, *found)

    async def _of_the_member(self, member: str | None, sale: Order, rules: _Rules) -> Facts:
        if member is None:
            return Facts(company=rules.company)
        kept: Kept = {}
        if rules.program.asks_of_members:
            asked = past_asked(rules.program, member, sale)
            async with self.booking.database.begin() as conn:
                past = await read_past(conn, asked)
            kept = facts_at(rules.program, past, sale.placed_at)
        return facts_of_a_member(rules.company, kept)

    async def _rules(self, terminal: Terminal) -> _Rules:
        async with self.booking.database.begin() as conn:
            row = (await conn.execute(text(PROGRAM), {"c": terminal.connection})).one()
        return _Rules(row[0], Program.model_validate(row[1]), *row[2:])


def _nobody(member: str, card: str, now: datetime) -> MemberAnswer:
    """Who a card would belong to if it was given out."""
    return MemberAnswer(
        member=member,
        masked_name=masked(Names("", "")),
        card=card,
        spendable=0,
        pending=0,
        balance_version=0,
        as_of=now,
    )


def _as_sold(
    terminal: Terminal, ask: QuoteRequest, coupons: tuple[str, ...], rules: _Rules
) -> Order:
    """The basket as the sale it would be, before points."""
    return Order(
        ref=ExternalRef(connection=terminal.connection, id="quote"),
        changed_at=rules.now,
        placed_at=rules.now,
        state=OrderState.FULFILLED,
        lines=ask.lines,
        coupons=coupons,
        tenders=ask.tenders,
        location=terminal.store,
        pickup=ask.pickup,
    )


def _paying(sale: Order, points: int, program: Program) -> Order:
    """The sale when these points are used."""
    value = points * program.redeem.yen_per_point
    return sale.model_copy(update={"points_used": points, "points_value": value})
