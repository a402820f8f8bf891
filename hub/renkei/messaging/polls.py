"""Polls: what changed at a vendor, window after window, resumable at every page.

A window begins some time before the last one ended: vendors' clocks run apart, and rows become
visible late. What is seen twice is booked once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei_contracts.event import ObjectKind
from renkei_contracts.paging import Window

Kind = Literal["order", "member", "fact"]

LEASE = timedelta(seconds=30)
OVERLAP = timedelta(minutes=15)
INTERVAL = timedelta(seconds=60)

ENSURE = """
INSERT INTO poll (connection_id, kind, since, due)
SELECT c, kind, since, due FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, kind text, since timestamptz, due timestamptz)
ORDER BY c, kind ON CONFLICT DO NOTHING"""

CLAIM = """
WITH picked AS (
    SELECT connection_id, kind FROM poll
    WHERE connection_id = :c AND due <= :now AND (leased_until IS NULL OR leased_until <= :now)
    ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE poll SET owner = :owner, leased_until = :now + CAST(:lease AS interval),
                until = coalesce(poll.until, :now)
FROM picked p WHERE (poll.connection_id, poll.kind) = (p.connection_id, p.kind)
RETURNING poll.connection_id, poll.kind, poll.since, poll.until, poll.cursor, poll.failures"""

PAGE = """
UPDATE poll SET cursor = :cursor, failures = 0, leased_until = :now + CAST(:lease AS interval)
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

REST = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FINISHED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = 0, cursor = NULL,
                since = greatest(since, until - CAST(:overlap AS interval)), until = NULL
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FAILED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = failures + 1
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

RESTARTED = """
UPDATE poll SET owner = NULL, leased_until = NULL, due = :due, failures = failures + 1,
                cursor = NULL
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""


@dataclass(frozen=True)
class NewPoll:
    """A kind of object to poll at a connection, from ``since`` on."""

    connection: str
    kind: Kind
    since: datetime


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

    @property
    def objects(self) -> ObjectKind:
        """What is read page after page; facts are not."""
        return "member" if self.kind == "member" else "order"

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
            "due": now.isoformat(),
        }
        for one in polls
    ]
    if rows:
        await conn.execute(text(ENSURE), {"p": json.dumps(rows)})


async def claim(
    conn: AsyncConnection, connection: str, owner: str, now: datetime, lease: timedelta = LEASE
) -> Claimed | None:
    """Take one that is due; a window under way goes on, otherwise one up to now begins."""
    values = {"c": connection, "owner": owner, "now": now, "lease": lease}
    row = (await conn.execute(text(CLAIM), values)).first()
    if row is None:
        return None
    return Claimed(row[0], row[1], row[2], row[3], row[4], row[5], owner)


async def keep_page(
    conn: AsyncConnection, claimed: Claimed, cursor: str, now: datetime, lease: timedelta = LEASE
) -> bool:
    """Go on from this cursor, and keep the lease; False when somebody else has taken over."""
    values = _name(claimed) | {"cursor": cursor, "now": now, "lease": lease}
    return (await conn.execute(text(PAGE), values)).rowcount == 1


async def rest(conn: AsyncConnection, claimed: Claimed, due: datetime) -> None:
    """Let others go first; the window goes on where it is."""
    await conn.execute(text(REST), _name(claimed) | {"due": due})


async def finish(
    conn: AsyncConnection, claimed: Claimed, due: datetime, overlap: timedelta = OVERLAP
) -> None:
    """The window was read to its end."""
    await conn.execute(text(FINISHED), _name(claimed) | {"due": due, "overlap": overlap})


async def fail(
    conn: AsyncConnection, claimed: Claimed, due: datetime, *, from_start: bool = False
) -> None:
    """A page could not be read: again at ``due``, from this page or from the window's first."""
    statement = RESTARTED if from_start else FAILED
    await conn.execute(text(statement), _name(claimed) | {"due": due})


def _name(claimed: Claimed) -> dict[str, object]:
    return {"c": claimed.connection, "kind": claimed.kind, "owner": claimed.owner}
