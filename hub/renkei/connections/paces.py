"""A connection's turns at its vendor in the database: one pace, whatever process calls."""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei_contracts.pace import LONGEST, Limit, require_near

# By the database's clock, read once the row is ours. A turn that is far off is not taken; one
# beyond any that can be taken is left from before the clock went back.
TURN = """
INSERT INTO pace AS p (connection_id, free_at)
VALUES (:c, clock_timestamp() + :every * interval '1 s')
ON CONFLICT (connection_id) DO UPDATE
SET free_at = CASE WHEN p.free_at BETWEEN clock_timestamp()
                                      AND clock_timestamp() + :most * interval '1 s'
                   THEN p.free_at ELSE clock_timestamp() END + :every * interval '1 s'
WHERE p.free_at <= clock_timestamp() + :most * interval '1 s'
   OR p.free_at > clock_timestamp() + (:most + :every) * interval '1 s'
RETURNING extract(epoch FROM free_at - clock_timestamp())"""

AHEAD = """
SELECT extract(epoch FROM free_at - clock_timestamp()) FROM pace WHERE connection_id = :c"""


@dataclass(frozen=True)
class DatabasePace:
    """The turns of one connection."""

    engine: AsyncEngine = field(repr=False)
    connection: str

    async def turn(self, limit: Limit) -> None:
        """Take a turn and wait for it; raises RateLimited, and takes none, where it is far off."""
        most = LONGEST + (limit.at_once - 1) * limit.every
        values = {"c": self.connection, "every": limit.every, "most": most}
        async with self.engine.begin() as conn:
            taken = (await conn.execute(text(TURN), values)).scalar_one_or_none()
            if taken is None:
                ahead = (await conn.execute(text(AHEAD), values)).scalar_one()
                require_near(max(limit.wait(float(ahead)), LONGEST + limit.every))
                return
        if wait := limit.wait(float(taken) - limit.every):
            await asyncio.sleep(wait)
