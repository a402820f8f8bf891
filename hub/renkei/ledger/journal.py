"""Writing a batch in one round trip: what one lock guards, then unique keys, the feed last.

Nothing else writes. A short count means that another process was first with the same key:
LostRace, and the whole batch runs again on fresh data. COMMIT travels with the last statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger import order_rows
from renkei.ledger import rows as as_rows
from renkei.ledger import statements as sql
from renkei.ledger.allowances import allowance_rows, use_rows
from renkei.ledger.coupons import coupon_rows, move_rows
from renkei.ledger.customers import contact_rows, customer_rows
from renkei.ledger.hold_codes import code_rows, over_rows
from renkei.ledger.staged import Staged
from renkei.ledger.world import World
from renkei.storage.committer import LostRace, sqlstate
from renkei.storage.trip import Statement, as_json, travel

FEED_LANE = 0


@dataclass(frozen=True)
class Put:
    """One table's rows; ``exact``: as many must be changed."""

    sql: str
    rows: Sequence[as_rows.Row]
    exact: bool = False


@dataclass
class Page:
    """Statements in the order in which they run."""

    statements: list[Statement] = field(default_factory=list)

    def put(self, sql: str, rows: Sequence[as_rows.Row], *, exact: bool = False) -> None:
        """One statement for all rows, none for none."""
        self.put_together([Put(sql, rows, exact)])

    def put_together(self, every: Sequence[Put]) -> None:
        """One statement for several tables: its parts see nothing of one another's rows."""
        puts = [put for put in every if put.rows]
        if puts:
            values: dict[str, object] = {f"p{n}": as_json(put.rows) for n, put in enumerate(puts)}
            values |= {f"c{n}": len(put.rows) for n, put in enumerate(puts) if put.exact}
            joined = _joined(tuple((put.sql, put.exact) for put in puts))
            self.statements.append(Statement(joined, values))


SHORT = "22012"
"""SQLSTATE of a division by zero: how a statement fails that changed fewer rows than it must."""


@lru_cache(maxsize=256)
def _joined(parts: tuple[tuple[str, bool], ...]) -> str:
    """One statement that runs all of them and fails where one changes fewer rows than it must.

    It fails in the server, so that COMMIT can travel with it.
    """
    if len(parts) == 1 and not parts[0][1]:
        return parts[0][0].replace(":p ", ":p0 ")
    changes, counts = [], []
    for n, (part, exact) in enumerate(parts):
        changes.append(f"t{n} AS ({part.replace(':p ', f':p{n} ')} RETURNING 1)")
        if exact:
            counts.append(f"1 / ((SELECT count(*) FROM t{n}) = CAST(:c{n} AS bigint))::int")
    return f"WITH {', '.join(changes)} SELECT {', '.join(counts) or '1'}"


async def write(conn: AsyncConnection, world: World, beside: Sequence[Statement] = ()) -> None:
    """Write everything that was staged and what goes beside it, and commit.

    Raises LostRace, and nothing is written.
    """
    staged = world.staged
    if staged.is_empty() and not beside:
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
    try:
        await travel(conn, [*page.statements, *beside], commit=True)
    except DBAPIError as error:
        if sqlstate(error) == SHORT:
            raise LostRace("another process was first with one of these keys") from error
        raise


def _entries(page: Page, world: World) -> None:
    """Entries with all that hangs on them, guarded by their members' locks."""
    staged, entries = world.staged, world.staged.entries
    periods = {(entry.program, entry.period) for entry in entries} - world.periods
    page.put(sql.PERIODS, [{"program": p, "period": m} for p, m in sorted(periods)])
    moves = [row for one in entries for row in as_rows.allocation_rows(one)]
    settled = [
        order_rows.settled_row(member, order, done)
        for (member, order), done in sorted(staged.settled.items())
    ]
    page.put_together(
        [
            Put(sql.TXNS, [as_rows.txn_row(entry) for entry in entries], exact=True),
            Put(sql.CHAIN, [as_rows.chain_row(entry) for entry in entries]),
            Put(sql.NOTES, as_rows.note_rows(staged)),
            Put(sql.POSTINGS, [row for one in entries for row in as_rows.posting_rows(one)]),
            Put(sql.NEW_LOTS, [row for one in entries for row in as_rows.new_lot_rows(one, world)]),
            Put(sql.LOTS, as_rows.lot_rows(staged), exact=True),
            Put(sql.ALLOCATIONS, moves),
            Put(sql.HOLDS, [as_rows.hold_row(hold) for hold in staged.holds]),
            Put(sql.HOLD_ENDS, [as_rows.hold_end_row(end) for end in staged.hold_ends]),
            Put(sql.HEADS, as_rows.head_rows(world)),
            Put(sql.SETTLED, settled),
        ]
    )


def _heads(page: Page, world: World) -> None:
    """What else is kept of members, after their heads."""
    staged = world.staged
    active = [{"m": member, "at": at} for member, at in sorted(staged.activities)]
    page.put(sql.ACTIVITIES, active)
    page.put(sql.EXTENSIONS, as_rows.extension_rows(world))
    at = world.now
    merges = [{"m": one.member, "into": one.into, "by": one.by, "at": at} for one in staged.merges]
    page.put(sql.MERGES, merges)
    page.put(sql.POINTERS, merges, exact=True)
    leads = [{"m": member, "lead": lead} for member, lead in sorted(staged.leads.items())]
    page.put(sql.LEADS, leads, exact=True)
    born = [{"m": member, "day": day} for member, day in sorted(staged.birthdays.items())]
    page.put(sql.BIRTHDAYS, born)
    named = [{"m": m, "profile": sealed.hex()} for m, sealed in sorted(staged.profiles.items())]
    page.put(sql.PROFILES, named)
    page.put(sql.REACHED, as_rows.reach_rows(world), exact=True)
    page.put(sql.TIERS_SEEN, [{"m": member} for member in sorted(staged.tiers_seen)])
    due = [{"m": member, "due": at.isoformat()} for member, at in sorted(staged.tiers_due.items())]
    page.put(sql.TIERS_DUE, due)


def _quotas(page: Page, staged: Staged) -> None:
    new = [
        {"s": scope, "p": period, "limit": quota.limit}
        for (scope, period), quota in sorted(staged.new_quotas.items())
    ]
    page.put(sql.NEW_QUOTAS, new, exact=True)
    used = [
        {"s": scope, "p": period, "used": quota.used, "limit": quota.limit}
        for (scope, period), quota in sorted(staged.quotas.items())
    ]
    page.put(sql.QUOTAS, used, exact=True)
    claims = [
        {"s": one.key[0], "p": one.key[1], "c": one.key[2], "n": one.n, "top": one.high_water}
        for one in staged.claims
    ]
    page.put(sql.CLAIMS, claims)


def _orders(page: Page, world: World) -> None:
    staged = world.staged
    rows = [row for _, row in sorted(staged.orders.items())]
    new = [order_rows.order_row(row) for row in rows if row.key not in world.orders_at_start]
    old = [order_rows.order_row(row) for row in rows if row.key in world.orders_at_start]
    page.put(sql.NEW_ORDERS, new, exact=True)
    page.put(sql.ORDERS, old, exact=True)
    page.put(sql.REVISIONS, order_rows.revision_rows(world), exact=True)
    page.put(sql.REFUNDS, order_rows.refund_rows(world), exact=True)
    at = world.now
    same = [
        {"c": one[0], "r": one[1], "oc": other[0], "o": other[1], "evidence": evidence, "at": at}
        for one, other, evidence in staged.same
    ]
    page.put(sql.SAME, same)


def _links(page: Page, world: World) -> None:
    at = world.now
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
    page.put(sql.ALERTS, order_rows.alert_rows(world))


def _keys(page: Page, world: World) -> None:
    """What another process may have been first with."""
    page.put(sql.CUSTOMERS, customer_rows(world.staged.customers), exact=True)
    page.put(sql.CONTACTS_GONE, contact_rows(world.staged.contacts_gone, world.now))
    identities = order_rows.identity_rows(world)
    proven = [row for row in identities if row["grade"] != "asserted"]
    page.put(sql.IDENTITIES, proven, exact=True)
    # Many may share an asserted one, and a member who holds it already is seen again and again.
    page.put(sql.IDENTITIES, [row for row in identities if row["grade"] == "asserted"])
    page.put(sql.SALES, order_rows.sale_rows(world.staged), exact=True)
    page.put(sql.COUPONS, coupon_rows(world.staged.coupons, world.now), exact=True)
    page.put(sql.COUPON_MOVES, move_rows(world.staged.coupon_moves, world.now), exact=True)
    page.put(sql.ALLOWANCES, allowance_rows(world.staged.allowances), exact=True)
    page.put(sql.ALLOWANCE_USES, use_rows(world.staged.allowance_uses, world.now), exact=True)
    page.put(sql.HOLD_CODES, code_rows(world.staged.hold_codes, world.now), exact=True)
    page.put(sql.CODES_OVER, over_rows(world.staged.codes_over, world.now))
    page.put(sql.REQUESTS, order_rows.request_rows(world), exact=True)


def _feed(page: Page, world: World) -> None:
    """The feed's numbers are taken by the very last statement: their order is commit order."""
    rows = as_rows.feed_rows(world)
    if rows:
        values = {"p": as_json(rows), "n": len(rows), "lane": FEED_LANE}
        page.statements.append(Statement(sql.FEED, values))
