"""Writing a batch: one statement per table, unique keys and the feed last. Nothing else writes.

A short count means that another process was first with the same key: LostRace, and the whole batch
runs again on fresh data.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import statements as sql
from renkei.ledger.transaction import Lot
from renkei.ledger.world import Entry, OrderRow, World
from renkei.storage.committer import LostRace

FEED_LANE = 0


async def write(conn: AsyncConnection, world: World) -> None:
    """Write everything that was staged; the caller commits right after."""
    staged = world.staged
    if staged.is_empty():
        return
    at = world.now.isoformat()
    await _members(conn, world, at)
    await _entries(conn, staged.entries, world)
    await _holds_and_lots(conn, world)
    await _orders(conn, world, at)
    await _links(conn, world, at)
    await _keys_and_feed(conn, world, at)


async def _members(conn: AsyncConnection, world: World, at: str) -> None:
    rows = [
        {
            "m": new.member,
            "program": new.program,
            "wrapped": new.wrapped_key.hex(),
            "profile": new.sealed_profile.hex(),
            "at": at,
        }
        for new in world.staged.members
    ]
    await _put(conn, sql.NEW_MEMBERS, rows)


async def _entries(conn: AsyncConnection, entries: Sequence[Entry], world: World) -> None:
    periods = {(entry.program, entry.period) for entry in entries} - world.periods
    await _put(conn, sql.PERIODS, [{"program": p, "period": m} for p, m in sorted(periods)])
    await _put(conn, sql.TXNS, [_txn(entry) for entry in entries], exact=True)
    await _put(
        conn,
        sql.CHAIN,
        [
            {"m": e.member, "v": e.version, "prev": e.prev.hex(), "hash": e.hash.hex()}
            for e in entries
        ],
    )
    await _put(conn, sql.POSTINGS, [row for entry in entries for row in _postings(entry)])
    await _put(conn, sql.NEW_LOTS, [row for entry in entries for row in _new_lots(entry, world)])
    await _put(conn, sql.ALLOCATIONS, [row for entry in entries for row in _allocations(entry)])


def _txn(entry: Entry) -> dict[str, Any]:
    connection, ref = entry.order or (None, None)
    return {
        "m": entry.member,
        "v": entry.version,
        "kind": entry.kind,
        "key": entry.key,
        "program": entry.program,
        "pv": entry.program_version,
        "c": connection,
        "r": ref,
        "delivery": entry.delivery,
        "event_at": entry.event_at.isoformat(),
        "recorded_at": entry.recorded_at.isoformat(),
        "period": entry.period,
        "content": entry.content,
    }


def _postings(entry: Entry) -> list[dict[str, Any]]:
    return [
        {
            "m": entry.member,
            "v": entry.version,
            "leg": leg,
            "rule": posting.rule,
            "source": posting.source,
            "destination": posting.destination,
            "amount": posting.amount,
        }
        for leg, posting in enumerate(entry.postings, 1)
    ]


def _allocations(entry: Entry) -> list[dict[str, Any]]:
    moves = [
        (leg, move) for leg, posting in enumerate(entry.postings, 1) for move in posting.allocations
    ]
    return [
        {
            "m": entry.member,
            "v": entry.version,
            "n": n,
            "leg": leg,
            "l": move.lot,
            "p": move.pending,
            "a": move.available,
            "h": move.held,
            "d": move.debt,
        }
        for n, (leg, move) in enumerate(moves, 1)
    ]


def _new_lots(entry: Entry, world: World) -> list[dict[str, Any]]:
    """The lots an entry made, with the counters they have at the end of the batch."""
    final = {lot.number: lot for lot in world.books[entry.member].lots}
    return [
        {
            "m": entry.member,
            "l": lot.number,
            "v": entry.version,
            "origin": lot.origin,
            "c": lot.connection,
            "r": lot.order,
            "parent": lot.parent,
            "granted": lot.granted,
            "granted_at": lot.granted_at.isoformat(),
            "grant_year": int(entry.period[:4]),
            "net_base": lot.net_base,
            "yen_value": lot.yen_value,
            "company": lot.company,
            "store": lot.store,
            "usable_from": _iso(lot.usable_from),
            "expires_at": _iso(lot.expires_at),
            **_counters(final[lot.number]),
        }
        for lot in entry.new_lots
    ]


def _counters(lot: Lot) -> dict[str, int]:
    names = ("pending", "available", "held", "expired", "netted")
    return {name: int(getattr(lot, name)) for name in names}


def _iso(value: datetime | date | None) -> str | None:
    return None if value is None else value.isoformat()


async def _holds_and_lots(conn: AsyncConnection, world: World) -> None:
    staged = world.staged
    made = {(entry.member, lot.number) for entry in staged.entries for lot in entry.new_lots}
    lots = [
        {"m": m, "l": n, **_counters(lot)}
        for (m, n), lot in sorted(staged.lots.items())
        if (m, n) not in made
    ]
    await _put(conn, sql.LOTS, lots, exact=True)
    holds = [
        {
            "m": hold.member,
            "v": hold.version,
            "scope": hold.scope,
            "key": hold.key,
            "c": hold.connection,
            "amount": hold.amount,
            "lapses_at": hold.lapses_at.isoformat(),
        }
        for hold in staged.holds
    ]
    await _put(conn, sql.HOLDS, holds)
    ends = [
        {"m": e.member, "v": e.version, "e": e.end_version, "how": e.how, "captured": e.captured}
        for e in staged.hold_ends
    ]
    await _put(conn, sql.HOLD_ENDS, ends)
    await _put(
        conn, sql.HEADS, [_head(world, m) for m in sorted({e.member for e in staged.entries})]
    )


def _head(world: World, member: str) -> dict[str, Any]:
    books = world.books[member]
    return {
        "m": member,
        "v": books.version,
        "lots": books.lots_made,
        "chain": books.chain.hex(),
        "pending": sum(lot.pending for lot in books.lots),
        "available": sum(lot.available for lot in books.lots),
        "held": sum(lot.held for lot in books.lots),
        "debt": books.debt,
    }


async def _orders(conn: AsyncConnection, world: World, at: str) -> None:
    staged = world.staged
    rows = [row for _, row in sorted(staged.orders.items())]
    new = [_order(row) for row in rows if row.key not in world.orders_at_start]
    old = [_order(row) for row in rows if row.key in world.orders_at_start]
    await _put(conn, sql.NEW_ORDERS, new, exact=True)
    await _put(conn, sql.ORDERS, old, exact=True)
    revisions = [
        {
            "c": row.key[0],
            "r": row.key[1],
            "revision": row.revision,
            "clock": row.clock.isoformat(),
            "delivery": delivery,
            "at": at,
            "document": row.document,
        }
        for row, delivery in staged.revisions
    ]
    await _put(conn, sql.REVISIONS, revisions)
    settled = [
        {
            "m": member,
            "c": order[0],
            "r": order[1],
            "earned": done.earned,
            "redeemed": done.redeemed,
            "lots": done.lots,
            "used": done.used,
        }
        for (member, order), done in sorted(staged.settled.items())
    ]
    await _put(conn, sql.SETTLED, settled)
    same = [
        {"c": one[0], "r": one[1], "oc": other[0], "o": other[1], "evidence": evidence, "at": at}
        for one, other, evidence in staged.same
    ]
    await _put(conn, sql.SAME, same)


def _order(row: OrderRow) -> dict[str, Any]:
    same_connection, same_ref = row.same or (None, None)
    return {
        "c": row.key[0],
        "r": row.key[1],
        "revision": row.revision,
        "clock": row.clock.isoformat(),
        "read_at": _iso(row.read_at),
        "digest": row.digest.hex(),
        "placed_at": row.placed_at.isoformat(),
        "customer": row.customer,
        "m": row.member,
        "sc": same_connection,
        "sr": same_ref,
        "program": row.program,
        "pv": row.program_version,
        "document": row.document,
    }


async def _links(conn: AsyncConnection, world: World, at: str) -> None:
    staged = world.staged
    mirrors = [
        {"c": new.connection, "m": new.member, "e": new.external_id, "at": at}
        for new in staged.mirrors
    ]
    await _put(conn, sql.NEW_MIRRORS, mirrors)
    changed = [
        {"m": member, "v": world.books[member].version, "at": at}
        for member in sorted({entry.member for entry in staged.entries})
    ]
    await _put(conn, sql.MIRRORS, changed)
    alerts = [
        {
            "id": alert.id,
            "kind": alert.kind,
            "m": alert.member,
            "c": alert.order[0] if alert.order else None,
            "r": alert.order[1] if alert.order else None,
            "message": alert.message,
            "at": at,
        }
        for alert in staged.alerts
    ]
    await _put(conn, sql.ALERTS, alerts)


async def _keys_and_feed(conn: AsyncConnection, world: World, at: str) -> None:
    """Unique keys, then the feed's numbers as the very last statement."""
    staged = world.staged
    identities = [
        {
            "kind": new.key[0],
            "scope": new.key[1],
            "blind": new.key[2].hex(),
            "at": at,
            "m": new.member,
            "grade": new.grade,
            "by": new.asserted_by,
            "sealed": new.sealed.hex(),
        }
        for new in staged.identities
    ]
    await _put(conn, sql.IDENTITIES, identities, exact=True)
    sales = [
        dict(zip(("c", "s", "t", "d", "n", "receipt"), (*k[:3], _iso(k[3]), *k[4:]), strict=True))
        | {"r": ref}
        for k, ref in sorted(staged.sales.items())
    ]
    await _put(conn, sql.SALES, sales, exact=True)
    requests = [
        {"s": scope, "k": key, "d": digest.hex(), "a": answer, "at": at}
        for (scope, key), (digest, answer) in sorted(staged.requests.items())
    ]
    await _put(conn, sql.REQUESTS, requests, exact=True)
    touched = sorted(staged.touched | {entry.member for entry in staged.entries})
    if touched:
        rows = [{"m": member, "v": world.version_of(member)} for member in touched]
        await conn.execute(
            text(sql.FEED), {"p": json.dumps(rows), "n": len(rows), "lane": FEED_LANE}
        )


async def _put(
    conn: AsyncConnection, statement: str, rows: Sequence[dict[str, Any]], *, exact: bool = False
) -> None:
    """Run one statement for all rows; ``exact`` raises LostRace when it changed fewer."""
    if not rows:
        return
    result = await conn.execute(text(statement), {"p": json.dumps(rows)})
    if exact and result.rowcount != len(rows):
        raise LostRace(f"{len(rows) - result.rowcount} of {len(rows)} rows were there already")
