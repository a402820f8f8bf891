"""The statement that asks for members' pasts (``past`` has the answers)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.entry import EPOCH
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.past import Past, PastOf, PastSale, Reach, together
from renkei.ledger.queries import GROUPS
from renkei.storage.trip import Rows, Statement, as_json, joined, travel

# Orders that a batch is deciding about are left out: it has their newest state itself.
_COUNTS = """o.member_id = x.m AND o.spent > 0 AND o.doubt_connection IS NULL
    AND (o.connection_id, o.order_ref) NOT IN
        (SELECT c, r FROM json_to_recordset(CAST(:beside AS json)) AS y(c text, r text))"""

PASTS = f"""
SELECT x.m, p.birthday,
  (SELECT min(o.placed_at) FROM orders o WHERE {_COUNTS}),
  (SELECT json_agg(json_build_array((extract(epoch FROM o.placed_at) * 1000000)::bigint, o.spent,
     CASE WHEN x.points THEN
       (SELECT s.earned FROM settled s WHERE (s.member_id, s.connection_id, s.order_ref)
          = (o.member_id, o.connection_id, o.order_ref)) END))
   FROM orders o WHERE o.placed_at >= x.since AND {_COUNTS}),
  CASE WHEN x.reached THEN
    (SELECT json_agg(json_build_array(r.tier, r.period)) FROM tier_reached r
     WHERE r.member_id = x.m) END
FROM json_to_recordset(CAST(:asked AS json))
  AS x(m text, since timestamptz, points bool, reached bool)
LEFT JOIN member_profile p ON p.member_id = x.m"""


def past_statement(
    asked: Iterable[PastOf], groups: Rows, beside: Collection[OrderKey] = ()
) -> Statement | None:
    """Asks for everybody who counts with one of these; ``groups`` are (member, merged into)."""
    merged = dict(groups)
    homes = groups_in(merged)
    wanted: dict[str, PastOf] = {}
    for one in asked:
        root = root_of(one.member, merged)
        for home in homes.get(root, (root,)):
            wanted[home] = _wider(wanted.get(home), one._replace(member=home))
    rows = [
        {"m": home, "since": one.since.isoformat(), "points": one.points, "reached": one.reached}
        if one.since
        else {"m": home, "reached": one.reached}
        for home, one in sorted(wanted.items())
    ]
    keys = [{"c": connection, "r": ref} for connection, ref in sorted(beside)]
    values = {"asked": as_json(rows), "beside": as_json(keys)}
    return Statement(PASTS, values) if rows else None


def _wider(one: PastOf | None, other: PastOf) -> PastOf:
    """What answers both."""
    if one is None:
        return other
    since = min((at for at in (one.since, other.since) if at is not None), default=None)
    return PastOf(one.member, since, one.points or other.points, one.reached or other.reached)


def pasts_of(rows: Sequence[Any]) -> dict[str, Past]:
    """Each member's own past, from the rows of ``PASTS``."""
    return {
        row[0]: Past(
            first_at=row[2],
            sales=tuple(PastSale(_instant(at), yen, n or 0) for at, yen, n in row[3] or ()),
            birthday=row[1] or "",
            reached=frozenset(Reach(*one) for one in row[4] or ()),
        )
        for row in rows
    }


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


async def read_past(conn: AsyncConnection, asked: PastOf) -> Past:
    """The past of a member with everybody they count with, outside a batch."""
    (group,) = await travel(conn, [Statement(GROUPS, {"ids": joined([asked.member])})])
    statement = past_statement([asked], group.rows)
    assert statement is not None
    (found,) = await travel(conn, [statement])
    return together(pasts_of(found.rows).values())
