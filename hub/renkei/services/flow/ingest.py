"""What a vendor tells becomes what the ledger knows: each observation to where it belongs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import time_ns
from typing import ClassVar

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections.opened import OpenConnection, OpenConnections
from renkei.errors import BookingRefused, KeyReused, RequestInvalid
from renkei.messaging import alerts, changed, mirror
from renkei.messaging.alerts import Alert
from renkei.messaging.changed import Hint
from renkei.services.booking import Booking
from renkei.services.members.activity import BookActivity
from renkei.services.members.channels import channels_of
from renkei.services.members.lookup import customer_of, members_by
from renkei.services.orders.settle import SettleAnswer
from renkei.services.rules import asked
from renkei.tracing import NO_TRACES, Origin, Traces
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import (
    ActivitySeen,
    BalanceSeen,
    Changed,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    Observation,
    OrderSeen,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, MemberState
from renkei_contracts.point import ActivitySeen as ToldActivity
from renkei_contracts.toolkit.amounts import in_yen


@dataclass(frozen=True)
class Cause:
    """Why we know: a delivery of ``key``, or our own read that began at ``at``.

    Of a read ``key`` is the delivery that asked for it.
    """

    at: datetime
    key: str | None = None
    read: bool = False

    @property
    def read_at(self) -> datetime | None:
        """The start of our read; None for what a delivery carried."""
        return self.at if self.read else None


@dataclass
class Told:
    """What was done, and what is still to be written down in the caller's transaction."""

    booked: int = 0
    ignored: list[str] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    balances: list[BalanceSeen] = field(default_factory=list)

    @property
    def reason(self) -> str | None:
        """Why nothing came of it; None when something did."""
        if self.booked or self.hints or self.balances:
            return None
        return "; ".join(dict.fromkeys(self.ignored)) or "it tells nothing"


async def write_down(conn: AsyncConnection, told: list[Told], now: datetime) -> None:
    """Write what the observations left to be written, in one statement each."""
    await changed.hint(conn, [hint for one in told for hint in one.hints])
    await mirror.saw(conn, [seen for one in told for seen in one.balances])
    await alerts.raise_all(conn, [alert for one in told for alert in one.alerts], now)


@dataclass(frozen=True)
class Ingest:
    """Routes observations. Seeing one twice, or an old one late, changes nothing."""

    booking: Booking
    connections: OpenConnections
    traces: Traces = NO_TRACES

    async def observe(
        self, opened: OpenConnection, observation: Observation, cause: Cause, told: Told
    ) -> None:
        """Book it, or add to ``told``.

        Raises PayloadInvalid for what is another connection's, and for an order not in yen.
        """
        for ref in _refs(observation):
            if ref.connection != opened.id:
                raise PayloadInvalid(f"connection {opened.id} tells of {ref.connection}")
        await self._routes[type(observation)](self, opened, observation, cause, told)

    async def _order(
        self, opened: OpenConnection, seen: OrderSeen, cause: Cause, told: Told
    ) -> None:
        order, customer, began = seen.order, seen.order.customer, time_ns()
        in_yen(order.currency, f"order {order.ref}")
        answer = await self.booking.settle(order, read_at=cause.read_at, delivery_key=cause.key)
        told.booked += 1
        self._settled(Origin(opened.id, cause.key, order.ref.id), answer, began)
        if answer.outcome == "unlinked" and customer is not None and opened.members is not None:
            told.hints.append(Hint(opened.id, "member", customer.id, cause.at, cause.key))
        if answer.outcome != "reread":
            return
        if opened.orders is not None:
            told.hints.append(Hint(opened.id, "order", order.ref.id, cause.at, cause.key))
        else:
            _for_a_person(told, opened.id, "order_unclear", order.ref.id)

    def _settled(self, origin: Origin, answer: SettleAnswer, began: int) -> None:
        if self.traces.on:
            facts = {"outcome": answer.outcome, "earned": answer.earned, "used": answer.redeemed}
            self.traces.tell("settle", origin, began, facts)

    async def _member(
        self, opened: OpenConnection, seen: MemberSeen, cause: Cause, told: Told
    ) -> None:
        member = seen.member
        if member.state in (MemberState.WITHDRAWN, MemberState.MERGED):
            _for_a_person(told, opened.id, f"member_{member.state}", member.ref.id)
            return
        shown = await channels_of(self.connections, opened.row.program)
        await self.booking.enrol(member, creates_at=shown.creates_at, mirrors_at=shown.mirrors_at)
        told.booked += 1
        if member.points_seen is not None:
            told.balances.append(_shown(member, member.points_seen, cause.at))

    async def _changed(
        self, opened: OpenConnection, seen: Changed, cause: Cause, told: Told
    ) -> None:
        told.hints.append(Hint(opened.id, seen.kind, seen.ref.id, cause.at + seen.delay, cause.key))

    async def _balance(
        self, opened: OpenConnection, seen: BalanceSeen, cause: Cause, told: Told
    ) -> None:
        told.balances.append(seen)

    async def _left(
        self, opened: OpenConnection, seen: MemberLeft, cause: Cause, told: Told
    ) -> None:
        _for_a_person(told, opened.id, "member_withdrawn", seen.ref.id)

    async def _merged(
        self, opened: OpenConnection, seen: MembersMerged, cause: Cause, told: Told
    ) -> None:
        _for_a_person(told, opened.id, "member_merged", seen.gone.id)

    async def _activity(
        self, opened: OpenConnection, seen: ActivitySeen, cause: Cause, told: Told
    ) -> None:
        found = await members_by(self.booking, [customer_of(seen.member)])
        if len(found) != 1:
            told.ignored.append("an activity of a customer who is no member")
            return
        try:
            ask = asked(
                ToldActivity,
                key=seen.key,
                source=opened.id,
                member=found[0],
                kind=seen.activity,
                object=seen.object,
                occurred_at=seen.at,
            )
            await self.booking.committer.submit(BookActivity(ask))
        except (BookingRefused, KeyReused, RequestInvalid) as refusal:
            told.ignored.append(str(refusal))
        else:
            told.booked += 1

    async def _ignored(
        self, opened: OpenConnection, seen: Ignored, cause: Cause, told: Told
    ) -> None:
        told.ignored.append(seen.reason)

    _routes: ClassVar[dict[type, Callable[..., Awaitable[None]]]] = {
        OrderSeen: _order,
        MemberSeen: _member,
        Changed: _changed,
        BalanceSeen: _balance,
        MemberLeft: _left,
        MembersMerged: _merged,
        ActivitySeen: _activity,
        Ignored: _ignored,
    }


def _refs(observation: Observation) -> list[ExternalRef]:
    """What the observation is about, which must be the connection's own."""
    match observation:
        case OrderSeen(order=order):
            return [ref for ref in (order.ref, order.customer) if ref is not None]
        case MemberSeen(member=member):
            return [member.ref]
        case BalanceSeen(ref=ref) | MemberLeft(ref=ref) | Changed(ref=ref):
            return [ref]
        case MembersMerged(kept=kept, gone=gone):
            return [kept, gone]
        case ActivitySeen(member=ref):
            return [ref]
        case _:
            return []


def _shown(member: Member, points: int, at: datetime) -> BalanceSeen:
    return BalanceSeen(ref=member.ref, points=points, at=at)


WORDS = {
    "member_withdrawn": "the vendor says that a customer withdrew",
    "member_merged": "the vendor joined two customers",
    "order_unclear": "two states of an order have one time, and the order cannot be read",
}


def _for_a_person(told: Told, connection: str, kind: str, id: str) -> None:
    """What the hub does not decide by itself."""
    words = WORDS[kind]
    told.ignored.append(f"{words}: a person decides")
    told.alerts.append(Alert(kind, connection, id, f"{words} ({connection}/{id})"))
