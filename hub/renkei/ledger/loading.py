"""Locking and loading what a batch of commands needs.

READ COMMITTED, always in this order and each step in key order: what names are known (unlocked),
orders, members, period (shared); only then, in later statements, everything that the locks guard.
A lock joined to its data would read stale rows.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.settlement import Settled
from renkei.ledger.transaction import DEBT_LOT, Books, Hold, Lot
from renkei.ledger.world import (
    ConnectionFacts,
    HoldName,
    IdentityKey,
    KnownHold,
    Needs,
    OrderKey,
    OrderRow,
    ProgramVersion,
    RequestKey,
    SaleKey,
    World,
)

Rows = Sequence[Any]

SALES = """
SELECT k.connection_id, k.store, k.till, k.business_date, k.settlement_count, k.receipt_number,
       k.order_ref
FROM order_key k JOIN json_to_recordset(CAST(:keys AS json))
  AS x(c text, s text, t text, d date, n int, r text)
  ON (k.connection_id, k.store, k.till, k.business_date, k.settlement_count, k.receipt_number)
   = (x.c, x.s, x.t, x.d, x.n, x.r)"""

IDENTITIES = """
SELECT i.kind, i.scope, i.blind, i.member_id, i.grade
FROM identity i JOIN json_to_recordset(CAST(:keys AS json)) AS x(k text, s text, b text)
  ON i.kind = x.k AND i.scope = x.s AND i.blind = decode(x.b, 'hex')
WHERE i.valid_until IS NULL ORDER BY (i.grade = 'asserted') DESC"""

ORDERS = """
SELECT o.connection_id, o.order_ref, o.revision, o.clock, o.read_at, o.digest, o.placed_at,
       o.customer_id, o.member_id, o.same_connection, o.same_ref, o.program_id,
       o.program_version, o.document
FROM orders o
WHERE (o.connection_id, o.order_ref) IN
      (SELECT c, r FROM json_to_recordset(CAST(:keys AS json)) AS x(c text, r text))
ORDER BY o.connection_id, o.order_ref FOR NO KEY UPDATE"""

MEMBERS = """
SELECT member_id, program_id, version, lots, chain, debt
FROM member WHERE member_id = ANY(CAST(:ids AS text[]))
ORDER BY member_id FOR NO KEY UPDATE"""

SETTLED = """
SELECT member_id, connection_id, order_ref, earned, redeemed, lots, used
FROM settled
WHERE member_id = ANY(CAST(:ids AS text[])) AND (connection_id, order_ref) IN
      (SELECT c, r FROM json_to_recordset(CAST(:keys AS json)) AS x(c text, r text))"""

LOTS = """
SELECT member_id, lot, origin, granted, granted_at, usable_from, expires_at, pending, available,
       held, expired, netted, connection_id, order_ref, parent_lot, net_base, yen_value, company_id,
       store
FROM lot WHERE member_id = ANY(CAST(:ids AS text[])) AND (open
   OR (expired > 0 AND expires_at > CAST(:since AS timestamptz))
   OR (netted > 0 AND member_id = ANY(CAST(:debtors AS text[])))
   OR (member_id, lot) IN
      (SELECT m, l FROM json_to_recordset(CAST(:named AS json)) AS x(m text, l int)))
ORDER BY member_id, lot"""

HOLDS = """
SELECT h.member_id, h.version, h.key, h.amount, greatest(h.lapses_at, max(e.lapses_at)),
       (SELECT json_agg(json_build_array(a.lot, a.d_held) ORDER BY a.n) FROM allocation a
         WHERE a.member_id = h.member_id AND a.version = h.version AND a.d_held > 0),
       h.connection_id
FROM hold h LEFT JOIN hold_extension e USING (member_id, version)
WHERE h.member_id = ANY(CAST(:ids AS text[]))
  AND NOT EXISTS (SELECT FROM hold_end d WHERE (d.member_id, d.version) = (h.member_id, h.version))
GROUP BY h.member_id, h.version, h.key, h.amount, h.lapses_at, h.connection_id
ORDER BY h.member_id, h.version"""

NAMED_HOLDS = """
SELECT h.member_id, h.version, h.connection_id, e.how, t.connection_id, t.order_ref
FROM json_to_recordset(CAST(:names AS json)) AS x(m text, v bigint)
JOIN hold h ON h.member_id = x.m AND h.version = x.v
LEFT JOIN hold_end e ON (e.member_id, e.version) = (h.member_id, h.version)
LEFT JOIN txn t ON (t.member_id, t.version) = (e.member_id, e.end_version)"""

REQUESTS = """
SELECT r.scope, r.key, r.digest, r.answer
FROM request_key r JOIN json_to_recordset(CAST(:keys AS json)) AS x(s text, k text)
  ON r.scope = x.s AND r.key = x.k"""

MEMBER_KEYS = (
    "SELECT member_id, wrapped FROM member_key WHERE member_id = ANY(CAST(:ids AS text[]))"
)

CONNECTIONS = """
SELECT connection_id, program_id, company_id, settles_from
FROM connection WHERE connection_id = ANY(CAST(:ids AS text[]))"""

PERIODS = "SELECT program_id, period, sealed_at FROM period ORDER BY program_id, period FOR SHARE"

PROGRAMS = "SELECT program_id, version, in_force_from, document FROM program_version ORDER BY 1, 2"


async def load(conn: AsyncConnection, needs: Needs) -> World:
    """Lock and load; ``now`` is the database's clock after the locks."""
    sales = await _sales(conn, needs.sales)
    identities = await _identities(conn, needs.identities)
    orders = await _orders(conn, needs.orders | {(key[0], ref) for key, ref in sales.items()})
    members = needs.members | {member for member, _ in identities.values()}
    members |= {row.member for row in orders.values() if row.member}
    heads = await _all(conn, MEMBERS, ids=sorted(members))
    periods = await _all(conn, PERIODS)
    ids = [head[0] for head in heads]
    settled = await _settled(conn, ids, orders)
    programs = [ProgramVersion(*row) for row in await _all(conn, PROGRAMS)]
    return World(
        now=(await conn.execute(text("SELECT clock_timestamp()"))).scalar_one(),
        connections=await _connections(conn, needs, orders),
        programs=programs,
        sealed_periods={(row[0], row[1]) for row in periods if row[2] is not None},
        periods={(row[0], row[1]) for row in periods},
        orders=orders,
        sales=sales,
        identities=identities,
        books=await _books(conn, heads, settled, needs.since),
        settled=settled,
        requests=await _requests(conn, needs.requests),
        holds=await _named_holds(conn, needs.holds),
        member_keys=await _member_keys(conn, {member for member, _ in identities.values()}),
    )


async def read_books(conn: AsyncConnection, members: Sequence[str]) -> dict[str, Books]:
    """The books of these members as they are, without a lock: for balances, not for booking."""
    unlocked = MEMBERS.replace("FOR NO KEY UPDATE", "")
    heads = await _all(conn, unlocked, ids=sorted(members))
    return await _books(conn, heads, {}, None)


async def _all(conn: AsyncConnection, statement: str, **values: Any) -> Rows:
    return (await conn.execute(text(statement), values)).all()


async def _sales(conn: AsyncConnection, keys: Iterable[SaleKey]) -> dict[SaleKey, str]:
    asked = [
        dict(zip("cstdnr", (*key[:3], key[3].isoformat(), *key[4:]), strict=True))
        for key in sorted(keys)
    ]
    rows = await _all(conn, SALES, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1], row[2], row[3], row[4], row[5]): row[6] for row in rows}


async def _identities(
    conn: AsyncConnection, keys: Iterable[IdentityKey]
) -> dict[IdentityKey, tuple[str, str]]:
    """Asserted ones come first, so that a proven one of the same value wins."""
    asked = [{"k": kind, "s": scope, "b": blind.hex()} for kind, scope, blind in sorted(keys)]
    rows = await _all(conn, IDENTITIES, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1], bytes(row[2])): (row[3], row[4]) for row in rows}


async def _orders(conn: AsyncConnection, keys: Iterable[OrderKey]) -> dict[OrderKey, OrderRow]:
    asked = _order_keys(keys)
    rows = await _all(conn, ORDERS, keys=asked) if asked != "[]" else ()
    return {(row[0], row[1]): _order_row(row) for row in rows}


def _order_keys(keys: Iterable[OrderKey]) -> str:
    return json.dumps([{"c": connection, "r": ref} for connection, ref in sorted(keys)])


def _order_row(row: Any) -> OrderRow:
    return OrderRow(
        key=(row[0], row[1]),
        revision=row[2],
        clock=row[3],
        read_at=row[4],
        digest=bytes(row[5]),
        placed_at=row[6],
        customer=row[7],
        member=row[8],
        same=(row[9], row[10]) if row[9] is not None else None,
        program=row[11],
        program_version=row[12],
        document=row[13],
    )


async def _settled(
    conn: AsyncConnection, ids: Sequence[str], orders: Iterable[OrderKey]
) -> dict[tuple[str, OrderKey], Settled]:
    keys = _order_keys(orders)
    rows = await _all(conn, SETTLED, ids=list(ids), keys=keys) if keys != "[]" else ()
    return {
        (row[0], (row[1], row[2])): Settled(
            row[3], row[4], tuple(row[5]), tuple((lot, part) for lot, part in row[6])
        )
        for row in rows
    }


async def _books(
    conn: AsyncConnection,
    heads: Rows,
    settled: dict[tuple[str, OrderKey], Settled],
    since: datetime | None,
) -> dict[str, Books]:
    """Open lots, and closed ones that a decision of this batch may need (Books says which)."""
    ids = [head[0] for head in heads]
    if not ids:
        return {}
    named = [
        {"m": member, "l": lot}
        for (member, _), done in settled.items()
        for lot in {*done.lots, *(lot for lot, _ in done.used)} - {DEBT_LOT}
    ]
    debtors = [member for (member, _), done in settled.items() if DEBT_LOT in dict(done.used)]
    lots: dict[str, list[Lot]] = {}
    values = {"ids": ids, "named": json.dumps(named), "since": since, "debtors": debtors}
    for row in await _all(conn, LOTS, **values):
        lots.setdefault(row[0], []).append(Lot(*row[1:]))
    holds: dict[str, list[Hold]] = {}
    for row in await _all(conn, HOLDS, ids=ids):
        frozen = tuple((lot, part) for lot, part in row[5])
        made = Hold(row[1], row[2], row[3], row[4], frozen, row[6])
        holds.setdefault(row[0], []).append(made)
    return {
        row[0]: Books(
            member=row[0],
            program=row[1],
            version=row[2],
            lots_made=row[3],
            chain=bytes(row[4]),
            debt=row[5],
            lots=tuple(lots.get(row[0], ())),
            holds=tuple(holds.get(row[0], ())),
        )
        for row in heads
    }


async def _requests(
    conn: AsyncConnection, keys: Iterable[RequestKey]
) -> dict[RequestKey, tuple[bytes, Any]]:
    asked = [{"s": scope, "k": key} for scope, key in sorted(keys)]
    rows = await _all(conn, REQUESTS, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1]): (bytes(row[2]), row[3]) for row in rows}


async def _named_holds(
    conn: AsyncConnection, names: Iterable[HoldName]
) -> dict[HoldName, KnownHold]:
    asked = [{"m": member, "v": version} for member, version in sorted(names)]
    rows = await _all(conn, NAMED_HOLDS, names=json.dumps(asked)) if asked else ()
    return {
        (row[0], row[1]): KnownHold(row[2], row[3], (row[4], row[5]) if row[5] else None)
        for row in rows
    }


async def _member_keys(conn: AsyncConnection, members: set[str]) -> dict[str, bytes]:
    rows = await _all(conn, MEMBER_KEYS, ids=sorted(members)) if members else ()
    return {row[0]: bytes(row[1]) for row in rows}


async def _connections(
    conn: AsyncConnection, needs: Needs, orders: Iterable[OrderKey]
) -> dict[str, ConnectionFacts]:
    ids = sorted(needs.connections | {connection for connection, _ in orders})
    rows = await _all(conn, CONNECTIONS, ids=ids) if ids else ()
    return {row[0]: ConnectionFacts(row[1], row[2], row[3]) for row in rows}
