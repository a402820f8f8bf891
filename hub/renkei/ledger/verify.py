"""Recomputing the ledger from its log: every finding names the invariant, member and transaction.

The invariants in one place. Balances are sums over allocations, so everything else must follow.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.books import Lot
from renkei.ledger.chart import Account
from renkei.ledger.entry import hash_of
from renkei.ledger.rules import RULES
from renkei.ledger.transaction import Allocation, Posting
from renkei.ledger.world import Entry

FROZEN_TABLES = (
    "program_version",
    "txn",
    "chain",
    "txn_note",
    "member_merge",
    "activity",
    "refund",
    "posting",
    "allocation",
    "lot",
    "hold",
    "hold_extension",
    "hold_end",
    "quota_claim",
    "request_key",
    "order_revision",
    "same_as",
    "feed",
    "delivery",
)
"""Tables whose trigger refuses change."""

CHECKS: tuple[tuple[str, str], ...] = (
    (
        "the accounts of each program sum to zero",
        """WITH sides AS (
             SELECT t.program_id,
                    p.amount * (CASE WHEN side.account = p.source THEN -1 ELSE 1 END) AS n
             FROM posting p JOIN txn t USING (member_id, version),
                  LATERAL (VALUES (p.source), (p.destination)) AS side(account)
             WHERE side.account NOT IN ('pending', 'available', 'held', 'debt')
             UNION ALL
             SELECT program_id, pending + available + held + debt FROM member)
           SELECT program_id, 'sum ' || sum(n) FROM sides GROUP BY 1 HAVING sum(n) <> 0""",
    ),
    (
        "a lot's counters are the sum of its allocations",
        """SELECT l.member_id, 'lot ' || l.lot FROM lot l LEFT JOIN
             (SELECT member_id, lot, sum(d_pending) p, sum(d_available) a, sum(d_held) h
              FROM allocation GROUP BY 1, 2) s USING (member_id, lot)
           WHERE (l.pending, l.available, l.held)
              IS DISTINCT FROM (coalesce(s.p, 0), coalesce(s.a, 0), coalesce(s.h, 0))""",
    ),
    (
        "a member's balances are the sums of their lots, and debt of its allocations",
        """SELECT m.member_id, 'balance' FROM member m LEFT JOIN
             (SELECT member_id, sum(pending) p, sum(available) a, sum(held) h FROM lot GROUP BY 1) l
             USING (member_id) LEFT JOIN
             (SELECT member_id, sum(d_debt) d FROM allocation WHERE lot = 0 GROUP BY 1) x
             USING (member_id)
           WHERE (m.pending, m.available, m.held, m.debt) IS DISTINCT FROM
                 (coalesce(l.p, 0), coalesce(l.a, 0), coalesce(l.h, 0), coalesce(x.d, 0))""",
    ),
    (
        "what expired of a lot is what was booked as expired",
        """SELECT l.member_id, 'lot ' || l.lot FROM lot l LEFT JOIN
             (SELECT member_id, lot, -sum(d_available) n FROM allocation
              JOIN posting USING (member_id, version, leg)
              WHERE rule IN ('expire', 'expire.undo') GROUP BY 1, 2) e USING (member_id, lot)
           WHERE l.expired <> coalesce(e.n, 0)""",
    ),
    (
        "every allocation speaks of a lot that exists",
        """SELECT a.member_id, 'transaction ' || a.version || ' lot ' || a.lot FROM allocation a
           WHERE a.lot <> 0 AND NOT EXISTS
             (SELECT FROM lot l WHERE (l.member_id, l.lot) = (a.member_id, a.lot))""",
    ),
    (
        "a posting's amount is what its allocations moved",
        """SELECT p.member_id, 'transaction ' || p.version || ' leg ' || p.leg FROM posting p
           LEFT JOIN (SELECT member_id, version, leg, sum(d_pending) p, sum(d_available) a,
                             sum(d_held) h, sum(d_debt) d FROM allocation GROUP BY 1, 2, 3) s
             USING (member_id, version, leg)
           CROSS JOIN LATERAL (VALUES ('pending', s.p), ('available', s.a), ('held', s.h),
                                      ('debt', s.d)) AS moved(account, n)
           WHERE coalesce(moved.n, 0) <> CASE moved.account WHEN p.source THEN -p.amount
                                         WHEN p.destination THEN p.amount ELSE 0 END""",
    ),
    (
        "a member's transactions are numbered without a gap up to the head",
        """SELECT m.member_id, 'version ' || m.version FROM member m LEFT JOIN
             (SELECT member_id, count(*) n, max(version) v FROM txn GROUP BY 1) t USING (member_id)
           WHERE (m.version, m.version) IS DISTINCT FROM (coalesce(t.n, 0), coalesce(t.v, 0))""",
    ),
    (
        "what is posted for an order is what its settlement says",
        """WITH said AS (SELECT connection_id, order_ref, sum(earned) earned, sum(redeemed) redeemed
                       FROM settled GROUP BY 1, 2),
             booked AS (SELECT connection_id, order_ref,
                sum(CASE WHEN source = 'issued' THEN amount WHEN destination = 'issued' THEN -amount
                         ELSE 0 END) earned,
                sum(CASE WHEN destination = 'redeemed' THEN amount WHEN source = 'redeemed'
                         THEN -amount ELSE 0 END) redeemed
              FROM txn JOIN posting USING (member_id, version)
              WHERE kind = 'settle' GROUP BY 1, 2)
           SELECT coalesce(s.connection_id, b.connection_id),
                  coalesce(s.order_ref, b.order_ref)
           FROM said s FULL JOIN booked b USING (connection_id, order_ref)
           WHERE (coalesce(s.earned, 0), coalesce(s.redeemed, 0))
             IS DISTINCT FROM (coalesce(b.earned, 0), coalesce(b.redeemed, 0))""",
    ),
    (
        "what is held is the sum of the open holds",
        """SELECT m.member_id, 'held ' || m.held FROM member m LEFT JOIN
             (SELECT h.member_id, sum(h.amount) n FROM hold h LEFT JOIN hold_end e
                USING (member_id, version) WHERE e.how IS NULL GROUP BY 1) o USING (member_id)
           WHERE m.held <> coalesce(o.n, 0)""",
    ),
    (
        "a quota's use is the sum of its claims",
        """SELECT q.scope, q.period FROM quota q LEFT JOIN
             (SELECT scope, period, sum(top) n FROM (SELECT scope, period, claimant,
                max(high_water) top FROM quota_claim GROUP BY 1, 2, 3) c GROUP BY 1, 2) c
             USING (scope, period) WHERE q.used <> coalesce(c.n, 0)""",
    ),
    (
        "the feed has no gap",
        """SELECT 'lane ' || h.lane, 'head ' || h.seq FROM feed_head h LEFT JOIN
             (SELECT lane, count(*) n, max(feed_seq) top FROM feed GROUP BY 1) f USING (lane)
           WHERE (h.seq, h.seq) IS DISTINCT FROM (coalesce(f.n, 0), coalesce(f.top, 0))""",
    ),
)

TRIGGERS = """
SELECT x.t, 'trigger missing or disabled' FROM unnest(CAST(:tables AS text[])) AS x(t)
WHERE NOT EXISTS (SELECT FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
                  WHERE c.relname = x.t AND g.tgname = 'frozen' AND g.tgenabled = 'A')"""

ENTRIES = """
SELECT t.member_id, t.version, t.kind, t.key, t.program_id, t.program_version, t.connection_id,
       t.order_ref, t.delivery_key, t.event_at, t.recorded_at, t.period, t.content, c.prev, c.hash,
       (SELECT json_agg(json_build_array(p.leg, p.rule, p.source, p.destination, p.amount)
               ORDER BY p.leg) FROM posting p
        WHERE (p.member_id, p.version) = (t.member_id, t.version)),
       (SELECT json_agg(json_build_array(a.leg, a.lot, a.d_pending, a.d_available, a.d_held,
               a.d_debt) ORDER BY a.n) FROM allocation a
        WHERE (a.member_id, a.version) = (t.member_id, t.version)),
       m.chain, m.version, t.group_root, t.note_digest
FROM txn t LEFT JOIN chain c USING (member_id, version) JOIN member m USING (member_id)
ORDER BY t.member_id, t.version"""

LOTS = """
SELECT member_id, version, lot, origin, granted, granted_at, usable_from, expires_at, connection_id,
       order_ref, parent_lot, net_base, yen_value, company_id, store, point_type, only_at,
       slides_months
FROM lot ORDER BY member_id, lot"""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be."""

    invariant: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Report:
    """What was looked at, and everything found."""

    findings: tuple[Finding, ...]
    members: int
    transactions: int
    checks: int


async def verify(conn: AsyncConnection) -> Report:
    """Recompute everything from the log in one consistent view of the database."""
    findings: list[Finding] = []
    for invariant, statement in CHECKS:
        for subject, detail in (await conn.execute(text(statement))).all():
            findings.append(Finding(invariant, subject, detail))
    for table, detail in (
        await conn.execute(text(TRIGGERS), {"tables": list(FROZEN_TABLES)})
    ).all():
        findings.append(Finding("what is posted is never changed", table, detail))
    transactions = 0
    members: set[str] = set()
    async for found, member in _entries(conn):
        transactions += 1
        members.add(member)
        findings.extend(found)
    return Report(tuple(findings), len(members), transactions, len(CHECKS) + 3)


async def _entries(conn: AsyncConnection) -> AsyncIterator[tuple[list[Finding], str]]:
    """Each transaction with what is wrong in its postings or its place in the hash chain."""
    lots = await _lots(conn)
    member, expected = "", b""
    stream = await conn.stream(text(ENTRIES))
    async for row in stream:
        if row[0] != member:
            member, expected = row[0], b""
        entry = _entry(row, lots.get((row[0], row[1]), ()))
        yield [*_bad_postings(entry), *_bad_chain(entry, expected, row)], member
        expected = bytes(row[14] or b"")


def _bad_postings(entry: Entry) -> list[Finding]:
    subject = f"{entry.member} transaction {entry.version}"
    return [
        Finding("every posting is in the table of rules", subject, posting.rule)
        for posting in entry.postings
        if (posting.source, posting.destination) not in RULES.get(posting.rule, ())
    ]


def _bad_chain(entry: Entry, expected: bytes, row: Any) -> list[Finding]:
    invariant = "the hash chain holds"
    subject = f"{entry.member} transaction {entry.version}"
    if entry.prev != expected:
        return [Finding(invariant, subject, "does not follow the one before it")]
    if hash_of(entry) != entry.hash:
        return [Finding(invariant, subject, "its content does not match its hash")]
    if entry.version == row[18] and entry.hash != bytes(row[17]):
        return [Finding(invariant, subject, "the member's head is another")]
    return []


def _entry(row: Any, lots: Sequence[Lot]) -> Entry:
    allocations: dict[int, list[Allocation]] = {}
    for leg, lot, *move in row[16] or ():
        allocations.setdefault(leg, []).append(Allocation((row[0], lot), *move))
    postings = tuple(
        Posting(
            rule,
            Account(source),
            Account(destination),
            amount,
            tuple(allocations.get(leg, ())),
            row[0],
        )
        for leg, rule, source, destination, amount in row[15] or ()
    )
    return Entry(
        member=row[0],
        version=row[1],
        kind=row[2],
        key=row[3],
        program=row[4],
        program_version=row[5],
        order=(row[6], row[7]) if row[6] is not None else None,
        delivery=row[8],
        root=row[19],
        event_at=row[9],
        recorded_at=row[10],
        period=row[11],
        content=row[12],
        note_digest=bytes(row[20]) if row[20] is not None else None,
        postings=postings,
        new_lots=tuple(lots),
        prev=bytes(row[13] or b""),
        hash=bytes(row[14] or b""),
    )


async def _lots(conn: AsyncConnection) -> dict[tuple[str, int], list[Lot]]:
    """The lots each transaction made; only their immutable facts matter here."""
    made: dict[tuple[str, int], list[Lot]] = {}
    for row in (await conn.execute(text(LOTS))).all():
        lot = Lot(
            number=row[2],
            origin=row[3],
            granted=row[4],
            granted_at=row[5],
            usable_from=row[6],
            expires_at=row[7],
            connection=row[8],
            order=row[9],
            parent=row[10],
            net_base=row[11],
            yen_value=row[12],
            company=row[13],
            store=row[14],
            point_type=row[15],
            only_at=tuple(row[16]),
            slides_months=row[17],
            home=row[0],
        )
        made.setdefault((row[0], row[1]), []).append(lot)
    return made
