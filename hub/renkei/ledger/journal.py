"""Writing a batch in one round trip: one statement per table, unique keys and the feed last.

Nothing else writes. A short count means that another process was first with the same key:
LostRace, and the whole batch runs again on fresh data.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import rows as as_rows
from renkei.ledger import statements as sql
from renkei.ledger.world import Staged, World
from renkei.storage.committer import LostRace
from renkei.storage.trip import Answer, Statement, travel

FEED_LANE = 0


@dataclass
class Page:
    """Statements in the order in which they run; for some it is known how many rows they change."""

    statements: list[Statement] = field(default_factory=list)
    expected: list[int | None] = field(default_factory=list)

    def put(self, sql: str, rows: Sequence[dict[str, Any]], *, exact: bool = False) -> None:
        """One statement for all rows, none for none; ``exact``: it must change as many."""
        if rows:
            self.statements.append(Statement(sql, {"p": json.dumps(rows)}))
            self.expected.append(len(rows) if exact else None)

    def check(self, answers: Sequence[Answer]) -> None:
        """Raise LostRace where fewer rows were changed than must be."""
        for answer, expected in zip(answers, self.expected, strict=True):
            if expected is not None and answer.count != expected:
                raise LostRace(f"{expected - answer.count} of {expected} rows were there already")


async def write(conn: AsyncConnection, world: World) -> None:
    """Write everything that was staged; the caller commits right after."""
    staged = world.staged
    if staged.is_empty():
        return
    page = Page()
    page.put(sql.NEW_MEMBERS, as_rows.member_rows(world))
    _entries(page, world)
    _heads(page, world)
    _quotas(page, staged)
    _orders(page, world)
    _links(page, world)
    _keys(page, world)
    _feed(page, world)
    page.check(await travel(conn, page.statements))


def _entries(page: Page, world: World) -> None:
    entries = world.staged.entries
    periods = {(entry.program, entry.period) for entry in entries} - world.periods
    page.put(sql.PERIODS, [{"program": p, "period": m} for p, m in sorted(periods)])
    page.put(sql.TXNS, [as_rows.txn_row(entry) for entry in entries], exact=True)
    page.put(sql.CHAIN, [as_rows.chain_row(entry) for entry in entries])
    page.put(sql.NOTES, as_rows.note_rows(world.staged))
    page.put(sql.POSTINGS, [row for one in entries for row in as_rows.posting_rows(one)])
    lots = [row for one in entries for row in as_rows.new_lot_rows(one, world)]
    page.put(sql.NEW_LOTS, lots)
    moves = [row for one in entries for row in as_rows.allocation_rows(one)]
    page.put(sql.ALLOCATIONS, moves)


def _heads(page: Page, world: World) -> None:
    """Counters of lots, holds and their ends, and the members' heads."""
    staged = world.staged
    page.put(sql.LOTS, as_rows.lot_rows(staged), exact=True)
    page.put(sql.HOLDS, [as_rows.hold_row(hold) for hold in staged.holds])
    page.put(sql.HOLD_ENDS, [as_rows.hold_end_row(end) for end in staged.hold_ends])
    page.put(sql.HEADS, as_rows.head_rows(world))
    active = [{"m": member, "at": at.isoformat()} for member, at in sorted(staged.activities)]
    page.put(sql.ACTIVITIES, active)
    at = world.now.isoformat()
    merges = [{"m": one.member, "into": one.into, "by": one.by, "at": at} for one in staged.merges]
    page.put(sql.MERGES, merges)
    page.put(sql.POINTERS, merges, exact=True)
    leads = [{"m": member, "lead": lead} for member, lead in sorted(staged.leads.items())]
    page.put(sql.LEADS, leads, exact=True)


def _quotas(page: Page, staged: Staged) -> None:
    new = [
        {"s": scope, "p": period, "limit": quota.limit}
        for (scope, period), quota in sorted(staged.new_quotas.items())
    ]
    page.put(sql.NEW_QUOTAS, new, exact=True)
    used = [{"s": s, "p": p, "used": quota.used} for (s, p), quota in sorted(staged.quotas.items())]
    page.put(sql.QUOTAS, used, exact=True)
    claims = [
        {"s": one.key[0], "p": one.key[1], "c": one.key[2], "n": one.n, "top": one.high_water}
        for one in staged.claims
    ]
    page.put(sql.CLAIMS, claims)


def _orders(page: Page, world: World) -> None:
    staged = world.staged
    rows = [row for _, row in sorted(staged.orders.items())]
    new = [as_rows.order_row(row) for row in rows if row.key not in world.orders_at_start]
    old = [as_rows.order_row(row) for row in rows if row.key in world.orders_at_start]
    page.put(sql.NEW_ORDERS, new, exact=True)
    page.put(sql.ORDERS, old, exact=True)
    page.put(sql.REVISIONS, as_rows.revision_rows(world), exact=True)
    page.put(sql.REFUNDS, as_rows.refund_rows(world), exact=True)
    settled = [
        as_rows.settled_row(member, order, done)
        for (member, order), done in sorted(staged.settled.items())
    ]
    page.put(sql.SETTLED, settled)
    at = world.now.isoformat()
    same = [
        {"c": one[0], "r": one[1], "oc": other[0], "o": other[1], "evidence": evidence, "at": at}
        for one, other, evidence in staged.same
    ]
    page.put(sql.SAME, same)


def _links(page: Page, world: World) -> None:
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
    page.put(sql.NEW_MIRRORS, mirrors)
    shown = sorted(world.staged.touched)
    changed = [{"m": member, "v": world.version_of(member), "at": at} for member in shown]
    page.put(sql.MIRRORS, changed)
    page.put(sql.ALERTS, as_rows.alert_rows(world))


def _keys(page: Page, world: World) -> None:
    """What another process may have been first with."""
    page.put(sql.IDENTITIES, as_rows.identity_rows(world), exact=True)
    page.put(sql.SALES, as_rows.sale_rows(world.staged), exact=True)
    page.put(sql.REQUESTS, as_rows.request_rows(world), exact=True)


def _feed(page: Page, world: World) -> None:
    """The feed's numbers are taken by the very last statement: their order is commit order."""
    touched = sorted(world.staged.touched)
    if touched:
        rows = [{"m": member, "v": world.version_of(member)} for member in touched]
        values = {"p": json.dumps(rows), "n": len(rows), "lane": FEED_LANE}
        page.statements.append(Statement(sql.FEED, values))
        page.expected.append(None)
