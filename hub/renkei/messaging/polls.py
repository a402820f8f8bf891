"""Incremental polls: windows that overlap, a cursor that survives, one reader at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lease import backoff
from renkei_contracts.paging import Window

LEASE = timedelta(seconds=60)
OVERLAP = timedelta(minutes=15)
"""How far each window reaches back: vendors' clocks differ, and rows appear late."""

ENSURE = """
INSERT INTO poll (connection_id, kind, since, due) VALUES (:c, :kind, :since, clock_timestamp())
ON CONFLICT DO NOTHING"""

CLAIM = """
UPDATE poll SET owner = :owner, leased_until = clock_timestamp() + :lease,
       until = coalesce(poll.until, clock_timestamp())
FROM (SELECT connection_id, kind FROM poll
      WHERE due <= clock_timestamp()
        AND (leased_until IS NULL OR leased_until <= clock_timestamp())
        AND connection_id <> ALL(CAST(:closed AS text[]))
      ORDER BY due LIMIT 1 FOR UPDATE SKIP LOCKED) AS x
WHERE (poll.connection_id, poll.kind) = (x.connection_id, x.kind)
RETURNING poll.connection_id, poll.kind, poll.since, poll.until, poll.cursor, poll.failures"""

ADVANCE = """
UPDATE poll SET cursor = :cursor, leased_until = clock_timestamp() + :lease
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

FINISH = """
UPDATE poll SET since = until, until = NULL, cursor = NULL, owner = NULL, leased_until = NULL,
       failures = 0, due = clock_timestamp() + :wait
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""

AGAIN = """
UPDATE poll SET owner = NULL, leased_until = NULL, failures = failures + 1,
       due = clock_timestamp() + :wait
WHERE connection_id = :c AND kind = :kind AND owner = :owner"""


@dataclass(frozen=True)
class Poll:
    """One window being read, and how far."""

    connection: str
    kind: str
    since: datetime
    until: datetime
    cursor: str | None
    failures: int
    owner: str

    def window(self) -> Window:
        """What to ask the vendor for."""
        return Window(self.since - OVERLAP, self.until)


async def ensure(conn: AsyncConnection, connection: str, kind: str, since: datetime) -> None:
    """Let this connection be polled for this kind of object, from ``since`` on."""
    await conn.execute(text(ENSURE), {"c": connection, "kind": kind, "since": since})


async def claim(conn: AsyncConnection, owner: str, closed: list[str]) -> Poll | None:
    """Take one poll that is due; its window and cursor are where the last reader left them."""
    values = {"owner": owner, "lease": LEASE, "closed": closed}
    row = (await conn.execute(text(CLAIM), values)).first()
    return Poll(row[0], row[1], row[2], row[3], row[4], row[5], owner) if row is not None else None


async def advance(conn: AsyncConnection, poll: Poll, cursor: str) -> bool:
    """A page is done; False when another reader has taken over."""
    done = await conn.execute(text(ADVANCE), _name(poll) | {"cursor": cursor, "lease": LEASE})
    return done.rowcount == 1


async def finish(conn: AsyncConnection, poll: Poll, wait: timedelta) -> None:
    """The window is done; the next one starts where it ended."""
    await conn.execute(text(FINISH), _name(poll) | {"wait": wait})


async def try_again(conn: AsyncConnection, poll: Poll, wait: timedelta | None) -> None:
    """The vendor could not be read; go on from the cursor later."""
    pause = max(wait or timedelta(0), backoff(poll.failures + 1))
    await conn.execute(text(AGAIN), _name(poll) | {"wait": pause})


def _name(poll: Poll) -> dict[str, Any]:
    return {"c": poll.connection, "kind": poll.kind, "owner": poll.owner}
