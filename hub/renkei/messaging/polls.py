"""Polls: what changed at a vendor, window after window, resumable at every page.

A window begins some time before the last one ended: vendors' clocks run apart, and rows become
visible late. What is seen twice is booked once.

A back-fill reads what changed before, up to where the polls began, in slices of time: what must be
read again after a cursor was refused is one slice at most. What changes meanwhile leaves the past,
and the polls see it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lost import LOST, SUSPECT, TOGETHER, Taken, take, take_one
from renkei_contracts.event import ObjectKind
from renkei_contracts.paging import Window

Kind = Literal["order", "member", "fact", "check", "reconcile", "order_history", "member_history"]

LEASE = timedelta(seconds=30)
OVERLAP = timedelta(minutes=15)
INTERVAL = timedelta(seconds=60)
SLICE = timedelta(days=31)
"""How much of the past is read as one window."""

ENSURE = """
INSERT INTO poll (connection_id, kind, since, due)
SELECT c, kind, since, due FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, kind text, since timestamptz, due timestamptz)
ORDER BY c, kind ON CONFLICT DO NOTHING"""

# Again, it goes on; one that is done is carried on further back.
BACKFILL = """
INSERT INTO poll (connection_id, kind, since, due, began, ends)
SELECT c, kind, began, due, began, ends FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, kind text, began timestamptz, ends timestamptz, due timestamptz)
WHERE began < ends
ORDER BY c, kind
ON CONFLICT (connection_id, kind) DO UPDATE
SET since = excluded.began, began = excluded.began, ends = poll.began, due = excluded.due,
    pages = 0, items = 0
WHERE poll.since >= poll.ends AND excluded.began < poll.began"""

WAITS = """
connection_id = :c AND due <= :now AND (leased_until IS NULL OR leased_until <= :now)
AND (ends IS NULL OR since < ends) AND kind = coalesce(CAST(:kind AS text), kind)"""


def _claim(which: str) -> str:
    return f"""
WITH picked AS (
    SELECT connection_id, kind FROM poll WHERE {WAITS} AND {which}
    ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE poll SET owner = :owner, leased_until = :now + CAST(:lease AS interval), lost = {LOST},
                until = coalesce(poll.until, CASE WHEN ends IS NULL THEN :now
                    ELSE least(ends, since + CAST(:slice AS interval)) END)
FROM picked p WHERE (poll.connection_id, poll.kind) = (p.connection_id, p.kind)
RETURNING poll.connection_id, poll.kind, poll.since, poll.until, poll.cursor, poll.failures,
          poll.lost"""


CLAIM = _claim(TOGETHER)

CLAIM_SUSPECTS = _claim(SUSPECT)

SUSPECTS_WAIT = f"SELECT EXISTS (SELECT FROM poll WHERE {WAITS} AND {SUSPECT})"

PAGE = """
UPDATE poll SET cursor = :cursor, failures = 0, leased_until = :now + CAST(:lease AS interval),
                pages = pages + 1, items = items + :items, lost = 0
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

HURRY = """
UPDATE poll SET due = :now
WHERE connection_id = :c AND kind = :kind AND due > :now
  AND (leased_until IS NULL OR leased_until <= :now)"""

REST = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, lost = 0
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FINISHED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = 0, cursor = NULL,
                since = CASE WHEN ends IS NOT NULL THEN until
                             ELSE greatest(since, until - CAST(:overlap AS interval)) END,
                until = NULL, pages = pages + 1, items = items + :items, lost = 0
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FAILED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = failures + 1, lost = 0
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

RESTARTED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = failures + 1,
                cursor = NULL, lost = 0
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

# The next one alone again, and the last one if it, too, is lost.
SET_ASIDE = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = failures + 1,
                lost = lost - 1
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FAILURES = "SELECT failures FROM poll WHERE connection_id = :c AND kind = :kind"


@dataclass(frozen=True)
class NewPoll:
    """A kind of object to poll at a connection, from ``since`` on; first at ``due`` (None: now)."""

    connection: str
    kind: Kind
    since: datetime
    due: datetime | None = None


@dataclass(frozen=True)
class Claimed:
    """A window that is ours to read for the time of the lease."""

    connection: str
    kind: Kind
    since: datetime
    until: datetime
    cursor: str | None
    failures: int
    owner: str
    lost: int = 0

    @property
    def objects(self) -> ObjectKind:
        """What is read page after page; facts are not."""
        return "member" if self.kind.startswith("member") else "order"

    @property
    def is_backfill(self) -> bool:
        """Whether it is a slice of the past."""
        return self.kind.endswith("_history")

    @property
    def window(self) -> Window:
        """What is being read."""
        return Window(self.since, self.until)

    def at(self, cursor: str) -> "Claimed":
        """The same window, one page further."""
        return replace(self, cursor=cursor, failures=0)


async def ensure(conn: AsyncConnection, polls: Sequence[NewPoll], now: datetime) -> None:
    """Begin those that have not begun."""
    rows = [
        {
            "c": one.connection,
            "kind": one.kind,
            "since": one.since.isoformat(),
            "due": (one.due or now).isoformat(),
        }
        for one in polls
    ]
    if rows:
        await conn.execute(text(ENSURE), {"p": json.dumps(rows)})


async def backfill(
    conn: AsyncConnection,
    connection: str,
    kinds: Sequence[Kind],
    began: datetime,
    ends: datetime,
    now: datetime,
) -> None:
    """Read the past from ``began`` on, up to ``ends`` or to where it was read before."""
    span = {"c": connection, "began": began.isoformat(), "ends": ends.isoformat()}
    rows = [span | {"kind": kind, "due": now.isoformat()} for kind in kinds]
    await conn.execute(text(BACKFILL), {"p": json.dumps(rows)})


async def claim(
    conn: AsyncConnection,
    connection: str,
    owner: str,
    now: datetime,
    lease: timedelta = LEASE,
    kind: Kind | None = None,
) -> Taken[Claimed]:
    """Take one that is due, of any kind or of this one. Commits.

    A window under way goes on, otherwise the next one begins. Not what has to be read alone.
    """
    values = _values(connection, owner, now, lease, kind)
    return await take(conn, CLAIM, SUSPECTS_WAIT, values, partial(_claimed, owner=owner))


async def claim_suspect(
    conn: AsyncConnection, connection: str, owner: str, now: datetime, kind: Kind | None = None
) -> Claimed | None:
    """Take one that is due and has to be read alone; None: there is none. Commits."""
    values = _values(connection, owner, now, LEASE, kind)
    return await take_one(conn, CLAIM_SUSPECTS, values, partial(_claimed, owner=owner))


def _values(
    connection: str, owner: str, now: datetime, lease: timedelta, kind: Kind | None
) -> dict[str, object]:
    of = {"c": connection, "kind": kind, "owner": owner}
    return of | {"now": now, "lease": lease, "slice": SLICE}


def _claimed(row: Any, owner: str) -> Claimed:
    connection, kind, since, until, cursor, failures, lost = row
    return Claimed(connection, kind, since, until, cursor, failures, owner, lost)


async def hurry(conn: AsyncConnection, connection: str, kind: Kind, now: datetime) -> None:
    """Make it due now, unless somebody is at it."""
    await conn.execute(text(HURRY), {"c": connection, "kind": kind, "now": now})


async def failures(conn: AsyncConnection, connection: str, kind: Kind) -> int:
    """How often it failed since it last did not."""
    values = {"c": connection, "kind": kind}
    return int((await conn.execute(text(FAILURES), values)).scalar_one())


async def keep_page(
    conn: AsyncConnection,
    claimed: Claimed,
    cursor: str,
    now: datetime,
    items: int = 0,
    lease: timedelta = LEASE,
) -> bool:
    """Go on from this cursor, and keep the lease; False when somebody else has taken over.

    ``items``: how many the page had that was booked.
    """
    values = _name(claimed) | {"cursor": cursor, "now": now, "lease": lease, "items": items}
    return (await conn.execute(text(PAGE), values)).rowcount == 1


async def rest(conn: AsyncConnection, claimed: Claimed, due: datetime) -> None:
    """Let others go first; the window goes on where it is."""
    await conn.execute(text(REST), _name(claimed) | {"due": due})


async def finish(
    conn: AsyncConnection,
    claimed: Claimed,
    due: datetime,
    overlap: timedelta = OVERLAP,
    items: int = 0,
) -> None:
    """The window was read to its end, with so many items on its last page."""
    values = _name(claimed) | {"due": due, "overlap": overlap, "items": items}
    await conn.execute(text(FINISHED), values)


async def fail(
    conn: AsyncConnection, claimed: Claimed, due: datetime, *, from_start: bool = False
) -> None:
    """A page could not be read: again at ``due``, from this page or from the window's first."""
    statement = RESTARTED if from_start else FAILED
    await conn.execute(text(statement), _name(claimed) | {"due": due})


async def set_aside(conn: AsyncConnection, claimed: Claimed, due: datetime) -> None:
    """It ends its workers: once more at ``due``, alone. Not read this time."""
    await conn.execute(text(SET_ASIDE), _name(claimed) | {"due": due})


def _name(claimed: Claimed) -> dict[str, object]:
    return {"c": claimed.connection, "kind": claimed.kind, "owner": claimed.owner}
