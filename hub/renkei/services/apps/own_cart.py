"""What a merchant's own cart does besides: set points aside, tell of orders and customers."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from renkei.connections import store
from renkei.connections.opened import OpenConnections
from renkei.errors import RequestInvalid
from renkei.ledger.books import Channel, HoldName
from renkei.ledger.lots import spendable
from renkei.ledger.world import Known, Needs
from renkei.loyalty.program import Program
from renkei.messaging import codes
from renkei.services.apps.application import member_named
from renkei.services.attempt import Attempt
from renkei.services.members.channels import channels_of
from renkei.services.orders.order_holds import claimed
from renkei.services.orders.seen_order import known_order
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.points.hold import (
    ExtendHold,
    LookAtHold,
    PlaceHold,
    ReleaseHold,
    hold_id,
    parse_hold_id,
)
from renkei.services.points.hold_codes import PlaceCodedHold
from renkei.services.points.rewards import EXCHANGE
from renkei.services.refusals import refused
from renkei.services.target import rules_for
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.aftersale import ExtendRequest
from renkei_contracts.application import (
    CartExtend,
    CartHold,
    CartHoldAnswer,
    CustomerAnswer,
    HoldSeconds,
    HoldSeen,
    OrderAnswer,
)
from renkei_contracts.errors import RenkeiError
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, MemberState
from renkei_contracts.order import Order
from renkei_contracts.till import HoldAnswer, HoldRequest, HoldState


class _Held(HoldRequest):
    ttl_seconds: HoldSeconds = 900


class _Extended(ExtendRequest):
    ttl_seconds: HoldSeconds = 900


async def hold(
    till: TillService, connections: OpenConnections, caller: Terminal, ask: CartHold
) -> CartHoldAnswer:
    """Set points aside under the cart's own key; with a code where the vendor's shop takes one."""
    member = await member_named(till, caller, ask)
    assert member is not None
    asked = _Held(key=ask.key, member=member, points=ask.points, ttl_seconds=ask.ttl_seconds)
    if await _takes_codes(connections, caller.connection):
        code = f"hld-{secrets.token_hex(10)}"
        coded = PlaceCodedHold(asked, caller.id, caller.channel, code)
        answer: CartHoldAnswer = await till.booking.committer.submit_first(coded)
        return answer
    command = PlaceHold(asked, caller.id, caller.channel)
    held: HoldAnswer = await till.booking.committer.submit_first(command)
    return CartHoldAnswer(**held.model_dump())


async def _takes_codes(connections: OpenConnections, id: str) -> bool:
    """Whether the channel is a vendor's in whose shop a code can stand for a hold."""
    try:
        return (await connections.get(id)).takes_codes
    except RenkeiError:  # it has no vendor, or its plugin cannot be used now
        return False


async def extend(till: TillService, caller: Terminal, hold: str, ask: CartExtend) -> HoldAnswer:
    """Keep a hold open for longer."""
    asked = _Extended(ttl_seconds=ask.ttl_seconds)
    command = ExtendHold(parse_hold_id(hold), asked, caller.channel)
    answer: HoldAnswer = await till.booking.committer.submit_first(command)
    return answer


async def release(till: TillService, caller: Terminal, hold: str) -> HoldAnswer:
    """Give a hold back; again is the same as once."""
    command = ReleaseHold(parse_hold_id(hold), caller.channel)
    answer: HoldAnswer = await till.booking.committer.submit_first(command)
    return answer


async def look(till: TillService, caller: Terminal, hold: str) -> HoldSeen:
    """How a hold stands."""
    command = LookAtHold(parse_hold_id(hold), caller.channel)
    stands: HoldState = await till.booking.committer.submit_first(command)
    seen = HoldSeen(
        hold=stands.hold,
        member=stands.member,
        state=stands.state,
        points=stands.points,
        lapses_at=stands.lapses_at,
        order=stands.sale or None,
    )
    async with till.booking.database.begin() as conn:
        code = await codes.of_hold(conn, command.name)
    if code is None:
        return seen
    said = {"code": code.code, "code_state": code.state, "code_until": code.usable_until}
    return seen.model_copy(update=said)


async def order(
    till: TillService, connections: OpenConnections, caller: Terminal, told: Order
) -> OrderAnswer:
    """Book an order as it is now, as one that a vendor tells of."""
    await _require_own(connections, caller, told.ref, told.customer)
    for name in told.hold_codes:  # a cart that mistypes one would pay twice, the hold being open
        parse_hold_id(name)
    if told.currency != "JPY":
        raise RequestInvalid("currency", told.currency, "must be JPY: points are counted in yen")
    if told.ref.id.startswith(EXCHANGE):
        raise RequestInvalid("ref.id", told.ref.id, f"must not begin as an exchange's: {EXCHANGE}")
    command = RestateOrder(await till.booking.settling(told), caller.channel)
    return await till.booking.told(command, command.settling.identities)


async def customer(
    till: TillService, connections: OpenConnections, caller: Terminal, told: Member
) -> CustomerAnswer:
    """Link a customer to the member they are, or make them one; their orders that waited settle."""
    await _require_own(connections, caller, told.ref)
    if told.state in (MemberState.WITHDRAWN, MemberState.MERGED):
        raise RequestInvalid("state", told.state.value, "who leaves or joins is decided in the hub")
    async with till.booking.database.begin() as conn:
        program = (await store.load(conn, caller.connection)).program
    shown = await channels_of(connections, program)
    found = await till.booking.enrol(told, creates_at=shown.creates_at, mirrors_at=shown.mirrors_at)
    return CustomerAnswer(member=found.member, created=found.created)


async def _require_own(
    connections: OpenConnections, caller: Terminal, *refs: ExternalRef | None
) -> None:
    """What is told is of the caller's own channel, and of no vendor's: it would be told twice."""
    if any(row.id == caller.connection for row in await connections.rows()):
        raise refused("channel_of_vendor", caller.connection)
    for ref in refs:
        if ref is not None and ref.connection != caller.connection:
            raise refused("of_other_channel", str(ref))


@dataclass(frozen=True)
class RestateOrder:
    """An order as its own cart tells of it, with the holds it claims."""

    settling: SettleOrder
    channel: Channel

    def needs(self) -> Needs:
        """What settling needs."""
        return self.settling.needs()

    def further(self, known: Known) -> Needs:
        """What settling needs further."""
        return self.settling.further(known)

    def decide(self, attempt: Attempt) -> OrderAnswer:
        """A fact: refused only where the cart is mistaken about its holds, or about its clock."""
        answer = self._worth(attempt).decide(attempt)
        if answer.outcome == "reread":
            raise refused("order_unclear", self.settling.key[1])
        self._require_own_holds(attempt, claimed(self.settling.order), answer.member)
        return self._answer(attempt, answer)

    def _worth(self, attempt: Attempt) -> SettleOrder:
        """With what its points are worth, where the cart leaves that to the program."""
        order = self.settling.order
        if not order.points_used or order.points_value:
            return self.settling
        program = attempt.connection(self.channel.connection).program
        found = rules_for(attempt, program, order, known_order(attempt, self.settling.key))
        rules = found[1] if found else Program()
        value = order.points_used * rules.redeem.yen_per_point
        return replace(self.settling, order=order.model_copy(update={"points_value": value}))

    def _require_own_holds(
        self, attempt: Attempt, names: Iterable[HoldName], member: str | None
    ) -> None:
        """A hold pays for one order of its own member; one that has ended is no mistake."""
        for name in names:
            known = attempt.known_hold(name)
            if known is None or known.connection != self.channel.connection:
                raise refused("hold_not_found", hold_id(name))
            if known.how == "captured" and known.order == self.settling.key:
                continue  # whoever has joined or left the member since
            if member is None:
                raise refused("points_without_member", hold_id(name))
            if known.for_member not in attempt.group_of(member).members:
                raise refused("hold_of_other_member", hold_id(name))
            if known.how == "captured":
                raise refused("hold_used", hold_id(name))

    def _answer(self, attempt: Attempt, settled: SettleAnswer) -> OrderAnswer:
        left, version = 0, None
        if settled.member is not None:
            group = attempt.group_of(settled.member)
            left = spendable(group.lots, group.debt, attempt.now, self.channel)
            version = group.version
        return OrderAnswer(
            order=self.settling.key[1],
            outcome=settled.outcome,
            member=settled.member,
            earned=settled.earned,
            used=settled.redeemed,
            spendable=left,
            balance_version=version,
            as_of=attempt.now,
        )
