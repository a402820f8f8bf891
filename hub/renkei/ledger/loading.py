"""Locking and loading what a batch of commands needs, in three round trips.

READ COMMITTED, always in this order and each step in key order: what names are known (unlocked),
orders, members, quotas, periods (shared); only then, in later statements, everything that the locks
guard. A lock joined to its data would read stale rows. Statements of one trip see one another's
locks as statements sent one by one do (storage/trip.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import queries as sql
from renkei.ledger.books import DEBT_LOT, Books, Group, Hold, HoldName, Lot
from renkei.ledger.coupons import coupon_of
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.places import places_of, products_of
from renkei.ledger.quotas import Quota
from renkei.ledger.read_coupons import coupon_members_statement, coupon_statement
from renkei.ledger.read_past import past_statement, pasts_of
from renkei.ledger.read_places import place_statement, product_statement
from renkei.ledger.settlement import Settled
from renkei.ledger.sliding import slid
from renkei.ledger.world import (
    ConnectionFacts,
    IdentityKey,
    Known,
    KnownHold,
    Needs,
    NewRefund,
    OrderKey,
    OrderRow,
    ProgramVersion,
    Sighting,
    World,
    homes_of,
)
from renkei.storage.committer import LostRace
from renkei.storage.trip import Rows, Statement, as_json, joined, travel

SettledFor = Mapping[tuple[str, OrderKey], Settled]

Windows = Mapping[tuple[str, str], timedelta]

Further = Callable[[Known], Needs]

Found = Mapping[str, Rows]
"""What the statements of a trip gave, by their names."""


async def load(conn: AsyncConnection, needs: Needs, further: Further | None = None) -> World:
    """Lock and load; ``now`` is the database's clock after the locks.

    ``further`` says what else is needed once programs, connections and names are known.
    """
    names = await _ask(conn, _names(needs))
    orders = {(row[0], row[1]): _order_row(row) for row in names["orders"]}
    settled = _settled(names["settled"])
    # Asserted ones come first, so that a proven one of the same value wins.
    identities = {(row[0], row[1], row[2]): (row[3], row[4]) for row in names["identities"]}
    connections = {row[0]: ConnectionFacts(*row[1:]) for row in names["connections"]}
    programs = [ProgramVersion(*row) for row in names["programs"]]
    if further is not None:
        needs = needs | further(Known(programs, connections, orders, identities))
    members = {*needs.members} | _members_named(names, orders, settled)
    groups = names["groups"]
    if not members <= {member for member, _ in groups}:
        groups = await _groups(conn, members)
    windows = _windows(names["windows"])
    asked = _locks(needs, groups) | _books(groups, settled, needs.since)
    asked |= _other_programs(groups, programs)
    asked |= {"pasts": past_statement(needs.pasts, groups, orders) if needs.pasts else None}
    found = await _ask(conn, asked | _beside(needs, orders, identities, windows))
    _require_same_groups(groups, found)
    return World(
        now=found["clock"][0][0],
        connections=connections,
        programs=[*programs, *(ProgramVersion(*row) for row in found["programs"])],
        periods={(row[0], row[1]) for row in found["periods"]},
        orders=orders,
        sales={tuple(row[:6]): row[6] for row in names["sales"]},
        identities=identities,
        books=_books_of(found),
        settled=settled,
        requests={(row[0], row[1]): (row[2], row[3]) for row in found["requests"]},
        holds={(row[0], row[1]): _known_hold(row) for row in found["holds_named"]},
        member_keys={row[0]: row[1] for row in found["member_keys"]},
        merged={head[0]: head[8] for head in found["heads"]},
        quotas={(row[0], row[1]): Quota(row[2], row[3]) for row in found["quotas"]},
        claims={(row[0], row[1], row[2]): (row[3], row[4]) for row in found["claims"]},
        refunds=_refunds(found["refunds"]),
        lookalikes={(row[0], row[1]): _order_row(row) for row in found["lookalikes"]},
        windows=dict(windows),
        coupons={row[0]: coupon_of(row) for row in found["coupons"]},
        places=places_of(found["places"]),
        products=products_of(found["products"]),
        pasts=pasts_of(found["pasts"]),
    )


def _members_named(
    names: Found, orders: Mapping[OrderKey, OrderRow], settled: SettledFor
) -> set[str]:
    """Whose identities, orders, postings, holds or coupons were named."""
    members = {row.member for row in orders.values() if row.member}
    members |= {home for done in settled.values() for home in homes_of(done)}
    owned = ("hold_parts", "coupon_members")
    members |= {row[0] for name in owned for row in names[name]}
    return members | {row[3] for row in names["identities"]}


async def read_groups(conn: AsyncConnection, members: Sequence[str]) -> dict[str, Group]:
    """What counts together with each of these members, without a lock: for balances only."""
    heads = await _groups(conn, {*members})
    asked = {"heads": Statement(sql.HEADS, {"ids": joined(_roots(heads))})} | _books(
        heads, {}, None
    )
    found = await _ask(conn, asked)
    books = _books_of(found)
    merged = {head[0]: head[8] for head in found["heads"]}
    groups = groups_in(merged)
    named = {member: root_of(member, merged) for member in members if member in books}
    return {
        member: Group(root, tuple(books[home] for home in groups.get(root, (root,))))
        for member, root in named.items()
    }


async def read_homes(conn: AsyncConnection, member: str) -> list[str]:
    """Everybody whose points count together with the member's, without a lock; nobody: none."""
    return [home for home, _ in await _groups(conn, {member})]


async def read_lots(conn: AsyncConnection, members: Sequence[str]) -> list[Lot]:
    """Every lot these members ever had, with the effective end of those that slide."""
    ids = {"ids": joined(members)}
    asked = {
        "lots": Statement(sql.EVERY_LOT, ids),
        "activities": Statement(sql.ACTIVITIES, ids),
        "heads": Statement(sql.HEADS, ids),
        "holds": None,
    }
    books = _books_of(await _ask(conn, asked))
    return [lot for member in members for lot in books[member].lots]


async def _ask(conn: AsyncConnection, asked: Mapping[str, Statement | None]) -> dict[str, Rows]:
    """One trip for all of it; what has nothing to ask for gives no rows."""
    wanted = {name: one for name, one in asked.items() if one is not None}
    answers = await travel(conn, list(wanted.values())) if wanted else ()
    found = {name: answer.rows for name, answer in zip(wanted, answers, strict=True)}
    return {name: found.get(name, ()) for name in asked}


def _names(needs: Needs) -> dict[str, Statement | None]:
    """What names are known, then the orders' locks, and what those guard."""
    keys = [{"c": connection, "r": ref} for connection, ref in sorted(needs.orders)]
    sales = [dict(zip("cstdnr", key, strict=True)) for key in sorted(needs.sales)]
    seen = [{"k": kind, "s": scope, "b": blind.hex()} for kind, scope, blind in needs.identities]
    orders = {"keys": as_json(keys), "sales": as_json(sales)}
    viewers = sorted({one.connection for one in needs.sightings})
    return {
        "sales": _for(sales, sql.SALES, keys=orders["sales"]),
        "identities": _for(seen, sql.IDENTITIES, keys=as_json(seen)),
        "orders": _for(keys or sales, sql.ORDERS, **orders),
        "settled": _for(keys or sales, sql.SETTLED, **orders),
        "programs": Statement(
            sql.PROGRAMS, {"ids": joined(needs.connections), "members": joined(needs.members)}
        ),
        "connections": _for(needs.connections, sql.CONNECTIONS, ids=joined(needs.connections)),
        "windows": _for(viewers, sql.PAIRS, ids=joined(viewers)),
        "hold_parts": _for(needs.holds, sql.HOLD_PARTS, names=_hold_names(needs.holds)),
        "coupon_members": coupon_members_statement(needs.coupons),
        "groups": _for(needs.members, sql.GROUPS, ids=joined(needs.members)),
    }


def _for(asked: object, statement: str, **values: Any) -> Statement | None:
    """The statement, unless nothing is asked for."""
    return Statement(statement, values) if asked else None


def _other_programs(groups: Rows, known: Sequence[ProgramVersion]) -> dict[str, Statement | None]:
    """Programs of members that no connection of the batch is in."""
    ids, names = joined(member for member, _ in groups), joined({one.program for one in known})
    return {"programs": _for(groups, sql.OTHER_PROGRAMS, ids=ids, known=names)}


async def _groups(conn: AsyncConnection, members: set[str]) -> Rows:
    """(member, merged into) of everybody who counts together with one of these, unlocked."""
    asked = {"groups": _for(members, sql.GROUPS, ids=joined(members))}
    return (await _ask(conn, asked))["groups"]


def _roots(groups: Rows) -> list[str]:
    return [member for member, into in groups if into is None]


def _locks(needs: Needs, groups: Rows) -> dict[str, Statement | None]:
    """The locks in their order, the heads they guard, and the clock after them.

    A group's root alone would guard it, but a batch that still takes a home for a root would then
    deadlock with one that writes to that home: everyone in a group is locked.
    """
    ids, roots = joined(member for member, _ in groups), _roots(groups)
    keys = sorted(needs.quotas | {key[:2] for key in needs.claims})
    quotas = as_json([{"s": scope, "p": period} for scope, period in keys])
    return {
        "locked": _for(groups, sql.LOCK, ids=ids),
        "heads": _for(roots, sql.HEADS, ids=joined(roots)),
        "quotas": _for(keys, sql.QUOTAS, keys=quotas),
        "periods": _for(groups, sql.PERIODS, ids=ids),
        "clock": Statement(sql.CLOCK),
    }


def _require_same_groups(groups: Rows, found: Found) -> None:
    """Who counts with whom was read before the locks: another answer under them is a lost race."""
    if [(row[0], row[1]) for row in found["locked"]] != [(row[0], row[1]) for row in groups]:
        raise LostRace("a member was merged or parted meanwhile")
    if [member for member, _ in groups] != [head[0] for head in found["heads"]]:
        raise LostRace("a member joined a group meanwhile")


def _beside(
    needs: Needs,
    orders: Iterable[OrderKey],
    identities: Mapping[IdentityKey, tuple[str, str]],
    windows: Windows,
) -> dict[str, Statement | None]:
    """What else the commands look at."""
    seen = [one for sighting in needs.sightings for one in _looks(sighting, windows)]
    personal = sorted({member for member, _ in identities.values()} | needs.keys_of)
    requests = [{"s": scope, "k": key} for scope, key in needs.requests]
    claims = [{"s": scope, "p": period, "c": who} for scope, period, who in needs.claims]
    refunded = [{"c": connection, "r": ref} for connection, ref in {*needs.orders, *orders}]
    return {
        "requests": _for(requests, sql.REQUESTS, keys=as_json(requests)),
        "holds_named": _for(needs.holds, sql.NAMED_HOLDS, names=_hold_names(needs.holds)),
        "member_keys": _for(personal, sql.MEMBER_KEYS, ids=joined(personal)),
        "claims": _for(claims, sql.CLAIMS, keys=as_json(claims)),
        "refunds": _for(refunded, sql.REFUNDS, keys=as_json(refunded)),
        "lookalikes": _for(seen, sql.LOOKALIKES, seen=as_json(seen)),
        "coupons": coupon_statement(needs.coupons),
        "places": place_statement(needs.places),
        "products": product_statement(needs.products),
    }


def _pair(connection: str | None, ref: str | None) -> OrderKey | None:
    return None if connection is None or ref is None else (connection, ref)


def _order_row(row: Any) -> OrderRow:
    return OrderRow(
        key=(row[0], row[1]),
        revision=row[2],
        clock=row[3],
        read_at=row[4],
        digest=row[5],
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
        spent=row[18],
        facts=row[19],
    )


def _settled(rows: Rows) -> dict[tuple[str, OrderKey], Settled]:
    """What is posted for these orders; their rows' locks guard it."""
    return {
        (row[0], (row[1], row[2])): Settled(
            row[3],
            row[4],
            tuple(row[5]),
            tuple(((home, lot), part) for home, lot, part in row[6]),
            tuple((kind, earned) for kind, earned in row[7]),
        )
        for row in rows
    }


def _hold_names(names: Iterable[HoldName]) -> str:
    return as_json([{"m": member, "v": version} for member, version in sorted(names)])


def _books(
    groups: Rows, settled: SettledFor, since: datetime | None
) -> dict[str, Statement | None]:
    """Open lots, and closed ones that a decision of this batch may need (Books says which)."""
    ids = joined(member for member, _ in groups)
    named = {(member, lot) for (member, _), done in settled.items() for lot in done.lots}
    used = {ref for done in settled.values() for ref, _ in done.used}
    asked = [{"m": home, "l": lot} for home, lot in sorted(named | used) if lot != DEBT_LOT]
    debtors = joined({home for home, lot in used if lot == DEBT_LOT})
    values = {"ids": ids, "named": as_json(asked), "since": since, "debtors": debtors}
    return {
        "lots": _for(ids, sql.LOTS, **values),
        "holds": _for(ids, sql.HOLDS, ids=ids),
        "activities": _for(ids, sql.ACTIVITIES, ids=ids),
    }


def _books_of(found: Found) -> dict[str, Books]:
    lots = _by_member(_lot(row) for row in found["lots"])
    active = {row[0]: tuple(row[1]) for row in found["activities"]}
    holds: dict[str, list[Hold]] = {}
    for row in found["holds"]:
        holds.setdefault(row[0], []).append(_hold(row))
    return {
        row[0]: slid(
            Books(
                member=row[0],
                program=row[1],
                version=row[2],
                lots_made=row[3],
                chain=row[4],
                debt=row[5],
                lots=tuple(lots.get(row[0], ())),
                holds=tuple(holds.get(row[0], ())),
                version_lead=row[6],
                activities=active.get(row[0], ()),
                zone=row[7],
            )
        )
        for row in found["heads"]
    }


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


def _known_hold(row: Any) -> KnownHold:
    return KnownHold(row[2], row[3], tuple(row[4]), row[5], _pair(row[6], row[7]))


def _refunds(rows: Rows) -> dict[OrderKey, tuple[NewRefund, ...]]:
    found: dict[OrderKey, tuple[NewRefund, ...]] = {}
    for row in rows:
        order = (row[0], row[1])
        found[order] = (*found.get(order, ()), NewRefund((*order, row[2]), row[3], row[4]))
    return found


def _windows(rows: Rows) -> Windows:
    """How far apart one sale's two sightings may be, for each pair of connections, both ways."""
    there = {(row[0], row[1]): row[2] for row in rows}
    return there | {(other, one): within for (one, other), within in there.items()}


def _looks(sighting: Sighting, windows: Windows) -> list[dict[str, Any]]:
    """Where else this sale may have been seen, and when."""
    viewer, total, at = sighting
    return [
        {
            "c": viewer,
            "other": other,
            "total": total,
            "first": (at - within),
            "last": (at + within),
        }
        for (one, other), within in windows.items()
        if one == viewer
    ]
