"""Locking and loading what a batch of commands needs.

READ COMMITTED, always in this order and each step in key order: what names are known (unlocked),
orders, members, period (shared); only then, in later statements, everything that the locks guard.
A lock joined to its data would read stale rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import queries as sql
from renkei.ledger.books import DEBT_LOT, Books, Group, Hold, HoldName, Lot
from renkei.ledger.quotas import Quota
from renkei.ledger.settlement import Settled
from renkei.ledger.sliding import slid
from renkei.ledger.world import (
    ClaimKey,
    ConnectionFacts,
    IdentityKey,
    KnownHold,
    Needs,
    NewRefund,
    OrderKey,
    OrderRow,
    ProgramVersion,
    QuotaKey,
    RequestKey,
    SaleKey,
    Sighting,
    World,
    groups_in,
    homes_of,
    root_of,
)
from renkei.storage.committer import LostRace

Rows = Sequence[Any]


async def load(conn: AsyncConnection, needs: Needs) -> World:
    """Lock and load; ``now`` is the database's clock after the locks."""
    sales = await _sales(conn, needs.sales)
    identities = await _identities(conn, needs.identities)
    orders = await _orders(conn, needs.orders | {(key[0], ref) for key, ref in sales.items()})
    settled = await _settled(conn, orders)
    members = {*needs.members} | {member for member, _ in identities.values()}
    members |= {row.member for row in orders.values() if row.member}
    members |= {home for done in settled.values() for home in homes_of(done)}
    members |= await _homes_of_holds(conn, needs.holds)
    heads = await _lock_groups(conn, members)
    quotas = await _quotas(conn, needs)
    periods = await _all(conn, sql.PERIODS)
    windows = await _windows(conn, needs.sightings)
    programs = [ProgramVersion(*row) for row in await _all(conn, sql.PROGRAMS)]
    return World(
        now=(await conn.execute(text("SELECT clock_timestamp()"))).scalar_one(),
        connections=await _connections(conn, needs, orders),
        programs=programs,
        periods={(row[0], row[1]) for row in periods},
        orders=orders,
        sales=sales,
        identities=identities,
        books=await _books(conn, heads, settled, needs.since),
        settled=settled,
        requests=await _requests(conn, needs.requests),
        holds=await _named_holds(conn, needs.holds),
        member_keys=await _member_keys(conn, _personal(needs, identities)),
        merged={head[0]: head[8] for head in heads},
        quotas=quotas,
        claims=await _claims(conn, needs.claims),
        refunds=await _refunds(conn, needs.orders),
        lookalikes=await _lookalikes(conn, needs.sightings) if windows else {},
        windows=windows,
    )


async def read_groups(conn: AsyncConnection, members: Sequence[str]) -> dict[str, Group]:
    """What counts together with each of these members, without a lock: for balances only."""
    roots = (await _all(conn, sql.ROOTS, ids=sorted(members))) if members else ()
    heads = await _all(conn, sql.HEADS, ids=[row[0] for row in roots])
    books = await _books(conn, heads, {}, None)
    merged = {head[0]: head[8] for head in heads}
    groups = groups_in(merged)
    found = {}
    for member in members:
        if member in books:
            root = root_of(member, merged)
            homes = groups.get(root, (root,))
            found[member] = Group(root, tuple(books[home] for home in homes))
    return found


async def read_lots(conn: AsyncConnection, members: Sequence[str]) -> list[Lot]:
    """Every lot these members ever had, with the effective end of those that slide."""
    rows = await _all(conn, sql.EVERY_LOT, ids=list(members))
    heads = await _all(conn, sql.HEADS, ids=list(members))
    lots = _by_member(_lot(row) for row in rows)
    active = await _activities(conn, lots)
    return [lot for head in heads for lot in _sorted_out(head, lots, {}, active).lots]


async def _lock_groups(conn: AsyncConnection, members: set[str]) -> Rows:
    """Lock the roots of these members' groups; gives the heads of everyone in them.

    Who is merged into whom is read without a lock first: a root that has been merged meanwhile, or
    a member who has left, is a lost race.
    """
    if not members:
        return ()
    roots = sorted(row[0] for row in await _all(conn, sql.ROOTS, ids=sorted(members)))
    locked = await _all(conn, sql.LOCK, ids=roots)
    heads = await _all(conn, sql.HEADS, ids=roots)
    known = {head[0] for head in heads}
    if any(into is not None for _, into in locked):
        raise LostRace("a member was merged meanwhile")
    missing = [member for member in sorted(members) if member not in known]
    if missing and await _all(conn, sql.ROOTS, ids=missing):
        raise LostRace("a member was parted from their group meanwhile")
    return heads


async def _all(conn: AsyncConnection, statement: str, **values: Any) -> Rows:
    return (await conn.execute(text(statement), values)).all()


async def _sales(conn: AsyncConnection, keys: Iterable[SaleKey]) -> dict[SaleKey, str]:
    asked = [
        dict(zip("cstdnr", (*key[:3], key[3].isoformat(), *key[4:]), strict=True))
        for key in sorted(keys)
    ]
    rows = await _all(conn, sql.SALES, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1], row[2], row[3], row[4], row[5]): row[6] for row in rows}


async def _identities(
    conn: AsyncConnection, keys: Iterable[IdentityKey]
) -> dict[IdentityKey, tuple[str, str]]:
    """Asserted ones come first, so that a proven one of the same value wins."""
    asked = [{"k": kind, "s": scope, "b": blind.hex()} for kind, scope, blind in sorted(keys)]
    rows = await _all(conn, sql.IDENTITIES, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1], bytes(row[2])): (row[3], row[4]) for row in rows}


async def _orders(conn: AsyncConnection, keys: Iterable[OrderKey]) -> dict[OrderKey, OrderRow]:
    asked = _order_keys(keys)
    rows = await _all(conn, sql.ORDERS, keys=asked) if asked != "[]" else ()
    return {(row[0], row[1]): _order_row(row) for row in rows}


def _order_keys(keys: Iterable[OrderKey]) -> str:
    return json.dumps([{"c": connection, "r": ref} for connection, ref in sorted(keys)])


def _pair(connection: str | None, ref: str | None) -> OrderKey | None:
    return None if connection is None or ref is None else (connection, ref)


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
        same=_pair(row[9], row[10]),
        program=row[11],
        program_version=row[12],
        document=row[13],
        total=row[14],
        doubt=_pair(row[15], row[16]),
        apart=row[17],
    )


async def _settled(
    conn: AsyncConnection, orders: Iterable[OrderKey]
) -> dict[tuple[str, OrderKey], Settled]:
    """What is posted for these orders; their rows' locks guard it."""
    keys = _order_keys(orders)
    rows = await _all(conn, sql.SETTLED, keys=keys) if keys != "[]" else ()
    return {
        (row[0], (row[1], row[2])): Settled(
            row[3],
            row[4],
            tuple(row[5]),
            tuple(((home, lot), part) for home, lot, part in row[6]),
        )
        for row in rows
    }


async def _homes_of_holds(conn: AsyncConnection, names: Iterable[HoldName]) -> set[str]:
    """The homes in which parts of these holds lie: that never changes."""
    asked = _hold_names(names)
    return (
        {row[0] for row in await _all(conn, sql.HOLD_PARTS, names=asked)}
        if asked != "[]"
        else set()
    )


def _hold_names(names: Iterable[HoldName]) -> str:
    return json.dumps([{"m": member, "v": version} for member, version in sorted(names)])


async def _books(
    conn: AsyncConnection,
    heads: Rows,
    settled: Mapping[tuple[str, OrderKey], Settled],
    since: datetime | None,
) -> dict[str, Books]:
    """Open lots, and closed ones that a decision of this batch may need (Books says which)."""
    ids = [head[0] for head in heads]
    if not ids:
        return {}
    named = {(member, lot) for (member, _), done in settled.items() for lot in done.lots}
    used = {ref for done in settled.values() for ref, _ in done.used}
    asked = [{"m": home, "l": lot} for home, lot in sorted(named | used) if lot != DEBT_LOT]
    debtors = sorted({home for home, lot in used if lot == DEBT_LOT})
    values = {"ids": ids, "named": json.dumps(asked), "since": since, "debtors": debtors}
    lots = _by_member(_lot(row) for row in await _all(conn, sql.LOTS, **values))
    holds: dict[str, list[Hold]] = {}
    for row in await _all(conn, sql.HOLDS, ids=ids):
        holds.setdefault(row[0], []).append(_hold(row))
    active = await _activities(conn, lots)
    return {row[0]: _sorted_out(row, lots, holds, active) for row in heads}


async def _activities(
    conn: AsyncConnection, lots: Mapping[str, Sequence[Lot]]
) -> dict[str, tuple[datetime, ...]]:
    """When members with sliding lots were active; nobody else's activities matter."""
    sliding = sorted(home for home, own in lots.items() if any(lot.slides_months for lot in own))
    rows = await _all(conn, sql.ACTIVITIES, ids=sliding) if sliding else ()
    return {row[0]: tuple(row[1]) for row in rows}


def _sorted_out(
    head: Any,
    lots: Mapping[str, Sequence[Lot]],
    holds: Mapping[str, Sequence[Hold]],
    active: Mapping[str, tuple[datetime, ...]],
) -> Books:
    """One member's books from the columns of HEADS and what was loaded beside it."""
    return slid(
        Books(
            member=head[0],
            program=head[1],
            version=head[2],
            lots_made=head[3],
            chain=bytes(head[4]),
            debt=head[5],
            lots=tuple(lots.get(head[0], ())),
            holds=tuple(holds.get(head[0], ())),
            version_lead=head[6],
            activities=active.get(head[0], ()),
            zone=head[7],
        )
    )


def _lot(row: Any) -> Lot:
    """The columns of LOTS after the member stand in the order of Lot's fields."""
    return Lot(*(*row[1:20], tuple(row[20]), row[21], row[0]))


def _by_member(lots: Iterable[Lot]) -> dict[str, list[Lot]]:
    found: dict[str, list[Lot]] = {}
    for lot in lots:
        found.setdefault(lot.home, []).append(lot)
    return found


def _hold(row: Any) -> Hold:
    return Hold(
        version=row[1],
        key=row[2],
        amount=row[3],
        lapses_at=row[4],
        frozen=tuple(((row[0], lot), part) for lot, part in row[5]),
        connection=row[6],
        home=row[0],
        lead=(row[7], row[8]),
    )


async def _requests(
    conn: AsyncConnection, keys: Iterable[RequestKey]
) -> dict[RequestKey, tuple[bytes, Any]]:
    asked = [{"s": scope, "k": key} for scope, key in sorted(keys)]
    rows = await _all(conn, sql.REQUESTS, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1]): (bytes(row[2]), row[3]) for row in rows}


async def _named_holds(
    conn: AsyncConnection, names: Iterable[HoldName]
) -> dict[HoldName, KnownHold]:
    asked = _hold_names(names)
    rows = await _all(conn, sql.NAMED_HOLDS, names=asked) if asked != "[]" else ()
    return {
        (row[0], row[1]): KnownHold(row[2], row[3], tuple(row[4]), row[5], _pair(row[6], row[7]))
        for row in rows
    }


async def _quotas(conn: AsyncConnection, needs: Needs) -> dict[QuotaKey, Quota]:
    keys = needs.quotas | {key[:2] for key in needs.claims}
    asked = json.dumps([{"s": scope, "p": period} for scope, period in sorted(keys)])
    rows = await _all(conn, sql.QUOTAS, keys=asked) if keys else ()
    return {(row[0], row[1]): Quota(row[2], row[3]) for row in rows}


async def _claims(
    conn: AsyncConnection, keys: Iterable[ClaimKey]
) -> dict[ClaimKey, tuple[int, int]]:
    asked = [{"s": scope, "p": period, "c": claimant} for scope, period, claimant in sorted(keys)]
    rows = await _all(conn, sql.CLAIMS, keys=json.dumps(asked)) if asked else ()
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


async def _refunds(
    conn: AsyncConnection, keys: Iterable[OrderKey]
) -> dict[OrderKey, tuple[NewRefund, ...]]:
    asked = _order_keys(keys)
    found: dict[OrderKey, tuple[NewRefund, ...]] = {}
    for row in await _all(conn, sql.REFUNDS, keys=asked) if asked != "[]" else ():
        order = (row[0], row[1])
        refund = NewRefund((*order, row[2]), bytes(row[3]), row[4])
        found[order] = (*found.get(order, ()), refund)
    return found


async def _lookalikes(conn: AsyncConnection, seen: Iterable[Sighting]) -> dict[OrderKey, OrderRow]:
    asked = [{"c": c, "total": total, "at": at.isoformat()} for c, total, at in sorted(seen)]
    rows = await _all(conn, sql.LOOKALIKES, seen=json.dumps(asked)) if asked else ()
    return {(row[0], row[1]): _order_row(row) for row in rows}


async def _windows(
    conn: AsyncConnection, seen: Iterable[Sighting]
) -> dict[tuple[str, str], timedelta]:
    """How far apart one sale's two sightings may be, for each pair of connections, both ways."""
    ids = sorted({one.connection for one in seen})
    rows = await _all(conn, sql.PAIRS, ids=ids) if ids else ()
    there = {(row[0], row[1]): row[2] for row in rows}
    return there | {(other, one): within for (one, other), within in there.items()}


def _personal(needs: Needs, identities: Mapping[IdentityKey, tuple[str, str]]) -> set[str]:
    """Members whose own key is wanted: to seal what is personal."""
    return {member for member, _ in identities.values()} | needs.keys_of


async def _member_keys(conn: AsyncConnection, members: set[str]) -> dict[str, bytes]:
    rows = await _all(conn, sql.MEMBER_KEYS, ids=sorted(members)) if members else ()
    return {row[0]: bytes(row[1]) for row in rows}


async def _connections(
    conn: AsyncConnection, needs: Needs, orders: Iterable[OrderKey]
) -> dict[str, ConnectionFacts]:
    ids = sorted(needs.connections | {connection for connection, _ in orders})
    rows = await _all(conn, sql.CONNECTIONS, ids=ids) if ids else ()
    return {row[0]: ConnectionFacts(row[1], row[2], row[3]) for row in rows}
