"""Deliveries: stored once under their key before anybody thinks, worked on afterwards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lease import MOST_TRIES, backoff
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.delivery import Delivery

LEASE = timedelta(seconds=10)
"""How long a claimed delivery is left alone: after a crash another worker takes it then."""

STORE = """
INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, due)
SELECT c, k, at, decode(h, 'hex'), decode(b, 'hex'), at FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, k text, at timestamptz, h text, b text)
ORDER BY c, k ON CONFLICT DO NOTHING RETURNING connection_id, delivery_key"""

CLAIM = """
UPDATE delivery SET due = clock_timestamp() + :lease, owner = :owner, tries = tries + 1
WHERE (connection_id, delivery_key) IN
      (SELECT connection_id, delivery_key FROM delivery
       WHERE state = 'new' AND due <= clock_timestamp()
       ORDER BY due LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING connection_id, delivery_key, received_at, headers, body, tries"""

FINISH = """
UPDATE delivery SET state = :state, reason = :reason, owner = NULL
WHERE connection_id = :c AND delivery_key = :k AND owner = :owner AND tries = :tries"""

AGAIN = """
UPDATE delivery SET due = clock_timestamp() + :wait, reason = :reason, owner = NULL
WHERE connection_id = :c AND delivery_key = :k AND owner = :owner AND tries = :tries"""


@dataclass(frozen=True)
class Keyed:
    """A verified delivery with the key it is stored under."""

    key: str
    delivery: Delivery


@dataclass(frozen=True)
class Claimed:
    """A delivery this worker may work on until its lease ends; ``tries`` is the fence."""

    key: str
    delivery: Delivery
    owner: str
    tries: int


async def store_batch(
    ring: KeyRing, database: Database, deliveries: Sequence[Keyed]
) -> Sequence[bool | Exception]:
    """Store many in one database transaction; True for each that was new."""
    rows = [_row(ring, one) for one in deliveries]
    async with database.begin() as conn:
        stored = {tuple(row) for row in (await conn.execute(text(STORE), {"p": json.dumps(rows)}))}
    fresh: list[bool | Exception] = []
    for one in deliveries:
        name = (one.delivery.connection, one.key)
        fresh.append(name in stored)
        stored.discard(name)
    return fresh


async def claim(
    conn: AsyncConnection, ring: KeyRing, owner: str, limit: int, lease: timedelta = LEASE
) -> list[Claimed]:
    """Take what is due, oldest first; others skip it until the lease ends."""
    values = {"owner": owner, "limit": limit, "lease": lease}
    rows = (await conn.execute(text(CLAIM), values)).all()
    claimed = [_claimed(ring, owner, row) for row in rows]
    return sorted(claimed, key=lambda one: one.delivery.received_at)


async def finish(conn: AsyncConnection, one: Claimed, state: str, reason: str | None) -> bool:
    """Done, ignored or dead; False when the lease was lost meanwhile."""
    done = await conn.execute(text(FINISH), _name(one) | {"state": state, "reason": reason})
    return done.rowcount == 1


async def try_again(conn: AsyncConnection, one: Claimed, reason: str) -> None:
    """Let it wait; after too many tries it is a dead letter."""
    if one.tries >= MOST_TRIES:
        await finish(conn, one, "dead", reason)
        return
    values = _name(one) | {"wait": backoff(one.tries), "reason": reason}
    await conn.execute(text(AGAIN), values)


def about(connection: str, key: str) -> str:
    """What a delivery's bytes are sealed for."""
    return f"delivery/{connection}/{key}"


def _name(one: Claimed) -> dict[str, Any]:
    return {"c": one.delivery.connection, "k": one.key, "owner": one.owner, "tries": one.tries}


def _row(ring: KeyRing, one: Keyed) -> dict[str, str]:
    delivery = one.delivery
    place = about(delivery.connection, one.key)
    headers = json.dumps([list(header) for header in delivery.headers]).encode()
    return {
        "c": delivery.connection,
        "k": one.key,
        "at": delivery.received_at.isoformat(),
        "h": ring.seal(headers, place).hex(),
        "b": ring.seal(delivery.body, place).hex(),
    }


def _claimed(ring: KeyRing, owner: str, row: Any) -> Claimed:
    place = about(row[0], row[1])
    headers = json.loads(ring.open(bytes(row[3]), place))
    body = ring.open(bytes(row[4]), place)
    received_at: datetime = row[2]
    delivery = Delivery(row[0], received_at, tuple((name, value) for name, value in headers), body)
    return Claimed(row[1], delivery, owner, row[5])
