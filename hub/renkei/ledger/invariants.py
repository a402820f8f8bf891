"""The invariants of the ledger in one table: what must always hold, and how it is recomputed.

Balances are sums over allocations, so everything else must follow from the log. Each statement
gives rows of (subject, where, detail) for what does not hold; a member's subject is the member id.
What no statement can say is replayed entry by entry: ``chain.py`` and ``stacks.py``.
"""

from dataclasses import dataclass
from typing import NamedTuple

from renkei.ledger.coupon_checks import COUPONS, NO_EXCHANGE
from renkei.ledger.guards import UNGUARDED, UNKEYED
from renkei.ledger.hold_checks import HOLDS
from renkei.ledger.queries import SAYS_SO, SHOWN
from renkei.ledger.row_checks import ROWS
from renkei.ledger.rules import RULES
from renkei.ledger.statements import REQUEST_DIGEST, REVISION_DIGEST


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be: what, where, and how it is instead."""

    invariant: str
    subject: str
    detail: str


class Invariant(NamedTuple):
    """What must hold, and the statement that finds where it does not.

    ``per_member`` ones have the member as subject and can be asked for one member.
    """

    name: str
    statement: str
    per_member: bool = True


CHAIN = "the hash chain holds"
NUMBERING = "a member's transactions are numbered without a gap up to the head"
CLOCK = "the recording clock never goes back"
STACKS = "a settlement remembers the lots its order used, in the order of use"
NETTED = "what a lot paid of debts is what was booked"
ROOTS = "a sealed month's root covers every chain as it stood at the seal"
REPLAYED = (CHAIN, NUMBERING, CLOCK, STACKS, NETTED, ROOTS)
"""The invariants that are replayed entry by entry."""

SMALL = "::int4"
"""Written behind an amount in a statement: such sums cost far less, as they need no ``numeric``.

It fails where an amount does not fit, and the statement is asked again without it.
"""

PERMITTED = ", ".join(
    f"('{rule}', '{source}', '{destination}')"
    for rule, pairs in RULES.items()
    for source, destination in sorted(pairs)
)

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "the accounts of each program sum to zero",
        """WITH moved AS (
             SELECT program_id, source, destination, sum(amount) AS n
             FROM posting JOIN txn USING (member_id, version) GROUP BY 1, 2, 3),
           sides AS (
             SELECT program_id, n * (CASE WHEN side.account = source THEN -1 ELSE 1 END) AS n
             FROM moved, LATERAL (VALUES (source), (destination)) AS side(account)
             WHERE side.account NOT IN ('pending', 'available', 'held', 'debt')
             UNION ALL
             SELECT program_id, sum(pending + available + held + debt) FROM member GROUP BY 1)
           SELECT 'program ' || program_id, '', 'the sum is ' || sum(n)
           FROM sides GROUP BY program_id HAVING sum(n) <> 0""",
        per_member=False,
    ),
    Invariant(
        "every posting is in the table of rules",
        f"""SELECT member_id, 'transaction ' || version || ' leg ' || leg,
                   rule || ': ' || source || ' → ' || destination
            FROM posting WHERE (rule, source, destination) NOT IN ({PERMITTED})""",
    ),
    Invariant(
        "a posting's amount is what its allocations moved",
        """SELECT p.member_id, 'transaction ' || p.version || ' leg ' || p.leg,
             p.amount || ' from ' || p.source || ' to ' || p.destination || ', but the lots moved '
             || concat_ws(' ', a.p, a.a, a.h, a.d) || ' (pending, available, held, debt)'
           FROM posting p LEFT JOIN
             (SELECT member_id, version, leg, sum(d_pending::int4) p, sum(d_available::int4) a,
                     sum(d_held::int4) h, sum(d_debt::int4) d FROM allocation GROUP BY 1, 2, 3) a
             USING (member_id, version, leg)
           WHERE (a.p, a.a, a.h, a.d) IS DISTINCT FROM (
             p.amount * ((p.destination = 'pending')::int - (p.source = 'pending')::int),
             p.amount * ((p.destination = 'available')::int - (p.source = 'available')::int),
             p.amount * ((p.destination = 'held')::int - (p.source = 'held')::int),
             p.amount * ((p.destination = 'debt')::int - (p.source = 'debt')::int))""",
    ),
    Invariant(
        "a lot's counters are the sums of its allocations, and it was granted what was earned",
        """SELECT member_id, 'lot ' || lot, CASE WHEN l.lot IS NULL THEN 'there is no such lot' ELSE
             'stored ' || concat_ws(' ', l.pending, l.available, l.held, l.expired, l.granted)
             || ', booked ' || concat_ws(' ', coalesce(s.p, 0), coalesce(s.a, 0),
                  coalesce(s.h, 0), coalesce(s.e, 0), coalesce(s.g, l.granted))
             || ' (pending, available, held, expired, granted)' END
           FROM lot l FULL JOIN
             (SELECT member_id, lot, sum(d_pending::int4) p, sum(d_available::int4) a,
                     sum(d_held::int4) h,
                     -sum(d_available::int4) FILTER (WHERE rule IN ('expire', 'expire.undo')) e,
                     sum((d_available + d_pending)::int4) FILTER (
                       WHERE d_available + d_pending > 0
                         AND rule IN ('earn', 'earn.pending', 'earn.confirm', 'import')) g
              FROM allocation JOIN posting USING (member_id, version, leg)
              WHERE lot <> 0 GROUP BY 1, 2) s USING (member_id, lot)
           WHERE (l.pending, l.available, l.held, l.expired) IS DISTINCT FROM
                 (coalesce(s.p, 0), coalesce(s.a, 0), coalesce(s.h, 0), coalesce(s.e, 0))
              OR granted <> s.g OR pending + available + held + expired + netted > granted""",
    ),
    Invariant(
        "a lot was made by a transaction, in its year",
        """SELECT l.member_id, 'lot ' || l.lot, 'of transaction ' || l.version || ' in '
             || l.grant_year || ', booked in ' || coalesce(t.period, 'none')
           FROM lot l LEFT JOIN txn t USING (member_id, version)
           WHERE l.grant_year IS DISTINCT FROM left(t.period, 4)::int""",
    ),
    Invariant(
        "a member's lots are numbered without a gap",
        """SELECT m.member_id, 'lots',
             m.lots || ' were made, ' || coalesce(l.n, 0) || ' are there, the last is number '
             || coalesce(l.top, 0)
           FROM member m LEFT JOIN
             (SELECT member_id, count(*) n, max(lot) top FROM lot GROUP BY 1) l USING (member_id)
           WHERE (m.lots, m.lots) IS DISTINCT FROM (coalesce(l.n, 0), coalesce(l.top, 0))""",
    ),
    Invariant(
        "a member's balances are the sums of their lots, and debt of its allocations",
        """SELECT m.member_id, 'balance', 'stored '
             || concat_ws(' ', m.pending, m.available, m.held, m.debt) || ', booked '
             || concat_ws(' ', coalesce(l.p, 0), coalesce(l.a, 0), coalesce(l.h, 0),
                  coalesce(d.n, 0)) || ' (pending, available, held, debt)'
           FROM member m LEFT JOIN
             (SELECT member_id, sum(pending::int4) p, sum(available::int4) a, sum(held::int4) h
              FROM lot GROUP BY 1) l USING (member_id) LEFT JOIN
             (SELECT member_id, sum(d_debt::int4) n FROM allocation WHERE lot = 0 GROUP BY 1) d
             USING (member_id)
           WHERE (m.pending, m.available, m.held, m.debt) IS DISTINCT FROM
                 (coalesce(l.p, 0), coalesce(l.a, 0), coalesce(l.h, 0), coalesce(d.n, 0))""",
    ),
    Invariant(
        "no request takes points before they are usable or after they ended",
        """SELECT a.member_id, 'transaction ' || a.version || ' lot ' || a.lot,
             p.rule || ' at ' || t.recorded_at || ', usable from '
             || coalesce(l.usable_from::text, '–') || ' to ' || coalesce(l.expires_at::text, '–')
           FROM posting p JOIN txn t USING (member_id, version)
             JOIN allocation a USING (member_id, version, leg) JOIN lot l USING (member_id, lot)
           WHERE p.rule IN ('hold.place', 'redeem') AND NOT coalesce(
             l.usable_from <= t.recorded_at AND
               (l.expires_at IS NULL OR t.recorded_at < l.expires_at)
             OR p.rule = 'redeem' AND l.usable_from <= t.event_at AND
               (l.expires_at IS NULL OR t.event_at < l.expires_at), false)""",
    ),
    *(Invariant(name, statement) for name, statement in HOLDS),
    Invariant(
        "what is posted for an order is what its settlement says",
        """SELECT 'order ' || connection_id || '/' || order_ref, min(member_id),
             'settled ' || concat_ws(' ', sum(earned), sum(redeemed))
             || ', booked ' || concat_ws(' ', sum(issued), sum(used)) || ' (earned, redeemed)'
           FROM (SELECT connection_id, order_ref, member_id, earned::int4, redeemed::int4,
                        0 AS issued, 0 AS used FROM settled
                 UNION ALL
                 SELECT connection_id, order_ref, member_id, 0, 0,
                        CASE 'issued' WHEN source THEN amount::int4
                          WHEN destination THEN -amount::int4 ELSE 0 END,
                        CASE 'redeemed' WHEN destination THEN amount::int4
                          WHEN source THEN -amount::int4 ELSE 0 END
                 FROM txn JOIN posting USING (member_id, version)
                 WHERE kind IN ('settle', 'reward')) sides
           GROUP BY connection_id, order_ref
           HAVING sum(earned) <> sum(issued) OR sum(redeemed) <> sum(used)""",
        per_member=False,
    ),
    Invariant(
        "a settlement names the lots its order made",
        """SELECT member_id, 'order ' || connection_id || '/' || order_ref,
             'named ' || coalesce(s.lots, '[]') || ', made ' || coalesce(l.lots, '[]')
           FROM (SELECT member_id, connection_id, order_ref,
                        replace(lots::text, ' ', '') lots FROM settled) s FULL JOIN
             (SELECT member_id, connection_id, order_ref,
                     array_to_json(array_agg(lot ORDER BY lot))::text lots
              FROM lot WHERE origin = 'purchase' GROUP BY 1, 2, 3) l
             USING (member_id, connection_id, order_ref)
           WHERE coalesce(s.lots, '[]') <> coalesce(l.lots, '[]')""",
    ),
    Invariant(
        "an order's revisions are numbered without a gap up to the newest",
        """SELECT 'order ' || connection_id || '/' || order_ref,
             'revision ' || coalesce(revision, 0),
             coalesce(r.n, 0) || ' are there, the last is ' || coalesce(r.top, 0)
           FROM orders o FULL JOIN
             (SELECT connection_id, order_ref, count(*) n, max(revision) top
              FROM order_revision GROUP BY 1, 2) r USING (connection_id, order_ref)
           WHERE (revision, revision) IS DISTINCT FROM (coalesce(r.n, 0), coalesce(r.top, 0))""",
        per_member=False,
    ),
    Invariant(
        "an order stands as its newest revision",
        f"""SELECT 'order ' || o.connection_id || '/' || o.order_ref, 'revision ' || o.revision,
              'the order, its document and the revision differ'
            FROM orders o JOIN order_revision r USING (connection_id, order_ref, revision)
            WHERE o.clock < r.clock OR num_nonnulls(o.program_id, o.program_version) = 1
               OR o.document::text <> r.document::text AND
                  o.document::jsonb - 'changed_at' <> r.document::jsonb - 'changed_at'
               OR NOT ({SAYS_SO}) AND (o.clock, o.placed_at, o.customer_id) IS DISTINCT FROM
                 ((o.document ->> 'changed_at')::timestamptz, (o.document ->> 'placed_at')
                   ::timestamptz, o.document -> 'customer' ->> 'id')""",
        per_member=False,
    ),
    Invariant(
        "a revision of an order is as it was recorded",
        f"""SELECT 'order ' || connection_id || '/' || order_ref, 'revision ' || revision,
              'it is not what its digest was made of'
            FROM order_revision WHERE digest IS DISTINCT FROM {REVISION_DIGEST}""",
        per_member=False,
    ),
    Invariant(
        "a request and its answer are as they were recorded",
        f"""SELECT 'request ' || scope, key, 'it is not what its digest was made of'
            FROM request_key WHERE answer_digest IS DISTINCT FROM {REQUEST_DIGEST}""",
        per_member=False,
    ),
    Invariant(
        "an order's points are its own member's, none where it does not count",
        f"""SELECT s.member_id, 'order ' || s.connection_id || '/' || s.order_ref,
             'settled ' || concat_ws(' ', s.earned, s.redeemed) || ' (earned, redeemed); '
             || concat_ws(', ', 'its member is ' || coalesce(o.member_id, 'nobody'),
                  'same as ' || o.same_ref, 'perhaps ' || o.doubt_ref, o.document ->> 'state',
                  'points used ' || (o.document ->> 'points_used'))
           FROM settled s LEFT JOIN orders o USING (connection_id, order_ref)
           WHERE (s.earned > 0 OR s.redeemed > 0) AND {NO_EXCHANGE} AND (o.member_id
             IS DISTINCT FROM s.member_id OR o.same_ref IS NOT NULL OR o.doubt_ref IS NOT NULL
             OR s.earned > 0 AND o.program_version IS NULL
             OR s.redeemed > 0 AND s.redeemed > (o.document ->> 'points_used')::bigint
             OR strpos(o.document::text, 'cancelled') > 0
                AND o.document ->> 'state' = 'cancelled')""",
    ),
    Invariant(
        "every state of a sale that a till committed has its request",
        """SELECT 'order ' || o.connection_id || '/' || o.order_ref, 'sale/' || o.connection_id,
             o.revision || ' revisions, ' || r.n || ' requests'
           FROM orders o CROSS JOIN LATERAL
             (SELECT count(*) n FROM request_key r WHERE r.scope = 'sale/' || o.connection_id
                AND r.key > o.order_ref || '#' AND r.key < o.order_ref || '$') r
           WHERE o.order_ref LIKE '%|%|%|%|%|%' AND o.document -> 'till' IS NOT NULL
             AND r.n < o.revision""",
        per_member=False,
    ),
    Invariant(
        "a correction has its request",
        """SELECT t.member_id, 'transaction ' || t.version, 'no request ' || kind || ' ' || key
           FROM txn t WHERE kind IN ('adjust', 'import', 'exchange', 'write_off') AND NOT EXISTS
             (SELECT FROM request_key r WHERE (r.scope, r.key) = (t.kind, t.key))""",
    ),
    *(Invariant(name, statement) for name, statement in COUPONS),
    *(Invariant(name, statement, per_member=False) for name, statement in ROWS),
    Invariant(
        "an order is evaluated by one version of the program",
        """SELECT t.member_id, 'transaction ' || t.version,
             t.program_id || ' ' || coalesce(t.program_version, 0) || ', order '
             || t.connection_id || '/' || t.order_ref || ' has '
             || coalesce(o.program_id, 'none') || ' ' || coalesce(o.program_version, 0)
           FROM txn t JOIN orders o USING (connection_id, order_ref)
           WHERE t.program_version <> o.program_version OR o.program_version IS NOT NULL
             AND t.program_id IS DISTINCT FROM o.program_id""",
    ),
    Invariant(
        "a quota's use is the sum of its claims, and never above its limit",
        """SELECT 'quota ' || scope, period, 'used ' || coalesce(q.used, 0) || ' of '
             || coalesce(q.limit, 0) || ', claimed ' || coalesce(c.n, 0)
             || CASE WHEN c.whole THEN '' ELSE '; a claim is missing or out of order' END
           FROM quota q FULL JOIN
             (SELECT scope, period, sum(top) n, bool_and(whole) whole FROM
               (SELECT scope, period, claimant, max(high_water) top,
                       bool_and(n = nth AND high_water > before) whole FROM
                 (SELECT *, row_number() OVER w AS nth,
                         coalesce(lag(high_water) OVER w, 0) AS before
                  FROM quota_claim WINDOW w AS (PARTITION BY scope, period, claimant ORDER BY n)) x
                GROUP BY 1, 2, 3) y GROUP BY 1, 2) c USING (scope, period)
           WHERE q.used IS DISTINCT FROM coalesce(c.n, 0) OR q.used > q.limit OR NOT c.whole""",
        per_member=False,
    ),
    Invariant(
        "nothing is recorded in a month after its seal",
        """SELECT t.member_id, 'transaction ' || t.version,
             'recorded at ' || t.recorded_at || ' in ' || t.period
             || coalesce(', sealed at ' || p.sealed_at, ', which does not exist')
           FROM txn t LEFT JOIN period p USING (program_id, period)
           WHERE p.period IS NULL OR t.recorded_at > p.sealed_at""",
    ),
    Invariant(
        "a month has a root and a signature only when it is sealed",
        """SELECT 'program ' || program_id, 'period ' || period, 'it is signed but not sealed'
           FROM period WHERE sealed_at IS NULL AND num_nonnulls(merkle_root, signature) > 0""",
        per_member=False,
    ),
    Invariant(
        "a note is the one whose digest the transaction keeps",
        """SELECT n.member_id, 'transaction ' || n.version, 'the note is another'
           FROM txn_note n LEFT JOIN txn t USING (member_id, version)
           WHERE t.note_digest IS DISTINCT FROM sha256(n.sealed)""",
    ),
    Invariant(
        "a member is merged into whom the newest merge says, and never in a circle",
        f"""{SHOWN} SELECT m.member_id, 'merged',
              'into ' || coalesce(m.merged_into, 'nobody') || ', told '
              || coalesce(g.merged_into, 'nobody') || ' by merge ' || coalesce(g.n, 0)
            FROM member m LEFT JOIN
              (SELECT DISTINCT ON (member_id) member_id, n, merged_into, nth FROM
                (SELECT *, row_number() OVER (PARTITION BY member_id ORDER BY n) AS nth
                 FROM member_merge) x ORDER BY member_id, n DESC) g USING (member_id)
            WHERE m.merged_into IS DISTINCT FROM g.merged_into OR g.n <> g.nth
               OR (m.member_id, m.member_id) IN (SELECT member_id, above FROM up)""",
    ),
    Invariant(
        "the feed has no gap",
        """SELECT 'feed lane ' || lane, 'head ' || coalesce(h.seq, 0),
             coalesce(f.n, 0) || ' rows, the last is ' || coalesce(f.top, 0)
           FROM (SELECT * FROM feed_head WHERE lane = 0) h FULL JOIN
             (SELECT lane, count(*) n, max(feed_seq) top FROM feed GROUP BY 1) f USING (lane)
           WHERE (h.seq, h.seq) IS DISTINCT FROM (coalesce(f.n, 0), coalesce(f.top, 0))""",
        per_member=False,
    ),
    Invariant(
        "the feed tells each member's versions in order, up to the newest",
        f"""{SHOWN} SELECT coalesce(f.object_id, m.member_id), 'feed ' || coalesce(f.feed_seq, 0),
              'version ' || coalesce(f.version, 0) || ' after ' || coalesce(f.before, 0)
              || ', the newest is ' || coalesce(m.shown, 0)
            FROM (SELECT object_id, feed_seq, version, lag(version) OVER w AS before,
                         lead(version) OVER w AS next
                  FROM feed WHERE kind = 'balance'
                  WINDOW w AS (PARTITION BY object_id ORDER BY feed_seq)) f
            FULL JOIN newest m ON m.member_id = f.object_id
            WHERE f.version < f.before
               OR f.next IS NULL AND coalesce(f.version, 0) IS DISTINCT FROM m.shown""",
    ),
    Invariant(
        "a mirror wants the newest version and never shows a newer one",
        f"""{SHOWN} SELECT r.member_id, 'mirror at ' || r.connection_id, 'wants '
              || r.wanted_version || ', wrote ' || r.written_version || ', newest is ' || m.shown
            FROM mirror r JOIN newest m USING (member_id)
            WHERE r.wanted_version <> m.shown OR r.written_version > m.shown""",
    ),
    Invariant("what is posted is never changed", UNGUARDED, per_member=False),
    Invariant("what must be there once cannot be there twice", UNKEYED, per_member=False),
)
