"""One number for what the books say, to compare runs that got there by different ways.

It covers, per member and canonical order, what is earned and redeemed, and what the member can
spend or owes. No ids, no recorded times, no lots, no chain: members are named by aliases that the
caller gives, an order that is the same sale as another counts under one name for both.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.holds import as_if_lapsed
from renkei.ledger.loading import read_groups

SETTLED = """
SELECT member_id, connection_id || '/' || order_ref, earned, redeemed FROM settled
WHERE member_id = ANY(CAST(:ids AS text[])) AND (earned, redeemed) <> (0, 0)"""

SAME = """
SELECT connection_id || '/' || order_ref, same_connection || '/' || same_ref FROM orders
WHERE same_ref IS NOT NULL"""


@dataclass(frozen=True)
class MemberState:
    """What the books say of one member; ``orders`` are (alias, earned, redeemed), none all zero.

    ``debt`` (≤ 0) is what is owed once everything that could be spent is counted against it. How
    much debt stands beside unspent lots depends on the order of events: points taken back from a
    spent lot become debt, and only later inflows repay it. Merged members show their group's sums.
    """

    alias: str
    spendable: int
    debt: int
    orders: tuple[tuple[str, int, int], ...]


def state_hash(states: Iterable[MemberState]) -> str:
    """SHA-256, as hexadecimal digits; the order of members and orders does not matter."""
    content = [
        [one.alias, one.spendable, one.debt, sorted(one.orders)]
        for one in sorted(states, key=lambda one: one.alias)
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def canonical(same: Mapping[str, str]) -> dict[str, str]:
    """Each alias's name for the sale: the first, by name, of all that are this sale.

    ``same`` maps an order to the one at which it is counted; which of two that is depends on which
    was seen first, and the hash must not.
    """
    groups: dict[str, list[str]] = {}
    for alias, counted in same.items():
        groups.setdefault(counted, [counted]).append(alias)
    return {one: min(group) for group in groups.values() for one in group}


async def load_states(
    conn: AsyncConnection, aliases: Mapping[str, str], at: datetime
) -> list[MemberState]:
    """What the books say at that instant of the members that have an alias."""
    members = sorted(aliases)
    groups = await read_groups(conn, members)
    names = canonical({row[0]: row[1] for row in (await conn.execute(text(SAME))).all()})
    orders: dict[str, list[tuple[str, int, int]]] = {}
    for member, order, earned, redeemed in (
        await conn.execute(text(SETTLED), {"ids": members})
    ).all():
        orders.setdefault(member, []).append((names.get(order, order), earned, redeemed))
    states = []
    for member in members:
        now = as_if_lapsed(groups[member], at)
        ready = sum(lot.available for lot in now.lots if lot.alive(at)) + now.debt
        kept = tuple(sorted(orders.get(member, ())))
        states.append(MemberState(aliases[member], max(0, ready), min(0, ready), kept))
    return states
