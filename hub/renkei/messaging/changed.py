"""Objects that changed at the vendor and must be read: hints, merged per object and never lost.

``changed_at`` is the moment from which on a read sees the change. A hint always makes it later, so
that a read which began before the hint cannot clear it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lost import LOST, SUSPECT, TOGETHER, Taken, take, take_one
from renkei.messaging.reason import ID_LENGTH, storable
from renkei_contracts.event import ObjectKind

LEASE = timedelta(seconds=30)

HINT = """
INSERT INTO changed_object (connection_id, kind, object_id, changed_at, due, delivery_key)
SELECT c, kind, id, at, at, key FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, kind text, id text, at timestamptz, key text)
ORDER BY c, kind, id
ON CONFLICT (connection_id, kind, object_id) DO UPDATE
SET changed_at = greatest(excluded.changed_at, changed_object.changed_at + interval '1 us'),
    due = least(excluded.due, changed_object.due),
    tries = CASE WHEN changed_object.dead THEN 0 ELSE changed_object.tries END,
    delivery_key = coalesce(excluded.delivery_key, changed_object.delivery_key),
    dead = false"""

WAITS = """
NOT dead AND connection_id = :c AND due <= :now
AND (leased_until IS NULL OR leased_until <= :now)"""


def _claim(which: str) -> str:
    return f"""
WITH picked AS (
    SELECT connection_id, kind, object_id FROM changed_object WHERE {WAITS} AND {which}
    ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED)
UPDATE changed_object o
SET leased_until = :now + CAST(:lease AS interval), owner = :owner, tries = o.tries + 1,
    lost = {LOST}
FROM picked p
WHERE (o.connection_id, o.kind, o.object_id) = (p.connection_id, p.kind, p.object_id)
RETURNING o.connection_id, o.kind, o.object_id, o.changed_at, o.tries, o.delivery_key, o.lost"""


CLAIM = _claim(TOGETHER)

CLAIM_SUSPECTS = _claim(SUSPECT)

SUSPECTS_WAIT = f"SELECT EXISTS (SELECT FROM changed_object WHERE {WAITS} AND {SUSPECT})"

OURS = """
connection_id = :c AND kind = :kind AND object_id = :id AND owner = :owner AND tries = :tries"""

CLEAR = f"""
DELETE FROM changed_object WHERE {OURS} AND changed_at = :changed_at AND changed_at <= :began"""

AGAIN = f"""
UPDATE changed_object SET owner = NULL, leased_until = NULL, tries = :count, lost = 0,
       dead = :dead, last_error = :reason, due = greatest(:due, changed_at)
WHERE {OURS}"""

BURY = """
INSERT INTO changed_object (connection_id, kind, object_id, changed_at, due, dead, last_error)
SELECT c, kind, id, at, at, true, reason FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, kind text, id text, at timestamptz, reason text)
ORDER BY c, kind, id
ON CONFLICT (connection_id, kind, object_id) DO UPDATE
SET last_error = excluded.last_error
WHERE changed_object.dead AND changed_object.last_error IS DISTINCT FROM excluded.last_error
RETURNING object_id, last_error"""

UNDERSTOOD = """
DELETE FROM changed_object
WHERE dead AND connection_id = :c AND kind = :kind AND object_id = ANY(CAST(:ids AS text[]))"""


@dataclass(frozen=True)
class Hint:
    """Something changed at the vendor; a read from ``at`` on sees it. ``key``: who told of it."""

    connection: str
    kind: ObjectKind
    id: str
    at: datetime
    key: str | None = None


@dataclass(frozen=True)
class Claimed:
    """An object that is ours to read for the time of the lease."""

    connection: str
    kind: str
    id: str
    changed_at: datetime
    tries: int
    owner: str
    key: str | None = None
    lost: int = 0


async def hint(conn: AsyncConnection, hints: Sequence[Hint]) -> None:
    """Remember that these must be read; several hints at one object are one read."""
    latest = {(one.connection, one.kind, one.id): one for one in sorted(hints, key=_at)}
    rows = [
        {"c": name[0], "kind": name[1], "id": name[2], "at": one.at.isoformat(), "key": one.key}
        for name, one in latest.items()
    ]
    if rows:
        await conn.execute(text(HINT), {"p": json.dumps(rows)})


def _at(hint: Hint) -> datetime:
    return hint.at


async def claim(
    conn: AsyncConnection,
    connection: str,
    owner: str,
    now: datetime,
    limit: int,
    lease: timedelta = LEASE,
) -> Taken[Claimed]:
    """Take what is due at this connection, the longest waiting first.

    Not what has to be worked off alone. Commits: what was taken is everybody's to see.
    """
    values = {"c": connection, "owner": owner, "now": now, "limit": limit, "lease": lease}
    return await take(conn, CLAIM, SUSPECTS_WAIT, values, partial(_claimed, owner=owner))


async def claim_suspect(
    conn: AsyncConnection, connection: str, owner: str, now: datetime
) -> Claimed | None:
    """Take one that is due and has to be worked off alone; None: there is none. Commits."""
    values = {"c": connection, "owner": owner, "now": now, "limit": 1, "lease": LEASE}
    return await take_one(conn, CLAIM_SUSPECTS, values, partial(_claimed, owner=owner))


def _claimed(row: Any, owner: str) -> Claimed:
    connection, kind, id, changed_at, tries, key, lost = row
    return Claimed(connection, kind, id, changed_at, tries, owner, key, lost)


async def read_done(conn: AsyncConnection, claimed: Claimed, began: datetime) -> None:
    """The object was read from ``began`` on: forget it, unless another hint came meanwhile."""
    values = _name(claimed) | {"changed_at": claimed.changed_at, "began": began}
    if (await conn.execute(text(CLEAR), values)).rowcount == 0:
        await _again(conn, claimed, began, count=0)


async def again(
    conn: AsyncConnection, claimed: Claimed, due: datetime, reason: str, *, dead: bool = False
) -> None:
    """It could not be read: again at ``due``, or never without a person."""
    await _again(conn, claimed, due, count=claimed.tries, reason=reason, dead=dead)


async def _again(
    conn: AsyncConnection,
    claimed: Claimed,
    due: datetime,
    *,
    count: int,
    reason: str | None = None,
    dead: bool = False,
) -> None:
    values = {
        "due": due,
        "count": count,
        "reason": reason,
        "dead": dead,
    }
    await conn.execute(text(AGAIN), _name(claimed) | values)


def _name(claimed: Claimed) -> dict[str, object]:
    return {
        "c": claimed.connection,
        "kind": claimed.kind,
        "id": claimed.id,
        "owner": claimed.owner,
        "tries": claimed.tries,
    }


async def bury(
    conn: AsyncConnection,
    connection: str,
    kind: ObjectKind,
    rejected: Sequence[tuple[str, str]],
    now: datetime,
) -> list[tuple[str, str]]:
    """Keep objects of a page that could not be understood, (id, reason), for a person.

    One that is still to be read by itself stays as it is. Gives those of which this is news.
    """
    reasons = {storable(id, ID_LENGTH): storable(reason) for id, reason in rejected}
    rows = [
        {"c": connection, "kind": kind, "id": id, "at": now.isoformat(), "reason": reason}
        for id, reason in reasons.items()
    ]
    if not rows:
        return []
    found = await conn.execute(text(BURY), {"p": json.dumps(rows)})
    return [(id, reason) for id, reason in found]


async def understood(
    conn: AsyncConnection, connection: str, kind: ObjectKind, ids: Sequence[str]
) -> None:
    """These were seen and are understood: nobody has to look at them any more."""
    await conn.execute(text(UNDERSTOOD), {"c": connection, "kind": kind, "ids": list(ids)})
