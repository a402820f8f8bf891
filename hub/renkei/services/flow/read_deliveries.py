"""The lane of deliveries: what came in is read, booked, and ended as done, ignored or dead.

One that ends the process which reads it is never ended by it. Whose workers were lost is worked off
alone, so that it is known which one it was, and is given up when they are lost all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from time import time_ns

import structlog

from renkei.clock import Clock
from renkei.connections.calling import ask
from renkei.connections.opened import OpenConnection
from renkei.messaging import inbox
from renkei.messaging.inbox import Claimed, Ended
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import dies, pause
from renkei.services.flow.ingest import Cause, Told, write_down
from renkei.services.flow.lanes import Claims, Tools, log_or_raise, work_off
from renkei.storage.committer import Committer, GroupCommitter
from renkei.storage.engine import Database
from renkei.tracing import Origin
from renkei_contracts.errors import PayloadInvalid

log = structlog.get_logger(__name__)

CLAIMS = Claims(inbox.claim, inbox.claim_suspect, most=100, suspects=20)
"""So many at a time: they meet in the ledger's group commits."""


@dataclass(frozen=True)
class Done:
    """What a delivery told, and how it ended: both are written down together."""

    told: Told
    ended: Ended


@dataclass(frozen=True)
class ReadDeliveries:
    """Works off a connection's deliveries; calls no vendor."""

    tools: Tools

    async def work(self, connection: str) -> int:
        """What is due now; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        async with GroupCommitter(self.tools.database, partial(_write, self.tools.clock)) as ends:
            lane = _Lane(self.tools, opened, ends)
            return await work_off(
                self.tools, connection, CLAIMS, work=lane.one, give_up=lane.give_up
            )


async def _write(clock: Clock, database: Database, done: Sequence[Done]) -> Sequence[None]:
    async with database.begin_often() as conn:
        await write_down(conn, [one.told for one in done], clock())
        await inbox.end(conn, [one.ended for one in done])
    return [None] * len(done)


@dataclass(frozen=True)
class _Lane:
    """Deliveries of one connection under way; those that end at once are ended in one trip.

    Where that is refused, the committer finds the one that is the cause.
    """

    tools: Tools
    opened: OpenConnection
    ends: Committer[Done, None]

    async def one(self, claimed: Claimed) -> bool:
        """Read one and end it; what goes wrong is kept with it, and holds up no other."""
        told, began = Told(), time_ns()  # what was told before an error stays told
        try:
            await self._read(claimed, told)
        except Exception as error:
            end = self._failed(claimed, error)
        else:
            state: inbox.State = "done" if told.reason is None else "ignored"
            end = Ended(claimed, state, self.tools.clock(), told.reason)
        await self._end(Done(told, end))
        self._tell(end, began)
        return True

    async def give_up(self, claimed: Claimed) -> None:
        """It waits for a person."""
        await self.ends.submit(Done(Told(), self._dead(claimed, ENDS_WORKERS)))

    async def _end(self, done: Done) -> None:
        try:
            await self.ends.submit(done)
        except Exception as error:  # what it told cannot be written down
            await self.ends.submit(Done(Told(), self._failed(done.ended.claimed, error)))

    def _tell(self, end: Ended, began: int) -> None:
        if self.tools.traces.on:
            facts = {"state": end.state, "tries": end.claimed.tries}
            failed = end.reason if end.state in ("new", "dead") else None
            self.tools.traces.tell("read", _origin(end.claimed), began, facts, failed=failed)

    async def _read(self, claimed: Claimed, told: Told) -> None:
        webhooks = self.opened.webhooks
        if webhooks is None:
            raise PayloadInvalid(f"connection {self.opened.id} takes no deliveries any more")
        delivery = claimed.opened(self.tools.ring)
        what = f"connection {self.opened.id}: reading a delivery"
        cause = Cause(claimed.received_at, claimed.key)
        for observation in ask(what, lambda: tuple(webhooks.read(delivery))):
            await self.tools.ingest.observe(self.opened, observation, cause, told)

    def _failed(self, claimed: Claimed, error: Exception) -> Ended:
        """How it ends; raises what concerns every delivery."""
        log_or_raise(error, connection=claimed.connection, delivery=claimed.key)
        now, reason = self.tools.clock(), reason_of(error)
        if not dies(error, claimed.tries):
            return Ended(claimed, "new", now + pause(claimed.tries), reason)
        return self._dead(claimed, reason)

    def _dead(self, claimed: Claimed, reason: str) -> Ended:
        told = {"connection": claimed.connection, "delivery": claimed.key}
        log.warning("delivery_dead", **told, trace=_origin(claimed).trace, reason=reason)
        return Ended(claimed, "dead", self.tools.clock(), reason)


def _origin(claimed: Claimed) -> Origin:
    return Origin(claimed.connection, claimed.key)
