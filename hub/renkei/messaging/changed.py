"""Objects that a vendor says have changed: to be read again, never deduplicated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lease import MOST_TRIES, backoff
from renkei_contracts.event import Changed

LEASE = timedelta(seconds=30)
"""Longer than any call to a vendor may take."""

MARK = """
INSERT INTO changed_object (connection_id, kind, object_id, changed_at, due)
VALUES (:c, :kind, :id, clock_timestamp(), clock_timestamp() + :delay)
ON CONFLICT (connection_id, kind, object_id) DO UPDATE
SET changed_at = excluded.changed_at, due = LEAST(changed_object.due, excluded.due),
    dead = false, tries = 0"""

CLAIM = """
UPDATE changed_object AS o
SET owner = :owner, leased_until = clock_timestamp() + :lease, tries = o.tries + 1
FROM (SELECT connection_id, kind, object_id FROM changed_object
      WHERE NOT dead AND due <= clock_timestamp()
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        AND connection_id <> ALL(CAST(:closed AS text[]))
      ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED) AS x
WHERE (o.connection_id, o.kind, o.object_id) = (x.connection_id, x.kind, x.object_id)
RETURNING o.connection_id, o.kind, o.object_id, o.changed_at, o.tries"""

CLEAR = """
DELETE FROM changed_object WHERE connection_id = :c AND kind = :kind AND object_id = :id
  AND changed_at = :changed_at"""

RELEASE = """
UPDATE changed_object SET owner = NULL, leased_until = NULL, due = clock_timestamp() + :wait,
       last_error = :error, dead = :dead
WHERE connection_id = :c AND kind = :kind AND object_id = :id AND owner = :owner"""


@dataclass(frozen=True)
class ChangedObject:
    """One object to be read; ``changed_at`` is when it was last said to have changed."""

    connection: str
    kind: str
    id: str
    changed_at: datetime
    tries: int
    owner: str


async def mark(conn: AsyncConnection, changed: Iterable[Changed]) -> None:
    """Note that these have changed, in key order."""
    for one in sorted(changed, key=lambda each: (each.ref.connection, each.kind, each.ref.id)):
        values = {"c": one.ref.connection, "kind": one.kind, "id": one.ref.id, "delay": one.delay}
        await conn.execute(text(MARK), values)


async def claim(
    conn: AsyncConnection, owner: str, limit: int, closed: Iterable[str] = ()
) -> list[ChangedObject]:
    """Take what is due, but not of the connections whose vendor must not be called now."""
    values = {"owner": owner, "lease": LEASE, "limit": limit, "closed": sorted(closed)}
    rows = (await conn.execute(text(CLAIM), values)).all()
    return [ChangedObject(row[0], row[1], row[2], row[3], row[4], owner) for row in rows]


async def clear(conn: AsyncConnection, one: ChangedObject) -> None:
    """It was read; if it was said to have changed since, it stays, and is due at once."""
    done = await conn.execute(text(CLEAR), _name(one) | {"changed_at": one.changed_at})
    if done.rowcount == 0:
        await conn.execute(text(RELEASE), _left(one, timedelta(0), None, dead=False))


async def try_again(
    conn: AsyncConnection, one: ChangedObject, error: str, wait: timedelta | None = None
) -> None:
    """Let it wait, as long as the vendor asked for; after too many tries it is a dead letter."""
    dead = one.tries >= MOST_TRIES
    pause = max(wait or timedelta(0), backoff(one.tries))
    await conn.execute(text(RELEASE), _left(one, pause, error, dead=dead))


async def give_up(conn: AsyncConnection, one: ChangedObject, error: str) -> None:
    """A person must look at it."""
    await conn.execute(text(RELEASE), _left(one, timedelta(0), error, dead=True))


def _name(one: ChangedObject) -> dict[str, Any]:
    return {"c": one.connection, "kind": one.kind, "id": one.id}


def _left(one: ChangedObject, wait: timedelta, error: str | None, *, dead: bool) -> dict[str, Any]:
    return _name(one) | {"wait": wait, "error": error, "dead": dead, "owner": one.owner}
