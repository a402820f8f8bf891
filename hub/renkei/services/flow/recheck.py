"""The connection check, every hour: what a plugin mends by it is mended, what blocks is told.

Vendors remove webhooks after failures, or somebody takes a permission away: nobody tells us.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import structlog

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import polls
from renkei.messaging.alerts import Alert, raise_all
from renkei.messaging.polls import Claimed
from renkei.services.flow.lanes import Tools
from renkei_contracts.capability import CheckFinding
from renkei_contracts.errors import UnsupportedFeature

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class Recheck:
    """Checks a connection once more. A vendor that cannot be reached is asked again later."""

    tools: Tools

    SECONDS: ClassVar[float] = 20.0
    """It may take several calls, and be done within the lease."""

    async def look(self, opened: OpenConnection, claimed: Claimed) -> None:
        """What stands in the way of the connection is told to a person, once for each thing."""
        found = await self._findings(opened)
        await self.tools.trouble.worked(opened)
        for one in found:
            log.warning("connection_check", connection=opened.id, said=one.text)
        now = self.tools.clock()
        told = [_alert(opened, one) for one in found if one.blocks]
        async with self.tools.database.begin() as conn:
            await raise_all(conn, told, now)
            await polls.finish(conn, claimed, now + EVERY)

    async def _findings(self, opened: OpenConnection) -> Sequence[CheckFinding]:
        what = f"connection {opened.id}: its check"
        if opened.check is None:
            raise UnsupportedFeature(f"{what}: the plugin {opened.row.vendor} cannot")
        return await call(what, opened.check.check(), seconds=self.SECONDS)


def _alert(opened: OpenConnection, finding: CheckFinding) -> Alert:
    message = f"the check of {opened.id}: {finding.text}"
    return Alert("connection_check", opened.id, finding.text, message)
