"""The lane of hold codes: issued at the vendor once their hold is booked, revoked at its end."""

from dataclasses import dataclass
from functools import partial

import structlog

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import codes
from renkei.messaging.codes import Claimed
from renkei.messaging.lost import ENDS_WORKERS
from renkei.messaging.reason import reason_of
from renkei.messaging.retry import dies, pause
from renkei.services.flow.lanes import Claims, Tools, log_or_raise, work_off
from renkei_contracts.errors import Rejected, UnsupportedFeature

log = structlog.get_logger(__name__)

CLAIMS = Claims(codes.claim, codes.claim_suspect, most=4)
"""Each code must be done within the lease."""


@dataclass(frozen=True)
class IssueCodes:
    """Issues and revokes a connection's codes."""

    tools: Tools

    async def work(self, connection: str) -> int:
        """What is due now; gives how many there were. Raises what concerns the whole connection."""
        opened = await self.tools.connections.get(connection)
        return await work_off(
            self.tools,
            connection,
            CLAIMS,
            work=partial(self._one, opened),
            give_up=partial(self._again, opened, reason=ENDS_WORKERS, failed=True),
        )

    async def _one(self, opened: OpenConnection, claimed: Claimed) -> bool:
        try:
            await self._call(opened, claimed)
            await self.tools.trouble.worked(opened)
        except Exception as error:
            log_or_raise(error, connection=opened.id, code=claimed.state)
            await self.tools.trouble.failed(opened, error)
            await self._failed(opened, claimed, error)
            return False
        async with self.tools.database.begin() as conn:
            await codes.done(conn, claimed)
        return True

    async def _call(self, opened: OpenConnection, claimed: Claimed) -> None:
        coupons = opened.coupons
        if coupons is None:
            raise UnsupportedFeature(f"the plugin {opened.row.vendor} issues no codes")
        if claimed.state == "unwanted":
            what = f"connection {opened.id}: revoking a code"
            return await call(what, coupons.revoke(claimed.code), writes=True)
        if claimed.usable_until <= self.tools.clock():
            raise Rejected(f"connection {opened.id}: the time of the code is over")
        what = f"connection {opened.id}: issuing a code"
        issued = coupons.issue(claimed.code, claimed.yen, claimed.usable_until)
        return await call(what, issued, writes=True)

    async def _failed(self, opened: OpenConnection, claimed: Claimed, error: Exception) -> None:
        """What cannot be issued fails; what cannot be revoked, once nobody can use it any more."""
        now = self.tools.clock()
        matters = claimed.state == "unwanted" and now < claimed.usable_until
        failed = dies(error, claimed.tries) and not matters
        await self._again(opened, claimed, reason_of(error), failed=failed)

    async def _again(
        self, opened: OpenConnection, claimed: Claimed, reason: str, *, failed: bool
    ) -> None:
        due = self.tools.clock() + pause(claimed.tries)
        async with self.tools.database.begin() as conn:
            await codes.again(conn, claimed, due, reason, failed=failed)
        if failed:
            log.warning("code_failed", connection=opened.id, was=claimed.state, reason=reason)
