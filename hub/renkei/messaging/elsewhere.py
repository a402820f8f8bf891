"""Points that somebody gave or took at the vendor, as the newest comparison found them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.queues import MOST
from renkei.storage.trip import as_json

PAGE = 8
"""Each is looked at once more at the vendor."""

CHANGES = """
SELECT subject, coalesce(vendor - written, 0), since, written IS NOT NULL, vendor, external_id
FROM drift d JOIN mirror m ON (m.connection_id, m.member_id) = (d.connection_id, d.subject)
WHERE d.connection_id = :c AND what = 'member' AND kind = 'changed_elsewhere'
  AND vendor IS NOT NULL AND external_id IS NOT NULL AND subject > :after
ORDER BY subject LIMIT :limit"""

# A purchase that nobody has read yet may be what changed the balance. What came later is no matter:
# it changed nothing that had been found before.
UNREAD = f"""
SELECT (SELECT count(*) FROM (
          SELECT FROM delivery WHERE connection_id = :c
          AND (state = 'dead' OR state = 'new' AND received_at < :before) LIMIT {MOST}) d)
     + (SELECT count(*) FROM (
          SELECT FROM changed_object WHERE connection_id = :c AND kind = 'order'
          AND (dead OR changed_at < :before) LIMIT {MOST}) o)
     + (SELECT count(*) FROM (
          SELECT FROM drift WHERE connection_id = :c AND what = 'order' LIMIT {MOST}) w)"""

# Also where another comparison has found it again meanwhile: it differs by as much since then.
FORGET = """
DELETE FROM drift USING json_to_recordset(CAST(:p AS json)) AS x(member text, since timestamptz)
WHERE connection_id = :c AND what = 'member' AND subject = x.member AND drift.since = x.since"""


class Change(NamedTuple):
    """So many points were given (above zero) or taken, at the latest ``since`` then.

    A member and ``since`` name it, in whatever comparison it is found again. Not ``told``: the
    vendor had not been shown the newest balance, so how many points it were is not known.
    ``shown`` is what the vendor showed of ``id``, its own customer.
    """

    member: str
    points: int
    since: datetime
    told: bool
    shown: int
    id: str


async def changes(conn: AsyncConnection, connection: str, after: str) -> list[Change]:
    """The next page of them, by member."""
    values = {"c": connection, "after": after, "limit": PAGE}
    return [Change(*row) for row in (await conn.execute(text(CHANGES), values)).all()]


async def unread(conn: AsyncConnection, connection: str, before: datetime) -> int:
    """How many deliveries and orders from before are not settled, as far as is counted."""
    values = {"c": connection, "before": before}
    return int((await conn.execute(text(UNREAD), values)).scalar_one())


async def forget(conn: AsyncConnection, connection: str, rows: Sequence[Change]) -> None:
    """They differ no more."""
    told = [{"member": one.member, "since": one.since} for one in rows]
    await conn.execute(text(FORGET), {"c": connection, "p": as_json(told)})
