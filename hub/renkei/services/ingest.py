"""What is seen becomes commands: orders settle, members enrol, hints are noted to be read."""

from dataclasses import dataclass
from datetime import datetime

from renkei.connections.opened import OpenConnections
from renkei.messaging import changed
from renkei.services.booking import Booking
from renkei.storage.engine import Database
from renkei_contracts.event import (
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
from renkei_contracts.order import Order


@dataclass
class Ingest:
    """Routes observations. Each method gives None, or the reason why a thing was ignored."""

    database: Database
    connections: OpenConnections
    booking: Booking

    async def observe(
        self, seen: Observation, *, delivery_key: str | None = None, read_at: datetime | None = None
    ) -> str | None:
        """Book or note one observation."""
        match seen:
            case OrderSeen():
                return await self.order(seen.order, delivery_key=delivery_key, read_at=read_at)
            case MemberSeen():
                return await self.member(seen.member)
            case Changed():
                await self.mark(seen)
                return None
            case MemberLeft():
                return "a member left at the vendor: kept until a person decides"
            case MembersMerged():
                return "members were merged at the vendor: kept until a person decides"
            case Ignored():
                return seen.reason
        return f"{seen.type} is not booked yet"

    async def order(
        self, order: Order, *, delivery_key: str | None = None, read_at: datetime | None = None
    ) -> str | None:
        """Settle it; what is missing for that is noted to be read."""
        answer = await self.booking.settle(order, read_at=read_at, delivery_key=delivery_key)
        if answer.outcome == "reread":
            await self.mark(Changed(kind="order", ref=order.ref))
        if answer.outcome == "unlinked" and order.customer is not None:
            await self._mark_customer(order.customer)
        return None

    async def member(self, member: Member) -> str | None:
        """Enrol an active member, with a row for every channel that shows balances."""
        if member.state is not MemberState.ACTIVE:
            return f"a member who is {member.state} at the vendor"
        showing = await self.connections.supporting(["balances"])
        creating = await self.connections.supporting(["balances", "member_creation"])
        await self.booking.enrol(
            member,
            creates_at=[one.row.id for one in creating],
            mirrors_at=[one.row.id for one in showing],
        )
        return None

    async def mark(self, hint: Changed) -> None:
        """Note an object to be read again."""
        async with self.database.begin() as conn:
            await changed.mark(conn, [hint])

    async def _mark_customer(self, customer: ExternalRef) -> None:
        connection = await self.connections.get(customer.connection)
        if connection.has("members"):
            await self.mark(Changed(kind="member", ref=customer))
