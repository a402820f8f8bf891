"""Reading what a script has left in the database."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.loading import read_groups
from renkei.ledger.statehash import SAME, canonical
from renkei.pairing.state import Books, Names, Posted, Remaining, Settled, Standing

LOTS = """
SELECT l.member_id, l.connection_id || '/' || l.order_ref, l.origin,
       sum(l.pending + l.available + l.held)::bigint,
       (l.expires_at AT TIME ZONE p.zone)::date - (l.granted_at AT TIME ZONE p.zone)::date
FROM lot l JOIN member USING (member_id) JOIN program p USING (program_id) WHERE l.open
GROUP BY 1, 2, 3, 5"""

SETTLED = "SELECT member_id, connection_id || '/' || order_ref, earned, redeemed FROM settled"

POSTED = """
SELECT t.member_id, t.connection_id || '/' || t.order_ref, p.source, p.destination,
       sum(p.amount)::bigint
FROM posting p JOIN txn t USING (member_id, version) GROUP BY 1, 2, 3, 4"""


async def read_books(conn: AsyncConnection, members: Sequence[str], at: datetime) -> Books:
    """All that the ledger holds, and how these members stand at that instant."""
    return Books(
        await _standings(conn, members, at),
        [Remaining(*row) for row in (await conn.execute(text(LOTS))).all()],
        [Settled(*row) for row in (await conn.execute(text(SETTLED))).all()],
        [Posted(*row) for row in (await conn.execute(text(POSTED))).all()],
    )


async def read_names(
    conn: AsyncConnection, members: Mapping[str, str], sales: Mapping[str, str]
) -> Names:
    """The script's names; ``sales`` are by ``connection/ref``, and one name is enough for a sale
    that the hub knows under several."""
    same = canonical({row[0]: row[1] for row in (await conn.execute(text(SAME))).all()})
    by_group = {same[ref]: name for ref, name in sales.items() if ref in same}
    known = {ref: by_group[group] for ref, group in same.items() if group in by_group}
    return Names(members, {**known, **sales})


async def _standings(conn: AsyncConnection, members: Sequence[str], at: datetime) -> list[Standing]:
    groups = await read_groups(conn, sorted(members))
    standings = []
    for member in sorted(members):
        now = as_if_lapsed(groups[member], at)
        ready = sum(lot.available for lot in now.lots if lot.alive(at)) + now.debt
        pending = sum(lot.pending for lot in now.lots)
        standings.append(Standing(member, max(0, ready), pending, min(0, ready)))
    return standings
