"""Deliveries: stored once under (connection, key), claimed by one worker at a time, ended once.

Headers and bodies are sealed: they hold personal data. Some time after the end they are emptied;
the row stays for ever, so that a delivery that comes again then is still known.
A claim is a lease: ``due`` is pushed into the future, and whoever ends the delivery must still be
its owner.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import BodyGone
from renkei.messaging.lost import LOST, SUSPECT, TOGETHER, Taken, take, take_one
from renkei.messaging.reason import storable
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.storage.trip import Statement, as_json, travel
from renkei_contracts.delivery import Delivery

LEASE = timedelta(seconds=10)
"""Short, so that after a crash the next process goes on at once."""

State = Literal["new", "done", "ignored", "dead"]

# All bytes travel as one parameter, cut up by the server: three times as fast as hex in JSON.
STORE = """
INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, due)
SELECT c, k, at, substring(CAST(:bytes AS bytea) FROM h FOR hl),
       substring(CAST(:bytes AS bytea) FROM h + hl FOR bl), at
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, k text, at timestamptz, h int, hl int, bl int)
ORDER BY c, k ON CONFLICT DO NOTHING RETURNING connection_id, delivery_key"""


def _claim(which: str) -> str:
    return f"""
WITH picked AS (
    SELECT connection_id, delivery_key FROM delivery
    WHERE state = 'new' AND connection_id = :c AND due <= :now AND {which}
    ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE delivery d SET due = :now + CAST(:lease AS interval), owner = :owner,
                          tries = d.tries + 1, lost = {LOST}
    FROM picked p WHERE (d.connection_id, d.delivery_key) = (p.connection_id, p.delivery_key)
    RETURNING d.connection_id, d.delivery_key, d.received_at, d.headers, d.body, d.tries, d.lost)
SELECT * FROM taken ORDER BY received_at, delivery_key"""


CLAIM = _claim(TOGETHER)

CLAIM_SUSPECTS = _claim(SUSPECT)

SUSPECTS_WAIT = f"""
SELECT EXISTS (SELECT FROM delivery
               WHERE state = 'new' AND connection_id = :c AND due <= :now AND {SUSPECT})"""

END = """
UPDATE delivery d SET state = x.state, reason = x.reason, due = x.due, owner = NULL,
                      lost = 0
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, k text, owner text, tries int, state text, reason text, due timestamptz)
WHERE (d.connection_id, d.delivery_key) = (x.c, x.k) AND d.state = 'new'
  AND d.owner = x.owner AND d.tries = x.tries"""

EMPTY = """
UPDATE delivery d SET headers = '', body = ''
FROM (SELECT connection_id, delivery_key FROM delivery
      WHERE state IN ('done', 'ignored') AND body <> '' AND received_at < :before
      ORDER BY received_at LIMIT :limit FOR UPDATE SKIP LOCKED) old
WHERE (d.connection_id, d.delivery_key) = (old.connection_id, old.delivery_key)"""


@dataclass(frozen=True)
class Incoming:
    """A verified delivery and the key under which it is stored once."""

    delivery: Delivery
    key: str


@dataclass(frozen=True)
class Claimed:
    """A delivery that is ours for the time of the lease; still sealed."""

    connection: str
    key: str
    received_at: datetime
    headers: bytes = field(repr=False)
    body: bytes = field(repr=False)
    tries: int
    owner: str
    lost: int = 0

    @property
    def gone(self) -> bool:
        """Whether its bytes are not kept any more; what is sealed is never empty."""
        return not self.body

    def opened(self, ring: KeyRing) -> Delivery:
        """As it came; raises SealBroken, or BodyGone.

        The path's secret was for verifying and is not kept.
        """
        if self.gone:
            raise BodyGone(f"the body of {self.connection}/{self.key} is not kept any more")
        about = _about(self.connection, self.key)
        pairs = orjson.loads(ring.open(self.headers, f"{about}/headers"))
        return Delivery(
            connection=self.connection,
            received_at=self.received_at,
            headers=tuple((name, value) for name, value in pairs),
            body=ring.open(self.body, f"{about}/body"),
        )


@dataclass(frozen=True)
class Ended:
    """What became of a claimed delivery; state ``new`` means again at ``due``."""

    claimed: Claimed
    state: State
    due: datetime
    reason: str | None = None


def sender_of(incoming: Incoming) -> str:
    """Whose delivery it is."""
    return incoming.delivery.connection


def _about(connection: str, key: str) -> str:
    return f"delivery/{connection}/{key}"


async def store_batch(
    ring: KeyRing, database: Database, incoming: Sequence[Incoming]
) -> Sequence[bool]:
    """Store a batch; gives for each whether it was new."""
    async with database.begin_batch() as conn:
        return await store(conn, ring, incoming, commit=True)


async def store(
    conn: AsyncConnection, ring: KeyRing, incoming: Sequence[Incoming], *, commit: bool = False
) -> Sequence[bool]:
    """Store them in one statement; of equal keys the first is kept. ``commit`` in the same trip."""
    data, rows = bytearray(), []
    for one in incoming:
        about = _about(one.delivery.connection, one.key)
        pairs = orjson.dumps(one.delivery.headers)
        headers, body = (
            ring.seal(pairs, f"{about}/headers"),
            ring.seal(one.delivery.body, f"{about}/body"),
        )
        rows.append(_row(one, len(data) + 1, len(headers), len(body)))
        data += headers + body
    values = {"p": as_json(rows), "bytes": bytes(data)}
    (stored,) = await travel(conn, [Statement(STORE, values)], commit=commit)
    new = {(row[0], row[1]) for row in stored.rows}
    return [_take(new, (one.delivery.connection, one.key)) for one in incoming]


def _row(one: Incoming, at: int, headers: int, body: int) -> dict[str, object]:
    return {
        "c": one.delivery.connection,
        "k": one.key,
        "at": one.delivery.received_at,
        "h": at,
        "hl": headers,
        "bl": body,
    }


def _take(new: set[tuple[str, str]], name: tuple[str, str]) -> bool:
    """Whether the name is among the new ones; it is new only once."""
    there = name in new
    new.discard(name)
    return there


async def claim(
    conn: AsyncConnection,
    connection: str,
    owner: str,
    now: datetime,
    limit: int,
    lease: timedelta = LEASE,
) -> Taken[Claimed]:
    """Take what is due at this connection, the longest waiting first, as it came in.

    Not what has to be worked off alone. Commits: what was taken is everybody's to see.
    """
    values = {"c": connection, "owner": owner, "now": now, "limit": limit, "lease": lease}
    return await take(conn, CLAIM, SUSPECTS_WAIT, values, partial(_claimed, owner=owner))


async def claim_suspect(
    conn: AsyncConnection, connection: str, owner: str, now: datetime
) -> Claimed | None:
    """Take one that is due and was lost so often that nothing may be worked off beside it. Commits.

    None: there is none.
    """
    values = {"c": connection, "owner": owner, "now": now, "limit": 1, "lease": LEASE}
    return await take_one(conn, CLAIM_SUSPECTS, values, partial(_claimed, owner=owner))


def _claimed(row: Any, owner: str) -> Claimed:
    connection, key, received_at, headers, body, tries, lost = row
    return Claimed(connection, key, received_at, headers, body, tries, owner, lost)


async def end(conn: AsyncConnection, ended: Sequence[Ended]) -> int:
    """Record how they ended, where they are still ours; gives how many were. Commits."""
    rows = [
        {
            "c": one.claimed.connection,
            "k": one.claimed.key,
            "owner": one.claimed.owner,
            "tries": one.claimed.tries,
            "state": one.state,
            "reason": one.reason and storable(one.reason),
            "due": one.due,
        }
        for one in sorted(ended, key=lambda one: (one.claimed.connection, one.claimed.key))
    ]
    (done,) = await travel(conn, [Statement(END, {"p": as_json(rows)})], commit=True)
    return done.count


async def empty(conn: AsyncConnection, before: datetime, limit: int) -> int:
    """Empty the oldest settled deliveries that came in before then; gives how many.

    What waits or was given up keeps its bytes.
    """
    values = {"before": before, "limit": limit}
    return (await conn.execute(text(EMPTY), values)).rowcount
