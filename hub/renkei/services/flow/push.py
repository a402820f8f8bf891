"""The lane of mirror rows: each channel is shown the newest balance of each of its members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import time_ns
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.clock import Clock
from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.ledger.balance import ChannelBalance, channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.messaging import mirror
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.mirror import Claimed, Intent, Written
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import pause
from renkei.services.flow.lanes import Claims, Tools, log_or_raise, work_off
from renkei.services.members.create_member import CreateMember
from renkei.storage.committer import Committer, GroupCommitter
from renkei.storage.engine import Database
from renkei.tracing import Origin
from renkei_contracts.capability import Balances, Settling
from renkei_contracts.errors import (
    FixData,
    GiveUp,
    NotFound,
    OutcomeUnknown,
    Reauthorize,
    Rejected,
    TryLater,
    UnsupportedFeature,
)
from renkei_contracts.point import BalanceWrite

log = structlog.get_logger(__name__)

CLAIMS = Claims(mirror.claim, mirror.claim_suspect, most=8)
"""Each row must be written within the lease."""

SOON = 0.003
"""Seconds: what was claimed together asks for its balances one after the other, in one trip."""

AT_LEISURE = 0.02
"""Seconds: nobody waits for the record of a write but the row's place in the lane."""


class LeaseLost(TryLater):
    """Somebody else has taken the row over; what we were about to do is not ours to do."""


Shown = tuple[str, str]
"""(member, connection): whose balance, and the channel that shows it."""


async def balances_of(
    conn: AsyncConnection, every: Sequence[Shown], now: datetime
) -> list[ChannelBalance]:
    """What each of these can spend in their channel; ends the transaction."""
    groups = await read_groups(conn, [member for member, _ in every], commit=True)
    return [
        channel_balance(group, now, ZoneInfo(group.homes[0].zone), Channel(connection))
        for group, connection in ((groups[member], connection) for member, connection in every)
    ]


@dataclass(frozen=True)
class Push:
    """Writes a connection's balances."""

    tools: Tools
    create: CreateMember

    async def work(self, connection: str) -> int:
        """What is due now; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        database, clock = self.tools.database, self.tools.clock
        async with (
            GroupCommitter(database, partial(_read, clock), linger=SOON) as found,
            GroupCommitter(database, partial(_intend, clock), linger=SOON) as intents,
            GroupCommitter(database, partial(_record, clock), linger=AT_LEISURE) as records,
        ):
            lane = _Lane(self.tools, self.create, opened, found, intents, records)
            give_up = partial(_park, self.tools, reason=ENDS_WORKERS)
            return await work_off(self.tools, connection, CLAIMS, work=lane.one, give_up=give_up)


async def _park(tools: Tools, claimed: Claimed, reason: str, *, elsewhere: bool = False) -> None:
    """It waits for a person; ``elsewhere``: unless the member has a later account there."""
    told = {"connection": claimed.connection, "member": claimed.member}
    async with tools.database.begin() as conn:
        await mirror.again(conn, claimed, tools.clock(), reason, parked=True)
        moved = elsewhere and await mirror.move_on(conn, claimed, tools.clock())
    if moved:
        log.info("mirror_moved_on", **told, reason=reason)
    else:
        log.warning("mirror_parked", **told, reason=reason)


async def _read(
    clock: Clock, database: Database, every: Sequence[Shown]
) -> Sequence[ChannelBalance]:
    async with database.begin_often() as conn:
        return await balances_of(conn, every, clock())


async def _intend(clock: Clock, database: Database, every: Sequence[Intent]) -> Sequence[bool]:
    async with database.begin_often() as conn:
        return await mirror.intend(conn, every, clock())


async def _record(clock: Clock, database: Database, every: Sequence[Written]) -> Sequence[bool]:
    async with database.begin_often() as conn:
        return await mirror.written(conn, every, clock())


@dataclass(frozen=True)
class _Lane:
    """Rows of one connection under way; those that come to the database at once go in one trip."""

    tools: Tools
    create: CreateMember
    opened: OpenConnection
    found: Committer[Shown, ChannelBalance]
    intents: Committer[Intent, bool]
    records: Committer[Written, bool]

    async def one(self, claimed: Claimed) -> bool:
        """Write one balance; what goes wrong with it is kept with its row, and False."""
        began = time_ns()
        try:
            version = await self._push(claimed)
            await self.tools.trouble.worked(self.opened)
            await self._tell(claimed, version, began)
            return True
        except LeaseLost:
            log.info("mirror_lease_lost", connection=claimed.connection, member=claimed.member)
        except Exception as error:
            log_or_raise(error, connection=claimed.connection, member=claimed.member)
            await self.tools.trouble.failed(self.opened, error)
            await self._failed(claimed, error)
        return False

    async def _tell(self, claimed: Claimed, version: int, began: int) -> None:
        """The write ends the trace of each delivery that it showed first."""
        if not self.tools.traces.on:
            return
        async with self.tools.database.begin_often() as conn:
            every = {Origin(*row) for row in await mirror.shown_by(conn, claimed, version)}
        facts = {"channel": claimed.connection, "version": version, "shown": len(every)}
        for origin in every:
            self.tools.traces.tell("push", origin, began, facts)

    async def _push(self, claimed: Claimed) -> int:
        """Gives the version that is shown now."""
        balances = self.opened.balances
        if balances is None:
            raise UnsupportedFeature(f"the plugin {self.opened.row.vendor} shows no balances")
        id = claimed.external_id or await self.create(self.opened, claimed.member)
        if balances.mode == "delta":
            return await self._change(balances, claimed, id)
        return await self._set(balances, claimed, id)

    async def _set(self, balances: Balances, claimed: Claimed, id: str) -> int:
        found = await self._balance(claimed)
        write = mirror.next_write("absolute", found.balance, claimed.written_points)
        assert write is not None
        shown = await self._write(balances, claimed, id, write)
        return await self._record(claimed, found, shown)

    async def _change(self, balances: Balances, claimed: Claimed, id: str) -> int:
        """Read, announce, change. The balance is taken after the read, so that it is the newer."""
        what = f"connection {self.opened.id}: reading a balance"
        seen = await call(what, balances.read(id))
        found = await self._balance(claimed)
        write = mirror.next_write("delta", found.balance, seen)
        if write is None:
            return await self._record(claimed, found, seen)
        if not await self.intents.submit(Intent(claimed, write, seen)):
            raise self._lost(claimed, "taken over before the write")
        shown = await self._write(balances, claimed, id, write)
        rest = (
            self.tools.clock() + balances.settles_after if isinstance(balances, Settling) else None
        )
        now_shown = seen + write.change if shown is None else shown
        return await self._record(claimed, found, now_shown, rest)

    async def _write(
        self, balances: Balances, claimed: Claimed, id: str, write: BalanceWrite
    ) -> int | None:
        if self.tools.clock() >= claimed.until:  # this process stood still
            raise self._lost(claimed, "the lease is over before the write")
        what = f"connection {self.opened.id}: writing a balance"
        done = await call(what, balances.write(id, write), writes=True)
        if done.points is not None and done.points != write.balance.spendable:
            log.warning("shown_differs", connection=self.opened.id, version=write.balance.version)
        return done.points

    async def _balance(self, claimed: Claimed) -> ChannelBalance:
        return await self.found.submit((claimed.member, claimed.connection))

    async def _record(
        self,
        claimed: Claimed,
        found: ChannelBalance,
        shown: int | None,
        rest: datetime | None = None,
    ) -> int:
        done = Written(claimed, found.balance, shown, found.next_change_at, rest)
        if not await self.records.submit(done):
            async with self.tools.database.begin_often() as conn:
                await mirror.disturb(conn, claimed, self.tools.clock())
            raise self._lost(claimed, "taken over during the write")
        return found.balance.version

    def _lost(self, claimed: Claimed, how: str) -> LeaseLost:
        return LeaseLost(f"{claimed.connection}/{claimed.member}: {how}")

    async def _failed(self, claimed: Claimed, error: Exception) -> None:
        """What cannot be repeated is parked; an unsure change rests, or it could be made twice."""
        now, reason = self.tools.clock(), reason_of(error)
        if isinstance(error, GiveUp | FixData):
            refused = isinstance(error, NotFound | Rejected)
            return await _park(self.tools, claimed, reason, elsewhere=refused)
        due = now if isinstance(error, Reauthorize) else now + pause(claimed.tries)
        unsure = isinstance(error, OutcomeUnknown) and _is_delta(self.opened)
        rest = now + mirror.UNSURE if unsure else None
        async with self.tools.database.begin() as conn:
            await mirror.again(conn, claimed, due, reason, rest=rest)


def _is_delta(opened: OpenConnection) -> bool:
    return opened.balances is not None and opened.balances.mode == "delta"
