"""What a register may do: look a member up, quote, hold, release, commit."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from time import time_ns
from typing import Any

from sqlalchemy import text

from renkei.identity.cards import is_card
from renkei.identity.normalize import normalized
from renkei.services.booking import Booking
from renkei.services.members.look_ups import LookUps
from renkei.services.personal import Names, masked, opened_identity, opened_names
from renkei.services.points.coupon_holds import HoldCoupon, ReleaseCoupon
from renkei.services.points.hold import PlaceHold, ReleaseHold, parse_hold_id
from renkei.services.points.member_coupons import coupons_of, listed
from renkei.services.refusals import refused
from renkei.services.till import till_quotes
from renkei.services.till.manner import PLAIN, Manner
from renkei.services.till.sale import CommitSale
from renkei.services.till.till_refunds import CountRefunds
from renkei.services.till.till_terminal import Terminal, balance_there, rules_there
from renkei.tracing import NO_TRACES, Origin, Traces
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.point import Balance
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
    ResolveMember,
)

PROFILE = """
SELECT k.wrapped, p.sealed, p.state,
       (SELECT i.sealed FROM identity i WHERE i.member_id = p.member_id AND i.kind = 'card'
           AND i.valid_until IS NULL ORDER BY i.valid_from DESC LIMIT 1)
FROM member_profile p JOIN member_key k USING (member_id) WHERE p.member_id = :m"""


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
        rules = await rules_there(self.booking, terminal)
        if training:
            return _nobody(self.booking.new_id("mem"), named.value, rules.now)
        seen = Member(ref=ref, changed_at=rules.now, identities=(named,))
        return await self.shown(terminal, (await self.booking.enrol(seen)).member)

    async def shown(self, terminal: Terminal, member: str) -> MemberAnswer:
        """A member who is known otherwise than by a look-up, masked, with the channel's balance."""
        profile = await self._profile(member)
        now, balance, homes = await balance_there(self.booking, terminal, member)
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
        """What this basket earns and may use, as its sale would; binds nobody."""
        return await till_quotes.quote(self.booking, terminal, ask)

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
        _, found, _ = await balance_there(self.booking, terminal, member)
        return found.balance

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
