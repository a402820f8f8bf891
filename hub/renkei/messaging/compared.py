"""What a comparison reads of our own side, page by page: orders, postings, mirror rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.balance import channel_balance
from renkei.ledger.books import Channel
from renkei.ledger.loading import read_groups
from renkei.messaging.drift import Booked

ORDERS_A_PAGE = 2_000

REPAIRED_A_PAGE = 1_000

MEMBERS_A_PAGE = 8
"""Each is a call to the vendor, and all of a page must be made within a lease."""

# As `renkei ledger verify` sums it up, of one connection and a page of its orders. Of an exchange
# for a reward no order is kept: its coupon says what it was.
BOOKED = """
WITH refs AS (
  SELECT order_ref FROM txn WHERE connection_id = :c AND order_ref > :after
  GROUP BY order_ref ORDER BY order_ref LIMIT :limit),
mine AS (
  SELECT t.order_ref, t.member_id, t.version, t.recorded_at, t.kind
  FROM txn t JOIN refs USING (order_ref)
  WHERE t.connection_id = :c AND t.kind IN ('settle', 'reward')),
booked AS (
  SELECT order_ref, min(recorded_at) AS at, bool_or(kind = 'reward') AS exchanged,
         coalesce(sum(CASE 'issued' WHEN source THEN amount
                        WHEN destination THEN -amount END), 0) AS issued,
         coalesce(sum(CASE 'redeemed' WHEN destination THEN amount
                        WHEN source THEN -amount END), 0) AS used
  FROM mine LEFT JOIN posting USING (member_id, version) GROUP BY 1),
said AS (
  SELECT order_ref, sum(earned) AS earned, sum(redeemed) AS redeemed
  FROM settled JOIN (SELECT DISTINCT member_id, order_ref FROM mine) m USING (member_id, order_ref)
  WHERE connection_id = :c GROUP BY 1)
SELECT refs.order_ref, b.issued, b.used, coalesce(s.earned, 0), coalesce(s.redeemed, 0),
       o.order_ref IS NOT NULL OR coalesce(b.exchanged, false), b.at
FROM refs LEFT JOIN booked b USING (order_ref) LEFT JOIN said s USING (order_ref)
LEFT JOIN orders o ON (o.connection_id, o.order_ref) = (:c, refs.order_ref)
ORDER BY refs.order_ref"""

CLOCKS = """
SELECT order_ref, clock FROM orders WHERE connection_id = :c AND order_ref = ANY(:ids)"""

MEMBERS = """
SELECT member_id, external_id FROM mirror
WHERE connection_id = :c AND NOT dismissed AND member_id > :after ORDER BY member_id LIMIT :limit"""

ROWS = """
SELECT m.member_id, m.written_points, m.written_at, coalesce(m.leased_until > :now, false),
       CASE WHEN m.written_version < m.wanted_version THEN coalesce(m.wanted_since, m.due)
            WHEN m.next_change_at <= :now THEN m.next_change_at END
FROM mirror m WHERE m.connection_id = :c AND m.member_id = ANY(:ids)"""

# Only the newest balance is ever written: that time alone changed it has it written again.
PUSH_AGAIN = """
WITH differing AS (
  SELECT subject FROM drift WHERE connection_id = :c AND what = 'member' AND subject > :after
  ORDER BY subject LIMIT :limit),
meant AS (
  SELECT member_id FROM mirror
  WHERE connection_id = :c AND member_id IN (SELECT subject FROM differing)
  ORDER BY member_id FOR UPDATE),
done AS (
  UPDATE mirror
  SET next_change_at = :now, due = :now, parked = false, dismissed = false, tries = 0,
      last_error = NULL
  WHERE connection_id = :c AND member_id IN (SELECT member_id FROM meant) RETURNING 1)
SELECT max(subject), (SELECT count(*) FROM done) FROM differing"""

READ_AGAIN = """
SELECT subject FROM drift
WHERE connection_id = :c AND what = 'order' AND kind IN ('missing', 'stale') AND subject > :after
ORDER BY subject LIMIT :limit"""


class Row(NamedTuple):
    """A mirror row beside the balance: ``leased`` where somebody is at it, or lets it rest."""

    member: str
    balance: int
    written: int | None
    written_at: datetime | None
    leased: bool
    unshown: datetime | None


async def booked(conn: AsyncConnection, connection: str, after: str) -> list[Booked]:
    """The next page of orders that points were booked for."""
    values = {"c": connection, "after": after, "limit": ORDERS_A_PAGE}
    rows = (await conn.execute(text(BOOKED), values)).all()
    return [
        Booked(order, int(issued or 0), int(used or 0), int(earned), int(redeemed), kept, at)
        for order, issued, used, earned, redeemed, kept, at in rows
    ]


async def clocks(conn: AsyncConnection, connection: str, ids: Sequence[str]) -> dict[str, datetime]:
    """The vendor's clock of the state in which we have each of these orders."""
    rows = (await conn.execute(text(CLOCKS), {"c": connection, "ids": list(ids)})).all()
    return {row[0]: row[1] for row in rows}


async def members(
    conn: AsyncConnection, connection: str, after: str
) -> list[tuple[str, str | None]]:
    """The next page of (member, their id at the vendor)."""
    values = {"c": connection, "after": after, "limit": MEMBERS_A_PAGE}
    return [(row[0], row[1]) for row in (await conn.execute(text(MEMBERS), values)).all()]


async def rows_of(
    conn: AsyncConnection, connection: str, members: Sequence[str], now: datetime
) -> dict[str, Row]:
    """Their mirror rows and their balances in this channel, by member."""
    values = {"c": connection, "ids": list(members), "now": now}
    rows = (await conn.execute(text(ROWS), values)).all()
    groups = await read_groups(conn, list(members))
    found = {}
    for member, *row in rows:
        group = groups[member]
        shown = channel_balance(group, now, ZoneInfo(group.homes[0].zone), Channel(connection))
        found[member] = Row(member, shown.balance.spendable, *row)
    return found


async def push_again(
    conn: AsyncConnection, connection: str, after: str, now: datetime
) -> tuple[str | None, int]:
    """Let the next page of balances that differ be written again.

    Gives the last one's member, None where there are no more, and how many will be.
    """
    values = {"c": connection, "after": after, "now": now, "limit": REPAIRED_A_PAGE}
    row = (await conn.execute(text(PUSH_AGAIN), values)).one()
    return row[0], row[1]


async def orders_to_read(conn: AsyncConnection, connection: str, after: str) -> list[str]:
    """The next page of orders that the vendor has in another state, or that we do not have."""
    values = {"c": connection, "after": after, "limit": REPAIRED_A_PAGE}
    return list((await conn.execute(text(READ_AGAIN), values)).scalars())
