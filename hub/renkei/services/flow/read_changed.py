"""The lane of changed objects: what a hint named is read at the vendor and booked."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import time_ns

import structlog

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import changed
from renkei.messaging.changed import Claimed
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import dies, pause
from renkei.services.flow.ingest import Cause, Told, write_down
from renkei.services.flow.lanes import Claims, Tools, log_or_raise, work_off
from renkei.tracing import Origin
from renkei_contracts.errors import NotYet, UnsupportedFeature
from renkei_contracts.event import BalanceSeen, MemberSeen, Observation, OrderSeen
from renkei_contracts.ids import ExternalRef

log = structlog.get_logger(__name__)

CLAIMS = Claims(changed.claim, changed.claim_suspect, most=8)
"""Each object must be read and booked within the lease."""


@dataclass(frozen=True)
class ReadChanged:
    """Reads a connection's changed objects."""

    tools: Tools

    async def work(self, connection: str) -> int:
        """What is due now; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        return await work_off(
            self.tools,
            connection,
            CLAIMS,
            work=partial(self._one, opened),
            give_up=partial(self._again, reason=ENDS_WORKERS, dead=True),
        )

    async def _one(self, opened: OpenConnection, claimed: Claimed) -> bool:
        began, told, at = self.tools.clock(), Told(), time_ns()
        try:
            seen = await self._read(opened, claimed, began)
            await self.tools.trouble.worked(opened)
            cause = Cause(began, claimed.key, read=True)
            await self.tools.ingest.observe(opened, seen, cause, told)
        except Exception as error:
            log_or_raise(error, connection=claimed.connection, kind=claimed.kind)
            await self.tools.trouble.failed(opened, error)
            await self._failed(claimed, error, began)
            self._tell(claimed, at, reason_of(error))
            return False
        self._tell(claimed, at)
        async with self.tools.database.begin() as conn:
            await write_down(conn, [told], self.tools.clock())
            await changed.read_done(conn, claimed, began)
        return True

    def _tell(self, claimed: Claimed, began: int, failed: str | None = None) -> None:
        if self.tools.traces.on and (origin := _origin(claimed)) is not None:
            facts = {"kind": claimed.kind, "tries": claimed.tries}
            self.tools.traces.tell("fetch", origin, began, facts, failed=failed)

    async def _read(self, opened: OpenConnection, claimed: Claimed, began: datetime) -> Observation:
        what = f"connection {opened.id}: reading the {claimed.kind}"
        if claimed.kind == "order" and opened.orders is not None:
            return OrderSeen(order=await call(what, opened.orders.fetch(claimed.id)))
        if claimed.kind == "member" and opened.members is not None:
            return MemberSeen(member=await call(what, opened.members.fetch(claimed.id)))
        if claimed.kind == "balance" and opened.balances is not None:
            points = await call(what, opened.balances.read(claimed.id))
            ref = ExternalRef(connection=opened.id, id=claimed.id)
            return BalanceSeen(ref=ref, points=points, at=began)
        raise UnsupportedFeature(f"{what}: the plugin {opened.row.vendor} cannot")

    async def _failed(self, claimed: Claimed, error: Exception, began: datetime) -> None:
        dead = dies(error, claimed.tries)
        if dead and isinstance(error, NotYet):
            # The vendor tells of it once it is: until then there is nothing for a person to do.
            async with self.tools.database.begin() as conn:
                await changed.read_done(conn, claimed, began)
            return
        await self._again(claimed, reason_of(error), dead=dead)

    async def _again(self, claimed: Claimed, reason: str, *, dead: bool) -> None:
        due = self.tools.clock() + pause(claimed.tries)
        async with self.tools.database.begin() as conn:
            await changed.again(conn, claimed, due, reason, dead=dead)
        if dead:
            told = {"connection": claimed.connection, "kind": claimed.kind, "id": claimed.id}
            origin = _origin(claimed)
            trace = origin.trace if origin else None
            log.warning("object_dead", **told, trace=trace, reason=reason)


def _origin(claimed: Claimed) -> Origin | None:
    """The trace of what asked for the read; None for a member whom no delivery told of."""
    order = claimed.id if claimed.kind == "order" else None
    if claimed.key is None and order is None:
        return None
    return Origin(claimed.connection, claimed.key, order)
