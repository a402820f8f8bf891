"""The ledger's doors: each method is one command through the group committer."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import text

from renkei.identity.normalize import normalized
from renkei.ledger.keys import IdentityKey
from renkei.ledger.world import ProgramVersion
from renkei.services.command import Command
from renkei.services.members.enrol import Enrol, EnrolAnswer
from renkei.services.members.tiers import ReachTiers
from renkei.services.orders.settle import SettleAnswer, SettleOrder
from renkei.services.points.expire import ExpireLots
from renkei.services.points.hold import LapseHolds
from renkei.services.points.hold_codes import Paid, codes_of, paid_with
from renkei.services.rules import rules_of
from renkei.storage.committer import Committer
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import Order

WAITING_ORDERS = """
SELECT o.document, r.delivery_key
FROM orders o LEFT JOIN order_revision r USING (connection_id, order_ref, revision)
WHERE o.connection_id = :c AND o.customer_id = :id AND o.member_id IS NULL AND o.same_ref IS NULL
ORDER BY o.placed_at, o.order_ref LIMIT 500"""

NOW = "(SELECT clock_timestamp())"
"""By a subquery the clock stands still: only such a value is looked up in an index. How little of
it is due the planner cannot know: what asks so takes a connection that reads by key."""

LAPSED = f"""
WITH due AS (
  SELECT member_id, version FROM hold WHERE lapses_at > :since AND lapses_at <= {NOW}
  UNION
  SELECT member_id, version FROM hold_extension WHERE lapses_at > :since AND lapses_at <= {NOW})
SELECT DISTINCT member_id FROM due JOIN hold h USING (member_id, version)
WHERE h.lapses_at <= {NOW}
  AND NOT EXISTS (SELECT FROM hold_end d
                  WHERE (d.member_id, d.version) = (h.member_id, h.version))
  AND NOT EXISTS (SELECT FROM hold_extension e
                  WHERE (e.member_id, e.version) = (h.member_id, h.version)
                    AND e.lapses_at > {NOW})
LIMIT 100"""

EXPIRED = f"""
SELECT DISTINCT member_id FROM (
  SELECT member_id FROM lot WHERE open AND available > 0 AND expires_at <= {NOW}
  ORDER BY expires_at LIMIT 100) l"""

SLID = f"""
SELECT DISTINCT l.member_id
FROM lot l JOIN member m USING (member_id) JOIN program p USING (program_id)
WHERE l.open AND l.slides_months IS NOT NULL AND l.available > 0 AND {NOW} >=
  (date_trunc('day', greatest(l.granted_at, (SELECT max(a.at) FROM activity a
                                             WHERE a.member_id = l.member_id)) AT TIME ZONE p.zone)
   + make_interval(months => l.slides_months, days => 1)) AT TIME ZONE p.zone
LIMIT 100"""

TIERS_DUE = f"""
WITH d AS MATERIALIZED (
  SELECT member_id, due FROM tier_due WHERE due <= {NOW} ORDER BY due LIMIT 500)
SELECT d.member_id, clock_timestamp(), v.program_id, v.version, v.in_force_from, v.document::text
FROM d JOIN member m USING (member_id), LATERAL (
  SELECT * FROM program_version v
  WHERE v.program_id = m.program_id AND v.in_force_from <= clock_timestamp()
  ORDER BY v.version DESC LIMIT 1) v
ORDER BY d.due"""

TIER_ROUNDS = 20
"""Batches of members whose tiers are looked at in one turn: after a big day, or a month's end."""

EVER = datetime(1, 1, 2, tzinfo=UTC)
"""Before anything was."""

PROOF_ORDER = [IdentityKind.VENDOR_CUSTOMER, IdentityKind.CARD, IdentityKind.LINE]


class _Told(Protocol):
    @property
    def outcome(self) -> str: ...
    @property
    def member(self) -> str | None: ...


T = TypeVar("T", bound=_Told)


@dataclass
class Booking:
    """Books what is seen. ``lanes`` are committers; a member's commands share a lane."""

    database: Database
    ring: KeyRing
    committer: Committer[Command[Any], Any]
    new_id: Callable[[str], str]
    new_serial: Callable[[], int]
    wake: Callable[[], None] = field(default=lambda: None)

    async def settle(
        self,
        order: Order,
        *,
        read_at: datetime | None,
        delivery_key: str | None,
        member: str | None = None,
    ) -> SettleAnswer:
        """Book an order as it is now (orders/settle.py); ``member``: it is known to be theirs."""
        command = await self.settling(
            order, read_at=read_at, delivery_key=delivery_key, member=member
        )
        return await self.told(command, command.identities)

    async def told(self, command: Command[T], identities: Sequence[IdentityKey]) -> T:
        """Submit what tells of an order; once more where nobody is known by these identities yet.

        Whoever made the customer known meanwhile may have looked before this was committed.
        """
        answer: T = await self.committer.submit(command)
        if answer.outcome == "unlinked" and identities:
            again: T = await self.committer.submit(command)
            return again if again.member is not None else answer
        return answer

    async def settling(
        self,
        order: Order,
        *,
        read_at: datetime | None = None,
        delivery_key: str | None = None,
        member: str | None = None,
    ) -> SettleOrder:
        """The command that books an order, whoever tells of it."""
        paid = Paid(order)
        if order.hold_codes:
            async with self.database.begin() as conn:
                paid = paid_with(order, await codes_of(conn, order))
        seen = [*self._customer(order), *order.identities]
        keys = tuple(key for key, identity in self.keyed(seen) if identity.grade != Grade.ASSERTED)
        return SettleOrder(
            order=paid.order,
            payer=paid.payer,
            read_at=read_at,
            delivery_key=delivery_key,
            identities=keys,
            member=member,
            alert_id=self.new_id("alr"),
        )

    async def enrol(
        self, member: Member, *, creates_at: Iterable[str] = (), mirrors_at: Iterable[str] = ()
    ) -> EnrolAnswer:
        """Link or create a member (members/enrol.py), then settle the orders that waited."""
        own = Identity(
            kind=IdentityKind.VENDOR_CUSTOMER,
            scope=member.ref.connection,
            value=member.ref.id,
            grade=Grade.STRONG,
        )
        command = Enrol(
            seen=member,
            identities=tuple(self.keyed([own, *member.identities])),
            new_id=self.new_id("mem"),
            serial=self.new_serial(),
            ring=self.ring,
            mirrors_at=frozenset(mirrors_at),
            creates_at=frozenset(creates_at),
        )
        answer: EnrolAnswer = await self.committer.submit(command)
        await self._settle_waiting(member.ref, answer.member)
        return answer

    async def lapse_holds(self) -> int:
        """Book the end of holds whose time is over, one bounded batch; gives how many ended."""
        return await self.lapse(await self.lapsed(EVER))

    async def lapsed(self, since: datetime) -> Sequence[str]:
        """A bounded batch of members with open holds whose time was over after ``since``."""
        async with self.database.begin_often() as conn:
            return (await conn.execute(text(LAPSED), {"since": since})).scalars().all()

    async def lapse(self, members: Sequence[str]) -> int:
        """Book the end of these members' holds whose time is over; gives how many ended."""
        ended = await asyncio.gather(
            *(self.committer.submit(LapseHolds(member)) for member in members)
        )
        return sum(ended)

    async def expire_lots(self) -> int:
        """Book what has expired by its date, one bounded batch; gives how many points ended."""
        return await self._expire(EXPIRED)

    async def expire_slid(self) -> int:
        """The same for points that end when their member stays away. Looks at all of these."""
        return await self._expire(SLID)

    async def _expire(self, found: str) -> int:
        async with self.database.begin_often() as conn:
            members = (await conn.execute(text(found))).scalars().all()
        ended = await asyncio.gather(
            *(self.committer.submit(ExpireLots(member)) for member in sorted(members))
        )
        return sum(ended)

    async def reach_tiers(self) -> int:
        """Book what tiers give to who reached them, in bounded batches; gives how often."""
        count = 0
        for _ in range(TIER_ROUNDS):
            async with self.database.begin_often() as conn:
                due = (await conn.execute(text(TIERS_DUE))).all()
            if not due:
                break
            commands = (
                ReachTiers(row[0], rules_of(ProgramVersion(*row[2:])), row[1], self.new_id("seed"))
                for row in due
            )
            new = await asyncio.gather(*(self.committer.submit(one) for one in commands))
            count += sum(len(one) for one in new)
        return count

    def keyed(self, identities: Sequence[Identity]) -> list[tuple[IdentityKey, Identity]]:
        """Identities normalized, with their blind index, best proof first, each once."""
        usable = {normal: None for one in identities if (normal := normalized(one)) is not None}
        ordered = sorted(usable, key=_proof_rank)
        return [
            (
                (one.kind.value, one.scope, self.ring.blind(one.kind.value, one.scope, one.value)),
                one,
            )
            for one in ordered
        ]

    def _customer(self, order: Order) -> list[Identity]:
        if order.customer is None:
            return []
        return [
            Identity(
                kind=IdentityKind.VENDOR_CUSTOMER,
                scope=order.customer.connection,
                value=order.customer.id,
                grade=Grade.STRONG,
            )
        ]

    async def _settle_waiting(self, customer: ExternalRef, member: str) -> None:
        """Orders of this customer that came before the customer was known."""
        values = {"c": customer.connection, "id": customer.id}
        async with self.database.begin() as conn:
            waiting = (await conn.execute(text(WAITING_ORDERS), values)).all()
        for document, key in waiting:
            order = Order.model_validate_json(json.dumps(document))
            await self.settle(order, read_at=None, delivery_key=key, member=member)


def _proof_rank(identity: Identity) -> tuple[int, int, str, str, str]:
    """The vendor's own id first, then cards; proven before asserted."""
    kind = identity.kind
    rank = PROOF_ORDER.index(kind) if kind in PROOF_ORDER else len(PROOF_ORDER)
    asserted = int(identity.grade == Grade.ASSERTED)
    return (asserted, rank, kind.value, identity.scope, identity.value)
