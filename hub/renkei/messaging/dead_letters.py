"""What was given up, and what waits to be tried: listed, and put back or left for good on command.

A name is (connection, name): a delivery's is its key, a reading's ``kind/id``, a balance's its
member, a hold's code is named ``member/version``, as whoever knows the code itself can spend it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

MOST = 1_000
"""Of each queue so many are listed, of deliveries so many of each connection."""

DAY: Final = "due AT TIME ZONE 'Asia/Tokyo'"
SHOPS: Final = "CAST(:shops AS text[])"
OBJECT: Final = "kind || '/' || object_id"
HOLD: Final = "member_id || '/' || version"

LOST: Final = "CASE WHEN lost > 0 THEN lost || ' workers were lost that had it' ELSE {} END"
ERROR: Final = LOST.format("last_error")

DEAD: Final = f"""
(SELECT 'delivery', connection_id, delivery_key, received_at, tries, reason, NULL::timestamptz
 FROM delivery WHERE state = 'dead' AND connection_id = ANY({SHOPS}) LIMIT {MOST})
UNION ALL
(SELECT 'changed_object', connection_id, {OBJECT}, changed_at, tries, last_error, NULL
 FROM changed_object WHERE dead AND connection_id = ANY({SHOPS}) LIMIT {MOST})
UNION ALL
(SELECT 'mirror', connection_id, member_id, coalesce(wanted_since, due), tries, last_error, NULL
 FROM mirror WHERE parked AND NOT dismissed AND connection_id = ANY({SHOPS}) LIMIT {MOST})
UNION ALL
(SELECT 'hold_code', connection_id, {HOLD}, recorded_at, tries, last_error, NULL
 FROM hold_code WHERE state = 'failed' AND connection_id = ANY({SHOPS}) LIMIT {MOST})
ORDER BY 4, 1, 2, 3"""

WAITING: Final = f"""
(SELECT 'delivery', c, d.* FROM unnest({SHOPS}) AS c, LATERAL (
   SELECT delivery_key, received_at, tries, {LOST.format("reason")}, due FROM delivery
   WHERE connection_id = c AND state = 'new' ORDER BY due LIMIT {MOST}) d)
UNION ALL
(SELECT 'changed_object', connection_id, {OBJECT}, changed_at, tries, {ERROR}, due
 FROM changed_object WHERE NOT dead AND connection_id = ANY({SHOPS}) ORDER BY due LIMIT {MOST})
UNION ALL
(SELECT 'mirror', connection_id, member_id, coalesce(wanted_since, due), tries, {ERROR}, due
 FROM mirror WHERE NOT parked AND written_version < wanted_version
   AND connection_id = ANY({SHOPS}) ORDER BY due LIMIT {MOST})
UNION ALL
(SELECT 'hold_code', connection_id, {HOLD}, recorded_at, tries, {ERROR}, due
 FROM hold_code WHERE state IN ('wanted', 'unwanted')
   AND connection_id = ANY({SHOPS}) ORDER BY due LIMIT {MOST})
ORDER BY 4, 1, 2, 3"""

# Of each queue what is meant, locked in the order in which everybody locks several; from where one
# begins to go through them; and how it is put back. A code whose hold is over must be revoked. Its
# tries stay above none, as only one that was never tried is surely not in the shop. A balance that
# was dismissed is put back by its name alone: it came in at no time.
_QUEUES: Final = {
    "delivery": (
        "delivery",
        ("delivery_key",),
        ("",),
        "delivery_key",
        "received_at",
        "state = 'dead'",
        "state = 'new', reason = NULL, tries = 0, lost = 0, due = :now, owner = NULL",
    ),
    "changed_object": (
        "changed_object",
        ("kind", "object_id"),
        ("", ""),
        OBJECT,
        "changed_at",
        "dead",
        "dead = false, tries = 0, due = greatest(:now, changed_at), owner = NULL,"
        " leased_until = NULL",
    ),
    "mirror": (
        "mirror",
        ("member_id",),
        ("",),
        "member_id",
        "CASE WHEN NOT dismissed THEN coalesce(wanted_since, due) END",
        "parked",
        "parked = false, dismissed = false, tries = 0, due = :now, last_error = NULL",
    ),
    "hold_code": (
        "hold_code",
        ("member_id", "version"),
        ("", -1),
        HOLD,
        "recorded_at",
        "state = 'failed'",
        "tries = 1, due = :now, last_error = NULL, state = CASE WHEN EXISTS (SELECT FROM hold_end e"
        " WHERE (e.member_id, e.version) = (d.member_id, d.version)) THEN 'unwanted'"
        " ELSE 'wanted' END",
    ),
}


def _same(keys: Sequence[str]) -> str:
    mine, theirs = _columns("d", keys), _columns("meant", keys)
    return f"d.connection_id = :c AND ({mine}) = ({theirs})"


def _columns(table: str, keys: Sequence[str]) -> str:
    return ", ".join(f"{table}.{key}" for key in keys)


class _Back(NamedTuple):
    """The statements that put one queue's back: those named, and the next of all after one."""

    first: Sequence[str | int]
    named: str
    next: str


def _back(
    table: str,
    keys: Sequence[str],
    first: Sequence[str | int],
    name: str,
    since: str,
    dead: str,
    back: str,
) -> _Back:
    own = ", ".join(keys)
    after = ", ".join(f":after{number}" for number in range(len(keys)))
    named = f"""
WITH meant AS (
    SELECT {own}, {name} AS name FROM {table}
    WHERE {dead} AND connection_id = :c AND {name} = ANY(CAST(:names AS text[]))
    ORDER BY {own} FOR UPDATE)
UPDATE {table} d SET {back} FROM meant WHERE {_same(keys)} RETURNING meant.name"""
    some = f"""
WITH meant AS (
    SELECT {own}, {since} >= :since AS recent FROM {table}
    WHERE {dead} AND connection_id = :c AND ({own}) > ({after})
    ORDER BY {own} LIMIT :most FOR UPDATE),
done AS (UPDATE {table} d SET {back} FROM meant WHERE {_same(keys)} AND meant.recent RETURNING 1)
SELECT (SELECT count(*) FROM done), {own} FROM meant ORDER BY {own} DESC LIMIT 1"""
    return _Back(first, named, some)


BACK: Final = {queue: _back(*parts) for queue, parts in _QUEUES.items()}

# Of a delivery its key stays, and what became of it: sent again, it is a duplicate. An object is
# forgotten: whatever tells of it again has it read again. Such an order is not missing any more. A
# balance is shown nowhere there, and compared no more, until its customer is told of again.
DISMISS: Final = (
    """
WITH meant AS (
    SELECT delivery_key FROM delivery
    WHERE state = 'dead' AND connection_id = :c AND delivery_key = ANY(CAST(:names AS text[]))
    ORDER BY delivery_key FOR UPDATE)
UPDATE delivery d SET state = 'ignored', reason = :why, due = :now
FROM meant WHERE d.connection_id = :c AND d.delivery_key = meant.delivery_key
RETURNING d.delivery_key""",
    f"""
WITH meant AS (
    SELECT kind, object_id FROM changed_object
    WHERE dead AND connection_id = :c AND {OBJECT} = ANY(CAST(:names AS text[]))
    ORDER BY kind, object_id FOR UPDATE),
missed AS (
    DELETE FROM drift USING meant WHERE connection_id = :c AND what = 'order' AND hub = 0
      AND meant.kind = 'order' AND subject = meant.object_id)
DELETE FROM changed_object d USING meant
WHERE d.connection_id = :c AND (d.kind, d.object_id) = (meant.kind, meant.object_id)
RETURNING meant.kind || '/' || meant.object_id""",
    """
WITH meant AS (
    SELECT member_id FROM mirror WHERE parked AND NOT dismissed AND connection_id = :c
      AND member_id = ANY(CAST(:names AS text[])) ORDER BY member_id FOR UPDATE),
missed AS (
    DELETE FROM drift USING meant
    WHERE connection_id = :c AND what = 'member' AND subject = meant.member_id)
UPDATE mirror d SET dismissed = true, last_error = :why
FROM meant WHERE d.connection_id = :c AND d.member_id = meant.member_id RETURNING d.member_id""",
)

STANDS: Final = f"""
SELECT CASE state WHEN 'new' THEN 'it waits to be read'
                  WHEN 'dead' THEN 'it was given up'
                  WHEN 'done' THEN 'it was read ' || to_char({DAY}, 'YYYY-MM-DD')
                  ELSE 'it was left ' || to_char({DAY}, 'YYYY-MM-DD')
                       || coalesce(' (' || reason || ')', '') END
       || CASE body WHEN '' THEN ', and its body is not kept any more' ELSE '' END
FROM delivery WHERE connection_id = :c AND delivery_key = :name
UNION ALL
SELECT CASE WHEN dead THEN 'it was given up' ELSE 'it waits to be read at the vendor' END
FROM changed_object WHERE connection_id = :c AND {OBJECT} = :name
UNION ALL
SELECT CASE WHEN dismissed THEN coalesce(last_error, '')
            WHEN parked THEN 'it was given up'
            ELSE 'the balance is shown, or waits to be' END FROM mirror
WHERE connection_id = :c AND member_id = :name
UNION ALL
SELECT CASE state WHEN 'failed' THEN 'a code can only be replayed' ELSE 'it is ' || state END
FROM hold_code WHERE connection_id = :c AND {HOLD} = :name LIMIT 1"""


class Letter(NamedTuple):
    """One that was given up, or waits. ``due``: its next try; None: it was given up."""

    queue: str
    connection: str
    name: str
    since: datetime
    tries: int
    why: str | None
    due: datetime | None


async def dead(conn: AsyncConnection, shops: Sequence[str]) -> list[Letter]:
    """What was given up at these connections, the oldest first; bounded."""
    return await _list(conn, DEAD, shops)


async def waiting(conn: AsyncConnection, shops: Sequence[str]) -> list[Letter]:
    """What waits at these connections, the oldest first; the next due ones where it is bounded."""
    return await _list(conn, WAITING, shops)


async def _list(conn: AsyncConnection, statement: str, shops: Sequence[str]) -> list[Letter]:
    rows = (await conn.execute(text(statement), {"shops": list(shops)})).all()
    return [Letter(*row) for row in rows]


async def put_back(
    conn: AsyncConnection, connection: str, names: Sequence[str], now: datetime
) -> list[str]:
    """Let these, where they were given up, be tried again from now on; gives their names."""
    values = {"c": connection, "names": list(names), "now": now}
    found: list[str] = []
    for one in BACK.values():
        found += (await conn.execute(text(one.named), values)).scalars().all()
    return found


async def dismiss(
    conn: AsyncConnection, connection: str, names: Sequence[str], why: str, now: datetime
) -> list[str]:
    """Leave these for good, of what was given up and is no code; gives their names."""
    values = {"c": connection, "names": list(names), "why": why, "now": now}
    found: list[str] = []
    for statement in DISMISS:
        found += (await conn.execute(text(statement), values)).scalars().all()
    return found


class Reached(NamedTuple):
    """How far one is in a queue: so many of these were put back, and the last one's key."""

    back: int
    last: Sequence[str | int]


async def put_back_next(
    conn: AsyncConnection,
    connection: str,
    queue: str,
    since: datetime,
    now: datetime,
    reached: Reached | None = None,
) -> Reached | None:
    """The same for the next of all those of a queue that came in from ``since`` on; bounded.

    ``reached``: what the call before gave. They are gone through by their keys, so that those that
    are given up again meanwhile are not met again. None: that was all.
    """
    one = BACK[queue]
    last = reached.last if reached else one.first
    after = {f"after{number}": part for number, part in enumerate(last)}
    values = {"c": connection, "since": since, "now": now, "most": MOST} | after
    row = (await conn.execute(text(one.next), values)).one_or_none()
    return Reached(row[0], tuple(row[1:])) if row else None


async def stands(conn: AsyncConnection, connection: str, name: str) -> str | None:
    """How one stands that was not given up, in words; None: nothing has this name."""
    found = await conn.execute(text(STANDS), {"c": connection, "name": name})
    return found.scalars().first()
