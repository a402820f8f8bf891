"""The lane of mirror rows: each channel is shown the newest balance of each of its members."""

from dataclasses import dataclass
from datetime import datetime
from time import time_ns
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.ledger.balance import ChannelBalance, channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.messaging import mirror
from renkei.messaging.mirror import Claimed
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import pause
from renkei.services.create_member import CreateMember
from renkei.services.lanes import Tools, log_or_raise, together
from renkei.tracing import Origin
from renkei_contracts.capability import Balances, Settling
from renkei_contracts.errors import (
    FixData,
    GiveUp,
    OutcomeUnknown,
    Reauthorize,
    TryLater,
    UnsupportedFeature,
)
from renkei_contracts.point import BalanceWrite

log = structlog.get_logger(__name__)

LIMIT = 4
"""Rows of one connection written at the same time; each must be done within the lease."""


class LeaseLost(TryLater):
    """Somebody else has taken the row over; what we were about to do is not ours to do."""


async def balance_of(
    conn: AsyncConnection, member: str, connection: str, now: datetime
) -> ChannelBalance:
    """What the member can spend in this channel; ends the transaction."""
    group = (await read_groups(conn, [member], commit=True))[member]
    return channel_balance(group, now, ZoneInfo(group.homes[0].zone), Channel(connection))


@dataclass(frozen=True)
class Push:
    """Writes a connection's balances."""

    tools: Tools
    create: CreateMember

    async def work(self, connection: str) -> int:
        """One batch; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        async with self.tools.database.begin_often() as conn:
            now = self.tools.clock()
            claimed = await mirror.claim(conn, connection, self.tools.owner, now, LIMIT)
        await together(self._one(opened, one) for one in claimed)
        return len(claimed)

    async def _one(self, opened: OpenConnection, claimed: Claimed) -> None:
        began = time_ns()
        try:
            version = await self._push(opened, claimed)
            await self.tools.trouble.worked(opened)
            await self._tell(claimed, version, began)
        except LeaseLost:
            log.info("mirror_lease_lost", connection=claimed.connection, member=claimed.member)
        except Exception as error:
            log_or_raise(error, connection=claimed.connection, member=claimed.member)
            await self.tools.trouble.failed(opened, error)
            await self._failed(opened, claimed, error)

    async def _tell(self, claimed: Claimed, version: int, began: int) -> None:
        """The write ends the trace of each delivery that it showed first."""
        if not self.tools.traces.on:
            return
        async with self.tools.database.begin_often() as conn:
            every = {Origin(*row) for row in await mirror.shown_by(conn, claimed, version)}
        facts = {"channel": claimed.connection, "version": version, "shown": len(every)}
        for origin in every:
            self.tools.traces.tell("push", origin, began, facts)

    async def _push(self, opened: OpenConnection, claimed: Claimed) -> int:
        """Gives the version that is shown now."""
        if opened.balances is None:
            raise UnsupportedFeature(f"the plugin {opened.row.vendor} shows no balances")
        id = claimed.external_id or await self.create(opened, claimed.member)
        if opened.balances.mode == "delta":
            return await self._change(opened, opened.balances, claimed, id)
        return await self._set(opened, opened.balances, claimed, id)

    async def _set(
        self, opened: OpenConnection, balances: Balances, claimed: Claimed, id: str
    ) -> int:
        found = await self._balance(claimed)
        write = mirror.next_write("absolute", found.balance, claimed.written_points)
        assert write is not None
        shown = await self._write(opened, balances, claimed, id, write)
        return await self._record(claimed, found, shown)

    async def _change(
        self, opened: OpenConnection, balances: Balances, claimed: Claimed, id: str
    ) -> int:
        """Read, announce, change. The balance is taken after the read, so that it is the newer."""
        what = f"connection {opened.id}: reading a balance"
        seen = await call(what, balances.read(id))
        found = await self._balance(claimed)
        write = mirror.next_write("delta", found.balance, seen)
        if write is None:
            return await self._record(claimed, found, seen)
        async with self.tools.database.begin() as conn:
            if not await mirror.intend(conn, claimed, write, seen, self.tools.clock()):
                raise LeaseLost(f"{opened.id}/{claimed.member}: taken over before the write")
        shown = await self._write(opened, balances, claimed, id, write)
        rest = (
            self.tools.clock() + balances.settles_after if isinstance(balances, Settling) else None
        )
        now_shown = seen + write.change if shown is None else shown
        return await self._record(claimed, found, now_shown, rest)

    async def _write(
        self,
        opened: OpenConnection,
        balances: Balances,
        claimed: Claimed,
        id: str,
        write: BalanceWrite,
    ) -> int | None:
        if self.tools.clock() >= claimed.until:  # this process stood still
            raise LeaseLost(f"{opened.id}/{claimed.member}: the lease is over before the write")
        what = f"connection {opened.id}: writing a balance"
        done = await call(what, balances.write(id, write), writes=True)
        if done.points is not None and done.points != write.balance.spendable:
            log.warning("shown_differs", connection=opened.id, version=write.balance.version)
        return done.points

    async def _balance(self, claimed: Claimed) -> ChannelBalance:
        async with self.tools.database.begin_often() as conn:
            now = self.tools.clock()
            return await balance_of(conn, claimed.member, claimed.connection, now)

    async def _record(
        self,
        claimed: Claimed,
        found: ChannelBalance,
        shown: int | None,
        rest: datetime | None = None,
    ) -> int:
        now, balance = self.tools.clock(), found.balance
        told = (claimed, balance, shown, found.next_change_at, now, rest)
        async with self.tools.database.begin_often() as conn:
            ours = await mirror.written(conn, *told)
        if not ours:
            async with self.tools.database.begin_often() as conn:
                await mirror.disturb(conn, claimed, self.tools.clock())
            raise LeaseLost(f"{claimed.connection}/{claimed.member}: taken over during the write")
        return balance.version

    async def _failed(self, opened: OpenConnection, claimed: Claimed, error: Exception) -> None:
        """What cannot be repeated is parked; an unsure change rests, or it could be made twice."""
        now = self.tools.clock()
        parked = isinstance(error, GiveUp | FixData)
        due = now if isinstance(error, Reauthorize) else now + pause(claimed.tries)
        unsure = isinstance(error, OutcomeUnknown) and _is_delta(opened)
        async with self.tools.database.begin() as conn:
            await mirror.again(
                conn,
                claimed,
                due,
                reason_of(error),
                parked=parked,
                rest=now + mirror.UNSURE if unsure else None,
            )
        if parked:
            told = {"connection": claimed.connection, "member": claimed.member}
            log.warning("mirror_parked", **told, reason=reason_of(error))


def _is_delta(opened: OpenConnection) -> bool:
    return opened.balances is not None and opened.balances.mode == "delta"
