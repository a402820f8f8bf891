"""Locking and loading what a batch of commands needs, in one to three round trips.

READ COMMITTED, always in this order and each step in key order: what names are known (unlocked),
orders, members, quotas, periods (shared); only then, in later statements, everything that the locks
guard. A lock joined to its data would read stale rows. Statements of one trip see one another's
locks as statements sent one by one do (storage/trip.py).
"""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import asking
from renkei.ledger import queries as sql
from renkei.ledger.asking import Asking, SettledFor
from renkei.ledger.books import Group, Lot
from renkei.ledger.groups import groups_in, root_of
from renkei.ledger.keys import OrderKey
from renkei.ledger.loaded import Found, books_in, known_in, settled_in, windows_in, world_in
from renkei.ledger.read_past import past_statement
from renkei.ledger.staged import OrderRow
from renkei.ledger.target import homes_of
from renkei.ledger.world import Known, Needs, ProgramVersion, World
from renkei.storage.committer import LostRace
from renkei.storage.trip import Rows, Statement, joined, travel

Further = Callable[[Known], Needs]


async def load(conn: AsyncConnection, needs: Needs, further: Further | None = None) -> World:
    """Lock and load; ``now`` is the database's clock after the locks.

    ``further`` says what else is needed once programs, connections and names are known.
    """
    names = await _ask(conn, asking.names(needs) | asking.groups(needs.members))
    known = known_in(names)
    if further is not None:
        every = needs | further(known)
        if every.connections != needs.connections:  # an order is counted at another vendor
            names = {**names, **await _ask(conn, asking.channels(every))}
            known = known_in(names)
            every |= further(known)
        needs = every
    settled = settled_in(names["settled"])
    members = {*needs.members} | _members_named(names, known.orders, settled)
    groups = names["groups"]
    if not members <= {member for member, _ in groups}:
        groups = await _groups(conn, members)
    windows = windows_in(names["windows"])
    asked = asking.locks(needs, groups) | asking.books(groups, settled, needs.since)
    asked |= _other_programs(needs, groups, known.programs)
    asked |= {"pasts": past_statement(needs.pasts, groups, known.orders) if needs.pasts else None}
    found = await _ask(conn, asked | asking.beside(needs, known.orders, known.identities, windows))
    _require_same_groups(groups, found)
    return world_in(names, known, found)


def names_its_members(needs: Needs) -> bool:
    """Whether the batch names its members itself, and none by what proves or did something."""
    return bool(needs.members) and not needs.identities and not needs.of_others


async def load_at_once(conn: AsyncConnection, needs: Needs, further: Further) -> World | None:
    """The same as if each member named counted alone, in one trip, or two where more is needed.

    None where others count: what was locked is locked before its turn then, and the transaction
    must end first. Quotas that show late are locked after the periods: whoever closes one at that
    moment may make the batch run again.
    """
    groups = [(member, None) for member in sorted(needs.members)]
    asked = (
        asking.locks(needs, groups)
        | asking.books(groups, {}, needs.since)
        | asking.beside(needs, (), {}, {})
    )
    names, found = await _ask_all(conn, asking.names(needs), asked)
    known, settled = known_in(names), settled_in(names["settled"])
    every = needs | further(known)
    seen = [[row[:2] for row in found["locked"]], _heads_alone(found)]
    others = _members_named(names, known.orders, settled) - needs.members
    if any(one != groups for one in seen) or others or _locked(every) != _locked(needs):
        return None
    more_asked = every != needs or known.orders or every.pasts
    late = _late(every, known, groups) if more_asked else {}
    windows = windows_in(names["windows"])
    late |= asking.look_alikes(every, windows) if windows else {}
    late |= {"lots": asking.books(groups, settled, needs.since)["lots"]} if settled else {}
    more = await _ask(conn, late | {"clock": Statement(sql.CLOCK)}) if late else {}
    return world_in(names, known, {"other_programs": (), "pasts": (), **found, **more})


def _locked(needs: Needs) -> tuple[object, ...]:
    """What is locked before the members are."""
    return needs.orders, needs.sales, needs.members, needs.identities


def _late(needs: Needs, known: Known, groups: Rows) -> Asking:
    """Beside the members: what depends on orders that are known, or on the rules."""
    beside = asking.beside(needs, known.orders, {}, {})
    names = ("claims", "refunds", "coupons", "places", "products")
    past = past_statement(needs.pasts, groups, known.orders) if needs.pasts else None
    quotas = asking.locks(needs, groups)["quotas"]
    return {"quotas": quotas, "pasts": past} | {name: beside[name] for name in names}


def _members_named(
    names: Found, orders: Mapping[OrderKey, OrderRow], settled: SettledFor
) -> set[str]:
    """Whose identities, orders, postings, holds, coupons or allowances were named."""
    members = {row.member for row in orders.values() if row.member}
    members |= {home for done in settled.values() for home in homes_of(done)}
    owned = ("hold_parts", "coupon_members", "allowance_members")
    members |= {row[0] for name in owned for row in names[name]}
    return members | {row[3] for row in names["identities"]}


async def read_groups(
    conn: AsyncConnection, members: Sequence[str], *, commit: bool = False
) -> dict[str, Group]:
    """What counts together with each of these members, without a lock: for balances only.

    One trip where all of them count alone, as nearly everybody does. ``commit`` ends the
    transaction with it.
    """
    named = {*members}
    alone = [(member, None) for member in sorted(named)]
    asked = asking.groups(named) | _heads_and_books(alone)
    (found,) = await _ask_all(conn, asked, commit=commit)
    if not {row[:2] for row in found["groups"]} <= {*alone}:
        (found,) = await _ask_all(conn, _heads_and_books(found["groups"]), commit=commit)
    books = books_in(found)
    merged = {head[0]: head[8] for head in found["heads"]}
    mates = groups_in(merged)
    roots = {member: root_of(member, merged) for member in members if member in books}
    return {
        member: Group(root, tuple(books[home] for home in mates.get(root, (root,))))
        for member, root in roots.items()
    }


def _heads_and_books(groups: Rows) -> Asking:
    roots = asking.roots_of(groups)
    heads = {"heads": asking.for_any(roots, sql.HEADS, ids=joined(roots))}
    return heads | asking.books(groups, {}, None)


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


async def _ask(conn: AsyncConnection, asked: Mapping[str, Statement | None]) -> Found:
    """One trip for all of it; what has nothing to ask for gives no rows."""
    (found,) = await _ask_all(conn, asked)
    return found


async def _ask_all(
    conn: AsyncConnection, *every: Mapping[str, Statement | None], commit: bool = False
) -> list[Found]:
    """The same for several, in this order."""
    wanted = [one for asked in every for one in asked.values() if one is not None]
    answers = iter(await travel(conn, wanted, commit=commit) if wanted else ())
    return [
        {name: () if one is None else next(answers).rows for name, one in asked.items()}
        for asked in every
    ]


def _other_programs(needs: Needs, groups: Rows, known: Sequence[ProgramVersion]) -> Asking:
    """Programs of members that neither a connection of the batch nor a named member is in."""
    others = sorted({member for member, _ in groups} - needs.members)
    names = joined({one.program for one in known})
    asked = asking.for_any(others, sql.OTHER_PROGRAMS, ids=joined(others), known=names)
    return {"other_programs": asked}


async def _groups(conn: AsyncConnection, members: set[str]) -> Rows:
    """(member, merged into) of everybody who counts together with one of these, unlocked."""
    return (await _ask(conn, asking.groups(members)))["groups"]


def _heads_alone(found: Found) -> list[tuple[str, str | None]]:
    return [(head[0], head[8]) for head in found["heads"]]


def _require_same_groups(groups: Rows, found: Found) -> None:
    """Who counts with whom was read before the locks: another answer under them is a lost race."""
    if [(row[0], row[1]) for row in found["locked"]] != [(row[0], row[1]) for row in groups]:
        raise LostRace("a member was merged or parted meanwhile")
    if [member for member, _ in groups] != [head[0] for head in found["heads"]]:
        raise LostRace("a member joined a group meanwhile")
