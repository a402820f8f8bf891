"""Writing a batch: one statement per table, unique keys and the feed last. Nothing else writes.

A short count means that another process was first with the same key: LostRace, and the whole batch
runs again on fresh data.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import rows as as_rows
from renkei.ledger import statements as sql
from renkei.ledger.world import Staged, World
from renkei.storage.committer import LostRace

FEED_LANE = 0


async def write(conn: AsyncConnection, world: World) -> None:
    """Write everything that was staged; the caller commits right after."""
    staged = world.staged
    if staged.is_empty():
        return
    await _put(conn, sql.NEW_MEMBERS, as_rows.member_rows(world))
    await _entries(conn, world)
    await _heads(conn, world)
    await _quotas(conn, staged)
    await _orders(conn, world)
    await _links(conn, world)
    await _keys(conn, world)
    await _feed(conn, world)


async def _entries(conn: AsyncConnection, world: World) -> None:
    entries = world.staged.entries
    periods = {(entry.program, entry.period) for entry in entries} - world.periods
    await _put(conn, sql.PERIODS, [{"program": p, "period": m} for p, m in sorted(periods)])
    await _put(conn, sql.TXNS, [as_rows.txn_row(entry) for entry in entries], exact=True)
    await _put(conn, sql.CHAIN, [as_rows.chain_row(entry) for entry in entries])
    await _put(conn, sql.NOTES, as_rows.note_rows(world.staged))
    await _put(conn, sql.POSTINGS, [row for one in entries for row in as_rows.posting_rows(one)])
    lots = [row for one in entries for row in as_rows.new_lot_rows(one, world)]
    await _put(conn, sql.NEW_LOTS, lots)
    moves = [row for one in entries for row in as_rows.allocation_rows(one)]
    await _put(conn, sql.ALLOCATIONS, moves)


async def _heads(conn: AsyncConnection, world: World) -> None:
    """Counters of lots, holds and their ends, and the members' heads."""
    staged = world.staged
    await _put(conn, sql.LOTS, as_rows.lot_rows(staged), exact=True)
    await _put(conn, sql.HOLDS, [as_rows.hold_row(hold) for hold in staged.holds])
    await _put(conn, sql.HOLD_ENDS, [as_rows.hold_end_row(end) for end in staged.hold_ends])
    await _put(conn, sql.HEADS, as_rows.head_rows(world))
    active = [{"m": member, "at": at.isoformat()} for member, at in sorted(staged.activities)]
    await _put(conn, sql.ACTIVITIES, active)
    at = world.now.isoformat()
    merges = [{"m": one.member, "into": one.into, "by": one.by, "at": at} for one in staged.merges]
    await _put(conn, sql.MERGES, merges)
    await _put(conn, sql.POINTERS, merges, exact=True)
    leads = [{"m": member, "lead": lead} for member, lead in sorted(staged.leads.items())]
    await _put(conn, sql.LEADS, leads, exact=True)


async def _quotas(conn: AsyncConnection, staged: Staged) -> None:
    new = [
        {"s": scope, "p": period, "limit": quota.limit}
        for (scope, period), quota in sorted(staged.new_quotas.items())
    ]
    await _put(conn, sql.NEW_QUOTAS, new, exact=True)
    used = [{"s": s, "p": p, "used": quota.used} for (s, p), quota in sorted(staged.quotas.items())]
    await _put(conn, sql.QUOTAS, used, exact=True)
    claims = [
        {"s": one.key[0], "p": one.key[1], "c": one.key[2], "n": one.n, "top": one.high_water}
        for one in staged.claims
    ]
    await _put(conn, sql.CLAIMS, claims)


async def _orders(conn: AsyncConnection, world: World) -> None:
    staged = world.staged
    rows = [row for _, row in sorted(staged.orders.items())]
    new = [as_rows.order_row(row) for row in rows if row.key not in world.orders_at_start]
    old = [as_rows.order_row(row) for row in rows if row.key in world.orders_at_start]
    await _put(conn, sql.NEW_ORDERS, new, exact=True)
    await _put(conn, sql.ORDERS, old, exact=True)
    await _put(conn, sql.REVISIONS, as_rows.revision_rows(world))
    await _put(conn, sql.REFUNDS, as_rows.refund_rows(world), exact=True)
    settled = [
        as_rows.settled_row(member, order, done)
        for (member, order), done in sorted(staged.settled.items())
    ]
    await _put(conn, sql.SETTLED, settled)
    at = world.now.isoformat()
    same = [
        {"c": one[0], "r": one[1], "oc": other[0], "o": other[1], "evidence": evidence, "at": at}
        for one, other, evidence in staged.same
    ]
    await _put(conn, sql.SAME, same)


async def _links(conn: AsyncConnection, world: World) -> None:
    at = world.now.isoformat()
    mirrors = [
        {
            "c": new.connection,
            "m": new.member,
            "e": new.external_id,
            "v": world.version_of(new.member),
            "at": at,
        }
        for new in world.staged.mirrors
    ]
    await _put(conn, sql.NEW_MIRRORS, mirrors)
    shown = sorted(world.staged.touched)
    changed = [{"m": member, "v": world.version_of(member), "at": at} for member in shown]
    await _put(conn, sql.MIRRORS, changed)
    await _put(conn, sql.ALERTS, as_rows.alert_rows(world))


async def _keys(conn: AsyncConnection, world: World) -> None:
    """What another process may have been first with."""
    await _put(conn, sql.IDENTITIES, as_rows.identity_rows(world), exact=True)
    await _put(conn, sql.SALES, as_rows.sale_rows(world.staged), exact=True)
    await _put(conn, sql.REQUESTS, as_rows.request_rows(world), exact=True)


async def _feed(conn: AsyncConnection, world: World) -> None:
    """The feed's numbers are taken by the very last statement: their order is commit order."""
    touched = sorted(world.staged.touched)
    if touched:
        rows = [{"m": member, "v": world.version_of(member)} for member in touched]
        values = {"p": json.dumps(rows), "n": len(rows), "lane": FEED_LANE}
        await conn.execute(text(sql.FEED), values)


async def _put(
    conn: AsyncConnection, statement: str, rows: Sequence[dict[str, Any]], *, exact: bool = False
) -> None:
    """Run one statement for all rows; ``exact`` raises LostRace when it changed fewer."""
    if not rows:
        return
    result = await conn.execute(text(statement), {"p": json.dumps(rows)})
    if exact and result.rowcount != len(rows):
        raise LostRace(f"{len(rows) - result.rowcount} of {len(rows)} rows were there already")
