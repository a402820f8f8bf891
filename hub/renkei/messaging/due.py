"""Where there is something to do: one question for all queues and connections."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.storage.trip import Statement, travel

Queue = Literal["deliveries", "changed", "polls", "mirror", "codes"]

# Each branch reads an index of what is waiting, never the whole table; of deliveries one row a
# connection, however many wait. Deliveries are only thought about; the other queues call the
# vendor, who must be willing.
DUE = """
WITH waiting AS (
    SELECT 'deliveries' AS queue, c.connection_id FROM connection c, LATERAL (
        SELECT FROM delivery d
        WHERE d.connection_id = c.connection_id AND d.state = 'new' AND d.due <= :now LIMIT 1) d
    UNION
    SELECT 'changed', connection_id FROM changed_object
    WHERE NOT dead AND due <= :now AND (leased_until IS NULL OR leased_until <= :now)
    UNION
    SELECT 'polls', connection_id FROM poll
    WHERE due <= :now AND (leased_until IS NULL OR leased_until <= :now)
      AND (ends IS NULL OR since < ends)
    UNION
    SELECT 'codes', connection_id FROM hold_code
    WHERE state IN ('wanted', 'unwanted') AND due <= :now
      AND (leased_until IS NULL OR leased_until <= :now)
    UNION
    SELECT 'mirror', connection_id FROM mirror
    WHERE NOT parked AND written_version < wanted_version AND due <= :now
      AND (leased_until IS NULL OR leased_until <= :now)
    UNION
    SELECT 'mirror', connection_id FROM mirror
    WHERE NOT parked AND next_change_at <= :now AND due <= :now
      AND (leased_until IS NULL OR leased_until <= :now))
SELECT queue, connection_id FROM waiting JOIN connection USING (connection_id)
WHERE vendor <> '' AND state <> 'paused'
  AND (queue = 'deliveries'
       OR state = 'active' AND (open_until IS NULL OR open_until <= :now))
  AND (queue <> 'mirror' OR leads = 'hub')
ORDER BY queue = 'deliveries' DESC"""


@dataclass(frozen=True)
class Lane:
    """One queue of one connection: worked off by one task at a time."""

    queue: Queue
    connection: str


async def due(conn: AsyncConnection, now: datetime) -> Collection[Lane]:
    """The lanes in which something is due; ends the transaction."""
    (found,) = await travel(conn, [Statement(DUE, {"now": now})], commit=True)
    return [Lane(row[0], row[1]) for row in found.rows]
