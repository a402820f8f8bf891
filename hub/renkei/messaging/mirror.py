"""Mirror rows: the newest balance each channel should show, and what it was told last."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lease import backoff

LEASE = timedelta(seconds=30)

CLAIM = """
UPDATE mirror AS m
SET owner = :owner, leased_until = clock_timestamp() + :lease, tries = m.tries + 1
FROM (SELECT connection_id, member_id FROM mirror
      WHERE NOT parked AND due <= clock_timestamp()
        AND (written_version < wanted_version OR next_change_at <= clock_timestamp())
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        AND connection_id <> ALL(CAST(:closed AS text[]))
      ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED) AS x
WHERE (m.connection_id, m.member_id) = (x.connection_id, x.member_id)
RETURNING m.connection_id, m.member_id, m.external_id, m.wanted_version, m.written_version,
          m.written_points, m.tries"""

CREATED = """
UPDATE mirror SET external_id = :external WHERE connection_id = :c AND member_id = :m"""

INTENT = """
UPDATE mirror SET intent = CAST(:intent AS json), seen_points = :seen, seen_at = clock_timestamp()
WHERE connection_id = :c AND member_id = :m AND owner = :owner"""

WRITTEN = """
UPDATE mirror SET written_version = :version, written_points = :points,
       written_at = clock_timestamp(), next_change_at = :next_change_at, intent = NULL, tries = 0,
       last_error = NULL, owner = NULL, leased_until = NULL
WHERE connection_id = :c AND member_id = :m AND owner = :owner AND written_version <= :version"""

AGAIN = """
UPDATE mirror SET owner = NULL, leased_until = NULL, due = clock_timestamp() + :wait,
       last_error = :error, parked = :parked
WHERE connection_id = :c AND member_id = :m AND owner = :owner"""


@dataclass(frozen=True)
class MirrorRow:
    """One channel's copy of one balance, claimed for writing."""

    connection: str
    member: str
    external_id: str | None
    wanted_version: int
    written_version: int
    written_points: int | None
    tries: int
    owner: str


async def claim(
    conn: AsyncConnection, owner: str, limit: int, closed: list[str]
) -> list[MirrorRow]:
    """Take rows that are behind, or whose balance time alone has changed."""
    values = {"owner": owner, "lease": LEASE, "limit": limit, "closed": closed}
    rows = (await conn.execute(text(CLAIM), values)).all()
    return [
        MirrorRow(row[0], row[1], row[2], row[3], row[4], row[5], row[6], owner) for row in rows
    ]


async def created(conn: AsyncConnection, row: MirrorRow, external_id: str) -> None:
    """The member was created at the vendor under this id."""
    await conn.execute(text(CREATED), _name(row) | {"external": external_id})


async def intend(conn: AsyncConnection, row: MirrorRow, seen: int, change: int) -> None:
    """Write ahead what a write that cannot be repeated is about to do."""
    intent = json.dumps({"version": row.wanted_version, "seen": seen, "change": change})
    await conn.execute(text(INTENT), _name(row) | {"intent": intent, "seen": seen})


async def written(
    conn: AsyncConnection,
    row: MirrorRow,
    version: int,
    points: int,
    next_change_at: datetime | None,
) -> None:
    """The channel shows this balance now; an older version never replaces a newer one."""
    values = {"version": version, "points": points, "next_change_at": next_change_at}
    await conn.execute(text(WRITTEN), _name(row) | values)


async def try_again(
    conn: AsyncConnection, row: MirrorRow, error: str, wait: timedelta | None = None
) -> None:
    """Let it wait, as long as the vendor asked for; it is never given up."""
    pause = max(wait or timedelta(0), backoff(row.tries))
    values = {"wait": pause, "error": error, "parked": False}
    await conn.execute(text(AGAIN), _name(row) | values)


async def park(conn: AsyncConnection, row: MirrorRow, error: str) -> None:
    """The vendor refuses this one; a person must look at it."""
    values = {"wait": timedelta(0), "error": error, "parked": True}
    await conn.execute(text(AGAIN), _name(row) | values)


def _name(row: MirrorRow) -> dict[str, Any]:
    return {"c": row.connection, "m": row.member, "owner": row.owner}
