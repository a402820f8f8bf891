"""Comparisons of the books with a vendor as rows: how far one is, and what the newest found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.drift import KINDS, Drift, Kind, Tally, explained_share
from renkei.messaging.queues import MOST
from renkei.storage.trip import as_json

KEPT = timedelta(days=90)
"""How long past comparisons are kept."""

BEGIN = """
INSERT INTO reconciliation (connection_id, began_at) VALUES (:c, :began)
ON CONFLICT (connection_id, began_at) DO UPDATE
SET orders = 0, listed = 0, members = 0, moving = 0, explained = 0, unexplained = 0"""

ADD = """
UPDATE reconciliation
SET orders = orders + :orders, listed = listed + :listed, members = members + :members,
    moving = moving + :moving, explained = explained + :explained,
    unexplained = unexplained + :unexplained
WHERE connection_id = :c AND began_at = :began"""

# What differs in the same way as before has done so since then; what was changed elsewhere, by as
# much as before.
FOUND = """
INSERT INTO drift AS d (connection_id, what, subject, kind, hub, vendor, since, written, found_at)
SELECT :c, what, subject, kind, hub, vendor, since, written, :now
FROM json_to_recordset(CAST(:p AS json)) AS x(what text, subject text, kind text, hub bigint,
    vendor bigint, since timestamptz, written bigint)
ORDER BY what, subject
ON CONFLICT (connection_id, what, subject) DO UPDATE
SET kind = excluded.kind, hub = excluded.hub, vendor = excluded.vendor, found_at = :now,
    written = excluded.written,
    since = CASE WHEN d.kind = excluded.kind AND (d.kind <> 'changed_elsewhere'
                      OR d.vendor - d.written
                         IS NOT DISTINCT FROM excluded.vendor - excluded.written)
                 THEN least(d.since, excluded.since) ELSE excluded.since END"""

END = "UPDATE reconciliation SET finished_at = :now WHERE connection_id = :c AND began_at = :began"

# An order of the vendor's list that changed before what is listed this time is not found again, and
# yet it is not here. One that cannot be read is given up, and told of among the dead letters.
GONE = """
DELETE FROM drift d WHERE connection_id = :c AND found_at < :began
  AND NOT (what = 'order' AND kind IN ('missing', 'stale') AND hub = 0 AND since < :listed_from
           AND NOT EXISTS (SELECT FROM orders o WHERE o.connection_id = d.connection_id
                           AND o.order_ref = d.subject AND o.clock >= d.since)
           AND NOT EXISTS (SELECT FROM changed_object g WHERE g.connection_id = d.connection_id
                           AND g.kind = 'order' AND g.object_id = d.subject AND g.dead))"""

FORGET = "DELETE FROM reconciliation WHERE connection_id = :c AND began_at < :before"

NEWEST = """
SELECT DISTINCT ON (connection_id) connection_id, began_at, finished_at, orders, listed, members,
       moving, explained, unexplained
FROM reconciliation
WHERE finished_at IS NOT NULL AND connection_id = coalesce(CAST(:c AS text), connection_id)
ORDER BY connection_id, began_at DESC"""

BY_KIND = """
SELECT connection_id, kind, count(*), min(since) FROM drift
WHERE connection_id = coalesce(CAST(:c AS text), connection_id) GROUP BY 1, 2"""

BRIEFLY = f"""
SELECT c.connection_id, d.kind, count(*), min(d.since) FROM connection c, LATERAL (
  SELECT kind, since FROM drift WHERE connection_id = c.connection_id LIMIT {MOST}) d
GROUP BY 1, 2"""
"""The same as BY_KIND of every connection, of MOST differences each, for who asks every few
seconds."""

OLDEST = """
SELECT what, subject, kind, hub, vendor, since, written FROM drift
WHERE connection_id = :c ORDER BY since, what, subject LIMIT :limit"""


@dataclass(frozen=True)
class Outcome:
    """What the newest finished comparison of a connection found.

    ``oldest`` is since when the oldest of what differs has differed, as far as is known.
    """

    connection: str
    began_at: datetime
    finished_at: datetime
    tally: Tally
    drift: Mapping[Kind, int]
    oldest: datetime | None

    @property
    def agrees(self) -> bool:
        """Whether nothing differs."""
        return not any(self.drift.values())

    @property
    def share(self) -> int:
        """The explained part of all points, in hundredths of a percent; WHOLE: nothing differs."""
        count = sum(self.drift.values())
        return explained_share(self.tally.explained, self.tally.unexplained, count)

    @property
    def explained(self) -> str:
        """The same in percent: ``99.87``."""
        return f"{self.share // 100}.{self.share % 100:02d}"


async def begin(conn: AsyncConnection, connection: str, began: datetime) -> None:
    """Begin one, or begin it again from the start."""
    await conn.execute(text(BEGIN), {"c": connection, "began": began})


async def add(
    conn: AsyncConnection,
    connection: str,
    began: datetime,
    tally: Tally,
    drifts: Sequence[Drift],
    now: datetime,
) -> None:
    """Add what one page of it found."""
    await conn.execute(text(ADD), {"c": connection, "began": began, **asdict(tally)})
    if drifts:
        rows = [asdict(one) for one in {(one.what, one.subject): one for one in drifts}.values()]
        await conn.execute(text(FOUND), {"c": connection, "now": now, "p": as_json(rows)})


async def end(
    conn: AsyncConnection, connection: str, began: datetime, listed_from: datetime, now: datetime
) -> None:
    """It is done: what it did not find again differs no more.

    But for orders that changed before ``listed_from``, as long as we neither have them nor have
    given them up.
    """
    values = {"c": connection, "began": began, "now": now, "before": began - KEPT}
    values |= {"listed_from": listed_from}
    for statement in (END, GONE, FORGET):
        await conn.execute(text(statement), values)


async def newest(conn: AsyncConnection, connection: str | None = None) -> list[Outcome]:
    """The newest finished comparison of each connection, or of this one, by name."""
    rows = (await conn.execute(text(NEWEST), {"c": connection})).all()
    kinds = (await conn.execute(text(BY_KIND), {"c": connection})).all()
    return outcomes(rows, kinds)


def outcomes(rows: Sequence[Any], kinds: Sequence[Any]) -> list[Outcome]:
    """What the answers to NEWEST and to BY_KIND or BRIEFLY say."""
    found: list[Outcome] = []
    for id, began_at, finished_at, *numbers in rows:
        mine = {row[1]: row for row in kinds if row[0] == id}
        counts: dict[Kind, int] = {kind: mine[kind][2] if kind in mine else 0 for kind in KINDS}
        oldest = min((row[3] for row in mine.values()), default=None)
        found.append(Outcome(id, began_at, finished_at, Tally(*numbers), counts, oldest))
    return found


async def oldest(conn: AsyncConnection, connection: str, limit: int) -> list[Drift]:
    """What differs, the longest standing first."""
    rows = await conn.execute(text(OLDEST), {"c": connection, "limit": limit})
    return [Drift(*row) for row in rows]
