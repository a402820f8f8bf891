"""Counting deliveries by connection and minute, beside the way in: counting never waits.

Each process adds up what it took in and writes the sums every few seconds. What a killed process
had not written yet is missing from the counts, and from nothing else.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.acceptance import Count, minute_of
from renkei.messaging.reason import place_of, reason_of
from renkei.storage.engine import Database
from renkei.storage.trip import as_json

log = structlog.get_logger(__name__)

WRITE_SECONDS = 2.0

ADD = """
INSERT INTO delivery_count AS d (connection_id, minute, accepted, refused)
SELECT c, m, a, r FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, m timestamptz, a bigint, r bigint)
ORDER BY c, m ON CONFLICT (connection_id, minute) DO UPDATE
SET accepted = d.accepted + excluded.accepted, refused = d.refused + excluded.refused"""

SINCE = """
SELECT connection_id, minute, accepted, refused FROM delivery_count
WHERE minute >= :since ORDER BY connection_id, minute"""

FIRST = """
SELECT d.connection_id, d.minute, d.accepted, d.refused FROM connection c
CROSS JOIN LATERAL (SELECT * FROM delivery_count o WHERE o.connection_id = c.connection_id
                    ORDER BY o.minute LIMIT 1) d"""

FORGET = """
DELETE FROM delivery_count d WHERE minute < :before
  AND EXISTS (SELECT FROM delivery_count o
              WHERE o.connection_id = d.connection_id AND o.minute < d.minute)"""


class DeliveryCounts:
    """What this process has counted and not yet written. Use it as an async context manager."""

    def __init__(self, database: Database, every: float = WRITE_SECONDS) -> None:
        self._database = database
        self._every = every
        self._waiting: dict[tuple[str, datetime], Count] = {}
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "DeliveryCounts":
        self._writing = asyncio.create_task(self._write_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the rest, then stop."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._try_to_write()

    def add(self, connection: str, at: datetime, *, genuine: bool) -> None:
        """Count one delivery of a connection that is known, received at this instant."""
        minute = minute_of(at)
        count = self._waiting.setdefault((connection, minute), Count(minute))
        if genuine:
            count.accepted += 1
        else:
            count.refused += 1

    async def write(self) -> None:
        """Add what was counted to the database; what cannot be written waits for the next time."""
        taken, self._waiting = self._waiting, {}
        if not taken:
            return
        try:
            async with self._database.begin() as conn:
                await add(conn, [(connection, count) for (connection, _), count in taken.items()])
        except BaseException:
            self._put_back(taken)
            raise

    def _put_back(self, taken: dict[tuple[str, datetime], Count]) -> None:
        for key, count in taken.items():
            here = self._waiting.setdefault(key, Count(count.minute))
            here.accepted += count.accepted
            here.refused += count.refused

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._try_to_write()

    async def _try_to_write(self) -> None:
        try:
            await self.write()
        except Exception as error:  # the database is away: counts can wait
            log.warning("counts_not_written", reason=reason_of(error), at=place_of(error))


async def add(conn: AsyncConnection, counts: Sequence[tuple[str, Count]]) -> None:
    """Add to what other processes have counted."""
    rows = [
        {"c": connection, "m": one.minute, "a": one.accepted, "r": one.refused}
        for connection, one in counts
    ]
    await conn.execute(text(ADD), {"p": as_json(rows)})


async def load(conn: AsyncConnection, since: datetime) -> dict[str, list[Count]]:
    """The counts of every connection from this minute on, and its very first one."""
    found: dict[str, list[Count]] = {}
    for statement in (FIRST, SINCE):
        for row in (await conn.execute(text(statement), {"since": since})).all():
            found.setdefault(row[0], []).append(Count(row[1], int(row[2]), int(row[3])))
    return found


async def forget(conn: AsyncConnection, before: datetime) -> None:
    """Delete what is too old to say what is usual; each connection's first count stays."""
    await conn.execute(text(FORGET), {"before": before})
