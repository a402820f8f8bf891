"""Deliveries that may tell of one thing, looked through by a person's question: bounded."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.inbox import Claimed

MOST = 500
"""Of each: those given up, those that wait, and the newest."""

PARTS = """SELECT connection_id, delivery_key, received_at, headers, body, tries, state, reason, due
FROM delivery WHERE connection_id = :c"""

LOOK = f"""
SELECT * FROM ({PARTS} AND delivery_key = ANY(CAST(:keys AS text[]))) named
UNION SELECT * FROM ({PARTS} AND state = 'dead' LIMIT {MOST}) dead
UNION SELECT * FROM ({PARTS} AND state = 'new' ORDER BY due LIMIT {MOST}) waiting
UNION SELECT * FROM ({PARTS} ORDER BY received_at DESC LIMIT {MOST}) newest
ORDER BY received_at, delivery_key"""


@dataclass(frozen=True)
class Kept:
    """A delivery as it is kept, and what became of it; still sealed."""

    sealed: Claimed
    state: str
    reason: str | None
    due: datetime

    @property
    def key(self) -> str:
        """Its name at its connection."""
        return self.sealed.key


async def look(conn: AsyncConnection, connection: str, keys: Sequence[str]) -> list[Kept]:
    """Those named, those given up, those that wait, and the newest; oldest first."""
    rows = (await conn.execute(text(LOOK), {"c": connection, "keys": list(keys)})).all()
    return [
        Kept(
            Claimed(row[0], row[1], row[2], bytes(row[3]), bytes(row[4]), row[5], owner=""),
            row[6],
            row[7],
            row[8],
        )
        for row in rows
    ]
