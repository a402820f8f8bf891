"""Locking and loading what a batch of commands needs, in one to three round trips.

READ COMMITTED, always in this order and each step in key order: what names are known (unlocked),
orders, members, quotas, periods (shared); only then, in later statements, everything that the locks
guard. A lock joined to its data would read stale rows. Statements of one trip see one another's
locks as statements sent one by one do (storage/trip.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import queries as sql
from renkei.ledger.books import DEBT_LOT, Group, HoldName, Lot
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.loaded import (
    Found,
    Windows,
    books_in,
    known_in,
    settled_in,
    windows_in,
    world_in,
)
from renkei.ledger.read_allowances import allowance_statement, owners_statement
from renkei.ledger.read_coupons import coupon_members_statement, coupon_statement
from renkei.ledger.read_past import past_statement
from renkei.ledger.read_places import place_statement, product_statement
from renkei.ledger.settlement import Settled, homes_of
from renkei.ledger.world import (
    IdentityKey,
    Known,
    Needs,
    OrderKey,
    OrderRow,
    ProgramVersion,
    Sighting,
    World,
)
from renkei.storage.committer import LostRace
from renkei.storage.trip import Rows, Statement, as_json, joined, travel

SettledFor = Mapping[tuple[str, OrderKey], Settled]

Further = Callable[[Known], Needs]

Asked = Mapping[str, Statement | None]
"""The statements of a trip, by their names; None: nothing to ask for."""


async def load(conn: AsyncConnection, needs: Needs, further: Further | None = None) -> World:
    """Lock and load; ``now`` is the database's clock after the locks.

    ``further`` says what else is needed once programs, connections and names are known.
    """
    names = await _ask(conn, _names(needs))
    known = known_in(names)
    if further is not None:
        needs = needs | further(known)
    settled = settled_in(names["settled"])
    members = {*needs.members} | _members_named(names, known.orders, settled)
    groups = names["groups"]
    if not members <= {member for member, _ in groups}:
        groups = await _groups(conn, members)
    windows = windows_in(names["windows"])
    asked = _locks(needs, groups) | _books(groups, settled, needs.since)
    asked |= _other_programs(needs, groups, known.programs)
    asked |= {"pasts": past_statement(needs.pasts, groups, known.orders) if needs.pasts else None}
    found = await _ask(conn, asked | _beside(needs, known.orders, known.identities, windows))
    _require_same_groups(groups, found)
    return world_in(names, known, found)


def names_members_alone(needs: Needs) -> bool:
    """Whether the batch names its members itself, and nothing by which others might show."""
    elsewhere = needs.identities or needs.orders or needs.sales or needs.pasts
    return bool(needs.members) and not elsewhere


async def load_at_once(conn: AsyncConnection, needs: Needs, further: Further) -> World | None:
    """The same in one trip, as if each member counted alone; None where that is not so.

    Then what was locked may be locked before its turn: the transaction must end first.
    """
    groups = [(member, None) for member in sorted(needs.members)]
    asked = _locks(needs, groups) | _books(groups, {}, needs.since) | _beside(needs, (), {}, {})
    names, found = await _ask_all(conn, _names(needs), asked)
    known = known_in(names)
    seen = [names["groups"], [row[:2] for row in found["locked"]], _heads_alone(found)]
    others = _members_named(names, known.orders, {}) - needs.members
    if any(one != groups for one in seen) or others or further(known) != Needs():
        return None
    return world_in(names, known, {**found, "other_programs": (), "pasts": ()})


def _members_named(
    names: Found, orders: Mapping[OrderKey, OrderRow], settled: SettledFor
) -> set[str]:
    """Whose identities, orders, postings, holds, coupons or allowances were named."""
    members = {row.member for row in orders.values() if row.member}
    members |= {home for done in settled.values() for home in homes_of(done)}
    owned = ("hold_parts", "coupon_members", "allowance_members")
    members |= {row[0] for name in owned for row in names[name]}
    return members | {row[3] for row in names["identities"]}


async def read_groups(conn: AsyncConnection, members: Sequence[str]) -> dict[str, Group]:
    """What counts together with each of these members, without a lock: for balances only."""
    heads = await _groups(conn, {*members})
    asked = {"heads": Statement(sql.HEADS, {"ids": joined(_roots(heads))})} | _books(
        heads, {}, None
    )
    found = await _ask(conn, asked)
    books = books_in(found)
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
    books = books_in(await _ask(conn, asked))
    return [lot for member in members for lot in books[member].lots]


async def _ask(conn: AsyncConnection, asked: Asked) -> Found:
    """One trip for all of it; what has nothing to ask for gives no rows."""
    (found,) = await _ask_all(conn, asked)
    return found


async def _ask_all(conn: AsyncConnection, *every: Asked) -> list[Found]:
    """The same for several, in this order."""
    wanted = [one for asked in every for one in asked.values() if one is not None]
    answers = iter(await travel(conn, wanted) if wanted else ())
    return [
        {name: () if one is None else next(answers).rows for name, one in asked.items()}
        for asked in every
    ]


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
        "allowance_members": owners_statement(needs.allowances),
        "groups": _for(needs.members, sql.GROUPS, ids=joined(needs.members)),
    }


def _for(asked: object, statement: str, **values: Any) -> Statement | None:
    """The statement, unless nothing is asked for."""
    return Statement(statement, values) if asked else None


def _other_programs(needs: Needs, groups: Rows, known: Sequence[ProgramVersion]) -> Asked:
    """Programs of members that neither a connection of the batch nor a named member is in."""
    others = sorted({member for member, _ in groups} - needs.members)
    names = joined({one.program for one in known})
    asked = _for(others, sql.OTHER_PROGRAMS, ids=joined(others), known=names)
    return {"other_programs": asked}


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


def _heads_alone(found: Found) -> list[tuple[str, str | None]]:
    return [(head[0], head[8]) for head in found["heads"]]


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
        "allowances": allowance_statement(needs.allowances),
        "places": place_statement(needs.places),
        "products": product_statement(needs.products),
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
