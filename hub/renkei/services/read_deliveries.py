"""The lane of deliveries: what came in is read, booked, and ended as done, ignored or dead.

One that ends the process which reads it is never ended by it. Whose workers were lost is worked off
alone, so that it is known which one it was, and is given up when they are lost all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import time_ns

import structlog

from renkei.connections.calling import ask
from renkei.connections.opened import OpenConnection
from renkei.messaging import inbox
from renkei.messaging.inbox import Claimed, Ended
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import dies, pause
from renkei.services.ingest import Cause, Told, write_down
from renkei.services.lanes import Tools, log_or_raise, one_by_one, together
from renkei.tracing import Origin
from renkei_contracts.errors import PayloadInvalid

log = structlog.get_logger(__name__)

LIMIT = 100
"""Deliveries at a time: they meet in the ledger's group commits."""

SUSPECTS = 20
"""Deliveries one by one in one turn, where there are some that were lost: others have theirs."""


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
        """One batch; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        async with self.tools.database.begin_often() as conn:
            now = self.tools.clock()
            taken = await inbox.claim(conn, connection, self.tools.owner, now, LIMIT)
        await self._work_off(opened, taken.claimed)
        if taken.suspects:
            return len(taken.claimed) + await self._suspects(opened)
        return len(taken.claimed)

    async def _work_off(self, opened: OpenConnection, claimed: Sequence[Claimed]) -> None:
        done: list[Done] = []
        await together(self._one(opened, one, done) for one in claimed)
        await self._keep(done)

    async def _suspects(self, opened: OpenConnection) -> int:
        return await one_by_one(
            self.tools,
            opened.id,
            claim=inbox.claim_suspect,
            work=lambda one: self._work_off(opened, [one]),
            give_up=lambda one: self._keep([Done(Told(), self._dead(one, ENDS_WORKERS))]),
            most=SUSPECTS,
        )

    async def _one(self, opened: OpenConnection, claimed: Claimed, done: list[Done]) -> None:
        told, began = Told(), time_ns()  # what was told before an error stays told
        try:
            await self._read(opened, claimed, told)
        except Exception as error:
            log_or_raise(error, connection=claimed.connection, delivery=claimed.key)
            end = self._failed(claimed, error)
        else:
            state: inbox.State = "done" if told.reason is None else "ignored"
            end = Ended(claimed, state, self.tools.clock(), told.reason)
        done.append(Done(told, end))
        self._tell(end, began)

    def _tell(self, end: Ended, began: int) -> None:
        if self.tools.traces.on:
            facts = {"state": end.state, "tries": end.claimed.tries}
            failed = end.reason if end.state in ("new", "dead") else None
            self.tools.traces.tell("read", _origin(end.claimed), began, facts, failed=failed)

    async def _keep(self, done: Sequence[Done]) -> None:
        """Write down how they ended; a batch that is refused is split until the cause is alone."""
        if not done:
            return
        try:
            async with self.tools.database.begin_often() as conn:
                await write_down(conn, [one.told for one in done], self.tools.clock())
                await inbox.end(conn, [one.ended for one in done])
        except Exception as error:
            claimed, half = done[0].ended.claimed, len(done) // 2
            log_or_raise(error, connection=claimed.connection, delivery=claimed.key)
            if half:
                await self._keep(done[:half])
                await self._keep(done[half:])
                return
            async with self.tools.database.begin_often() as conn:
                await inbox.end(conn, [self._failed(claimed, error)])

    async def _read(self, opened: OpenConnection, claimed: Claimed, told: Told) -> None:
        webhooks = opened.webhooks
        if webhooks is None:
            raise PayloadInvalid(f"connection {opened.id} takes no deliveries any more")
        delivery = claimed.opened(self.tools.ring)
        what = f"connection {opened.id}: reading a delivery"
        cause = Cause(claimed.received_at, claimed.key)
        for observation in ask(what, lambda: tuple(webhooks.read(delivery))):
            await self.tools.ingest.observe(opened, observation, cause, told)

    def _failed(self, claimed: Claimed, error: Exception) -> Ended:
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
