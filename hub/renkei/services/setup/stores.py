"""Stores: in which area each lies, and when its day ends; each setting counts from then on."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from renkei.errors import RequestInvalid
from renkei.services.setup.facts import AREA, require_connection
from renkei.storage.engine import Database

SET = """
INSERT INTO store_setting (connection_id, store, stated_at, area, day_ends)
SELECT :c, :s, clock_timestamp(), coalesce(:area, n.area, ''), coalesce(:ends, n.day_ends, 0)
FROM (SELECT 1) one LEFT JOIN LATERAL (
  SELECT area, day_ends FROM store_setting WHERE (connection_id, store) = (:c, :s)
  ORDER BY stated_at DESC LIMIT 1) n ON true
RETURNING connection_id, store, area, day_ends, stated_at"""

LISTED = """
SELECT DISTINCT ON (connection_id, store) connection_id, store, area, day_ends, stated_at
FROM store_setting ORDER BY connection_id, store, stated_at DESC"""

LATEST = 12 * 60
"""A day that ends after noon would be another day."""


@dataclass(frozen=True)
class StoreSetting:
    """A store as it is set now; ``day_ends`` in minutes after midnight."""

    connection: str
    store: str
    area: str
    day_ends: int
    since: datetime

    @property
    def day_ends_at(self) -> str:
        """The hour as shops write it: 26:00 for two in the morning."""
        return f"{24 + self.day_ends // 60}:{self.day_ends % 60:02d}"


def minutes_after_midnight(text: str) -> int:
    """``02:00`` or ``26:00`` as minutes; raises RequestInvalid."""
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise RequestInvalid("day_ends", text, "write it as 26:00, or 02:00")
    total = int(hours) % 24 * 60 + int(minutes)
    if int(hours) > 36 or int(minutes) > 59 or total > LATEST:
        raise RequestInvalid("day_ends", text, "lies between 24:00 and 36:00")
    return total


async def set_store(
    database: Database, connection: str, store: str, area: str | None, day_ends: int | None
) -> StoreSetting:
    """Set it from now on; None: as before. Raises UnknownConnection, RequestInvalid."""
    if area is not None and not re.fullmatch(AREA, area):
        raise RequestInvalid("area", area, "use a-z, 0-9 and hyphens, at most 63")
    values = {"c": connection, "s": store, "area": area, "ends": day_ends}
    async with database.begin() as conn:
        await require_connection(conn, connection)
        return StoreSetting(*(await conn.execute(text(SET), values)).one())


async def listed(database: Database) -> list[StoreSetting]:
    """Every store that was set, by connection and name."""
    async with database.begin() as conn:
        return [StoreSetting(*row) for row in (await conn.execute(text(LISTED))).all()]
