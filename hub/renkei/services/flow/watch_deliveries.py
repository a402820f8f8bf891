"""Raises an alarm where a connection's deliveries are refused or missing, and ends it again."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.clock import Clock
from renkei.connections import store
from renkei.messaging import delivery_counts
from renkei.messaging.acceptance import (
    HOUR,
    KEPT,
    KINDS,
    MINUTE,
    Count,
    Kind,
    Standing,
    judge,
    minute_of,
)
from renkei.messaging.alerts import Alert, raise_all
from renkei.storage.engine import Database

log = structlog.get_logger(__name__)

WATCH_LOCK = 0x72656E6B77
"""Advisory lock: of several processes one looks, the others come next time."""

TAKE_TURN = "SELECT pg_try_advisory_xact_lock(:id)"

STANDING = """
SELECT connection_id, kind, raised_at, closed_at FROM alert
WHERE kind = ANY(:kinds) AND (closed_at IS NULL OR closed_at > :since)"""

CLOSE = """
UPDATE alert SET closed_at = :now
WHERE kind = :kind AND connection_id = :c AND closed_at IS NULL"""

OVERLAP = 10 * MINUTE
"""Other processes may write late what they have counted."""

MENDS: dict[Kind, str] = {
    "deliveries_refused": (
        "compare its secret with the one at {vendor} (`renkei connect {vendor} --id {id} "
        "--replace`); if its own still come, a stranger calls its address"
    ),
    "deliveries_missing": (
        "look at {vendor} whether its webhooks are still there and on; polls find meanwhile what "
        "they can"
    ),
}
"""What to do about it."""


@dataclass
class WatchDeliveries:
    """Looks at all connections at once. Keeps the counts it has read: old ones do not change."""

    database: Database
    clock: Clock
    counts: dict[str, dict[datetime, Count]] = field(default_factory=dict)
    read_at: datetime | None = None
    awake: datetime | None = None

    async def look(self) -> None:
        """Raise and end alarms as of now."""
        now = self.clock()
        self.awake = self.awake or now
        async with self.database.begin() as conn:
            if not (await conn.execute(text(TAKE_TURN), {"id": WATCH_LOCK})).scalar_one():
                return
            await self._read(conn, now)
            standing = await _standing(conn, now)
            for row in await store.load_all(conn):
                alarms = replace(standing.get(row.id, Standing()), awake=self.awake)
                counts = self.counts.get(row.id, {})
                found = judge(counts.values(), now, alarms)
                await _end(conn, row.id, set(alarms.since) - set(found), now)
                fresh = {kind: said for kind, said in found.items() if kind not in alarms.since}
                await _raise(conn, row.id, row.vendor, fresh, now)

    async def _read(self, conn: AsyncConnection, now: datetime) -> None:
        oldest = minute_of(now) - KEPT
        since = oldest if self.read_at is None else self.read_at - OVERLAP
        for connection, counts in (await delivery_counts.load(conn, since)).items():
            self.counts.setdefault(connection, {}).update({one.minute: one for one in counts})
        for connection, kept in self.counts.items():
            first = min(kept)
            fresh = {at: one for at, one in kept.items() if at >= oldest or at == first}
            self.counts[connection] = fresh
        if self.read_at is None or minute_of(self.read_at) != minute_of(now):
            await delivery_counts.forget(conn, oldest)
        self.read_at = now


async def _standing(conn: AsyncConnection, now: datetime) -> dict[str, Standing]:
    """The alarms that stand, and those that ended within the last hour, by connection."""
    values = {"kinds": list(KINDS), "since": now - HOUR}
    since: dict[str, dict[Kind, datetime]] = {}
    ended: dict[str, datetime] = {}
    for connection, kind, raised_at, closed_at in (
        await conn.execute(text(STANDING), values)
    ).all():
        since.setdefault(connection, {})
        if closed_at is None:
            since[connection][kind] = raised_at
        else:
            ended[connection] = max(closed_at, ended.get(connection, closed_at))
    return {id: Standing(kinds, ended.get(id)) for id, kinds in since.items()}


async def _raise(
    conn: AsyncConnection, id: str, vendor: str, said: dict[Kind, str], now: datetime
) -> None:
    alerts: list[Alert] = []
    for kind, what in said.items():
        message = f"connection {id}: {what}: {MENDS[kind].format(vendor=vendor, id=id)}"
        alerts.append(Alert(kind, id, now.isoformat(), message))
        log.warning(kind, connection=id, reason=what)
    await raise_all(conn, alerts, now)


async def _end(conn: AsyncConnection, id: str, kinds: set[Kind], now: datetime) -> None:
    for kind in sorted(kinds):
        await conn.execute(text(CLOSE), {"kind": kind, "c": id, "now": now})
        log.info("alarm_ended", connection=id, kind=kind)
