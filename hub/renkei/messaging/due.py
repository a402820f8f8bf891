"""Where there is something to do: one question for all queues and connections."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Queue = Literal["deliveries", "changed", "polls", "mirror"]

# Deliveries are only thought about; the other queues call the vendor, which must be willing.
DUE = """
WITH asked AS (
    SELECT connection_id, leads, state = 'active' AND (open_until IS NULL OR open_until <= :now)
           AS callable
    FROM connection WHERE vendor <> '')
SELECT 'deliveries', connection_id FROM asked a WHERE EXISTS (
    SELECT FROM delivery d
    WHERE d.state = 'new' AND d.connection_id = a.connection_id AND d.due <= :now)
UNION ALL
SELECT 'changed', connection_id FROM asked a WHERE callable AND EXISTS (
    SELECT FROM changed_object o
    WHERE NOT o.dead AND o.connection_id = a.connection_id AND o.due <= :now
      AND (o.leased_until IS NULL OR o.leased_until <= :now))
UNION ALL
SELECT 'polls', connection_id FROM asked a WHERE callable AND EXISTS (
    SELECT FROM poll p
    WHERE p.connection_id = a.connection_id AND p.due <= :now
      AND (p.leased_until IS NULL OR p.leased_until <= :now))
UNION ALL
SELECT 'mirror', connection_id FROM asked a WHERE callable AND leads = 'hub' AND EXISTS (
    SELECT FROM mirror m
    WHERE NOT m.parked AND m.connection_id = a.connection_id AND m.due <= :now
      AND (m.written_version < m.wanted_version OR m.next_change_at <= :now)
      AND (m.leased_until IS NULL OR m.leased_until <= :now))"""


@dataclass(frozen=True)
class Lane:
    """One queue of one connection: worked off by one task at a time."""

    queue: Queue
    connection: str


async def due(conn: AsyncConnection, now: datetime) -> Collection[Lane]:
    """The lanes in which something is due."""
    rows = (await conn.execute(text(DUE), {"now": now})).all()
    return [Lane(row[0], row[1]) for row in rows]
