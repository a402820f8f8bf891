"""A vendor in trouble: its circuit, and a word to a person when it must be authorized again."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from renkei.clock import Clock
from renkei.connections import store
from renkei.connections.opened import OpenConnection, OpenConnections
from renkei.errors import Busy, DatabaseUnreachable
from renkei.messaging.alerts import Alert, raise_all
from renkei.messaging.reason import reason_of
from renkei.storage.engine import Database
from renkei_contracts.errors import RateLimited, Reauthorize, TryLater

log = structlog.get_logger(__name__)

OURS = (DatabaseUnreachable, Busy)
"""Troubles of the hub itself, for which no vendor is to blame."""

LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Trouble:
    """Keeps count, per connection, so that a vendor in trouble is left alone for a while."""

    database: Database
    connections: OpenConnections
    clock: Clock

    async def failed(self, opened: OpenConnection, error: BaseException) -> None:
        """A call ended in this error."""
        if isinstance(error, OURS):
            return
        if isinstance(error, Reauthorize):
            await self._stop(opened, error)
        elif isinstance(error, TryLater):
            await self._count(opened, error)

    async def worked(self, opened: OpenConnection) -> None:
        """A call was answered."""
        if opened.row.failures or opened.row.open_until is not None:
            async with self.database.begin() as conn:
                await store.note_success(conn, opened.id, self.clock())
            self.connections.forget()

    async def _count(self, opened: OpenConnection, error: TryLater) -> None:
        now, until = self.clock(), None
        if isinstance(error, RateLimited) and error.retry_after is not None:
            until = now + min(timedelta(seconds=error.retry_after), LONGEST_WAIT)
        async with self.database.begin() as conn:
            await store.note_failure(conn, opened.id, now, reason_of(error), until)
        self.connections.forget()

    async def _stop(self, opened: OpenConnection, error: Reauthorize) -> None:
        """Once: the connection rests until a person has authorized it again.

        What was refused with settings that are replaced by now says nothing of the new ones.
        """
        now, reason, used = self.clock(), reason_of(error), opened.row.sealed
        self.connections.forget()
        async with self.database.begin() as conn:
            if not await store.set_state(conn, opened.id, "needs_authorization", reason, used):
                return
            alert = Alert("needs_authorization", opened.id, now.isoformat(), reason)
            await raise_all(conn, [alert], now)
        self.connections.forget()
        log.warning("needs_authorization", connection=opened.id, reason=reason)
