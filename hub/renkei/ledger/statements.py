"""The SQL of the journal: one statement per table, one JSON parameter each.

Statements that may meet another process's key end in ON CONFLICT DO NOTHING; the journal counts.
"""

REVISION_DIGEST = """sha256(convert_to(json_build_array(connection_id, order_ref, revision,
       extract(epoch FROM clock), delivery_key, document)::text, 'UTF8'))"""
"""What is kept of a revision of an order, as one digest: no hash chain covers it."""

REQUEST_DIGEST = """
       sha256(convert_to(json_build_array(scope, key, digest, answer)::text, 'UTF8'))"""
"""The same for a request and its answer."""

NEW_MEMBERS = """
WITH x AS (SELECT * FROM json_to_recordset(CAST(:p AS json))
           AS x(m text, program text, wrapped text, profile text, at timestamptz)),
     a AS (INSERT INTO member (member_id, program_id, created_at) SELECT m, program, at FROM x),
     b AS (INSERT INTO member_key (member_id, wrapped) SELECT m, decode(wrapped, 'hex') FROM x)
INSERT INTO member_profile (member_id, sealed) SELECT m, decode(profile, 'hex') FROM x"""

PERIODS = """
INSERT INTO period (program_id, period)
SELECT program, period FROM json_to_recordset(CAST(:p AS json)) AS x(program text, period text)
ORDER BY program, period ON CONFLICT DO NOTHING"""

TXNS = """
INSERT INTO txn (member_id, version, kind, key, program_id, program_version, connection_id,
                 order_ref, delivery_key, group_root, event_at, recorded_at, period, note_digest,
                 content)
SELECT m, v, kind, key, program, pv, c, r, delivery, root, event_at, recorded_at, period,
       decode(digest, 'hex'), content
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, kind text, key text, program text, pv int, c text, r text, delivery text,
       root text, event_at timestamptz, recorded_at timestamptz, period text, digest text,
       content json)
ON CONFLICT DO NOTHING"""

CHAIN = """
INSERT INTO chain (member_id, version, prev, hash)
SELECT m, v, decode(prev, 'hex'), decode(hash, 'hex')
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, v bigint, prev text, hash text)"""

NOTES = """
INSERT INTO txn_note (member_id, version, sealed)
SELECT m, v, decode(sealed, 'hex') FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, sealed text)"""

POSTINGS = """
INSERT INTO posting (member_id, version, leg, rule, source, destination, amount)
SELECT m, v, leg, rule, source, destination, amount FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, leg int, rule text, source text, destination text, amount bigint)"""

NEW_LOTS = """
INSERT INTO lot (member_id, lot, version, origin, connection_id, order_ref, parent_lot, granted,
                 granted_at, grant_year, net_base, yen_value, company_id, store, usable_from,
                 expires_at, point_type, only_at, slides_months, pending, available, held, expired,
                 netted, open)
SELECT m, l, v, origin, c, r, parent, granted, granted_at, grant_year, net_base, yen_value, company,
       store, usable_from, expires_at, type, ARRAY(SELECT json_array_elements_text("only")), slides,
       pending, available, held, expired, netted, pending + available + held > 0
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, l int, v bigint, origin text, c text, r text, parent int, granted bigint,
       granted_at timestamptz, grant_year int, net_base bigint, yen_value bigint, company text,
       store text, usable_from timestamptz, expires_at timestamptz, type text,
       "only" json, slides int, pending bigint, available bigint, held bigint, expired bigint,
       netted bigint)"""

LOTS = """
UPDATE lot SET pending = x.pending, available = x.available, held = x.held,
               expired = x.expired, netted = x.netted,
               open = x.pending + x.available + x.held > 0
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, l int, pending bigint, available bigint, held bigint, expired bigint,
       netted bigint)
WHERE lot.member_id = x.m AND lot.lot = x.l"""

ALLOCATIONS = """
INSERT INTO allocation (member_id, version, n, leg, lot, d_pending, d_available, d_held, d_debt)
SELECT m, v, n, leg, l, p, a, h, d FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, n int, leg int, l int, p bigint, a bigint, h bigint, d bigint)"""

HOLDS = """
INSERT INTO hold (member_id, version, scope, key, connection_id, amount, lapses_at, lead_member,
                  lead_version, for_member)
SELECT m, v, scope, key, c, amount, lapses_at, lm, lv, "for"
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, scope text, key text, c text, amount bigint, lapses_at timestamptz,
       lm text, lv bigint, "for" text)"""

HOLD_ENDS = """
INSERT INTO hold_end (member_id, version, end_version, how, captured)
SELECT m, v, e, how, captured FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, e bigint, how text, captured bigint)"""

HOLD_CODES = """
INSERT INTO hold_code (code, connection_id, member_id, version, for_member, points, yen_per_point,
                       usable_until, recorded_at, due)
SELECT code, c, m, v, "for", points, yen, until, at, at FROM json_to_recordset(CAST(:p AS json))
  AS x(code text, c text, m text, v bigint, "for" text, points bigint, yen bigint,
       until timestamptz, at timestamptz)
ORDER BY code ON CONFLICT DO NOTHING"""

# What was never tried at the vendor need not be revoked there. Named by what it is not, most rows
# seem to fit, and the planner begins with the few holds instead of with every code.
CODES_OVER = """
UPDATE hold_code SET due = x.at, state = CASE
    WHEN x.how = 'captured' THEN 'used'
    WHEN hold_code.state = 'wanted' AND hold_code.tries = 0 THEN 'revoked' ELSE 'unwanted' END
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, v bigint, how text, at timestamptz)
WHERE (hold_code.member_id, hold_code.version) = (x.m, x.v)
  AND hold_code.state NOT IN ('used', 'unwanted', 'revoked')"""

# Numbered from the last one on; a batch may extend a hold more than once.
EXTENSIONS = """
INSERT INTO hold_extension (member_id, version, n, lapses_at, recorded_at)
SELECT x.m, x.v,
       (SELECT count(*) FROM hold_extension e WHERE (e.member_id, e.version) = (x.m, x.v))
       + row_number() OVER (PARTITION BY x.m, x.v ORDER BY x.at), x.at, x.now
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, at timestamptz, now timestamptz)"""

HEADS = """
UPDATE member SET version = x.v, lots = x.lots, chain = decode(x.chain, 'hex'),
       pending = x.pending, available = x.available, held = x.held, debt = x.debt
FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, v bigint, lots int, chain text, pending bigint, available bigint, held bigint,
       debt bigint)
WHERE member.member_id = x.m"""

ACTIVITIES = """
INSERT INTO activity (member_id, at)
SELECT m, at FROM json_to_recordset(CAST(:p AS json)) AS x(m text, at timestamptz)
ORDER BY m, at ON CONFLICT DO NOTHING"""

MERGES = """
INSERT INTO member_merge (member_id, n, merged_into, by_whom, recorded_at)
SELECT m, 1 + (SELECT count(*) FROM member_merge old WHERE old.member_id = x.m), "into", by, at
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, "into" text, by text, at timestamptz)"""

POINTERS = """
UPDATE member SET merged_into = x."into"
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, "into" text) WHERE member.member_id = x.m"""

LEADS = """
UPDATE member SET version_lead = x.lead
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, lead bigint) WHERE member.member_id = x.m"""

NEW_QUOTAS = """
INSERT INTO quota (scope, period, "limit", used)
SELECT s, p, "limit", 0 FROM json_to_recordset(CAST(:p AS json))
  AS x(s text, p text, "limit" bigint) ORDER BY s, p ON CONFLICT DO NOTHING"""

QUOTAS = """
UPDATE quota SET used = x.used, "limit" = x."limit"
FROM json_to_recordset(CAST(:p AS json)) AS x(s text, p text, used bigint, "limit" bigint)
WHERE (quota.scope, quota.period) = (x.s, x.p)"""

CLAIMS = """
INSERT INTO quota_claim (scope, period, claimant, n, high_water)
SELECT s, p, c, n, top FROM json_to_recordset(CAST(:p AS json))
  AS x(s text, p text, c text, n int, top bigint)"""

REFUNDS = """
INSERT INTO refund (connection_id, order_ref, refund_ref, digest, document, recorded_at)
SELECT c, r, refund, decode(digest, 'hex'), document, at FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, r text, refund text, digest text, document json, at timestamptz)
ORDER BY c, r, refund ON CONFLICT DO NOTHING"""

BIRTHDAYS = """
UPDATE member_profile SET birthday = x.day
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, day text)
WHERE member_profile.member_id = x.m AND birthday IS DISTINCT FROM x.day"""

REACHED = """
INSERT INTO tier_reached (member_id, tier, period, reached_at, recorded_at)
SELECT m, tier, period, reached, at FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, tier text, period text, reached timestamptz, at timestamptz)
ORDER BY m, tier, period ON CONFLICT DO NOTHING"""

TIERS_DUE = """
INSERT INTO tier_due (member_id, due)
SELECT m, due FROM json_to_recordset(CAST(:p AS json)) AS x(m text, due timestamptz)
ORDER BY m ON CONFLICT (member_id) DO UPDATE SET due = least(tier_due.due, excluded.due)"""

TIERS_SEEN = """
DELETE FROM tier_due
WHERE member_id IN (SELECT m FROM json_to_recordset(CAST(:p AS json)) AS x(m text))"""

SETTLED = """
INSERT INTO settled (member_id, connection_id, order_ref, earned, redeemed, lots, used, typed)
SELECT m, c, r, earned, redeemed, lots, used, typed FROM json_to_recordset(CAST(:p AS json))
  AS x(m text, c text, r text, earned bigint, redeemed bigint, lots json, used json, typed json)
ON CONFLICT (member_id, connection_id, order_ref) DO UPDATE
SET earned = excluded.earned, redeemed = excluded.redeemed, lots = excluded.lots,
    used = excluded.used, typed = excluded.typed"""

NEW_ORDERS = """
INSERT INTO orders (connection_id, order_ref, revision, clock, read_at, digest, placed_at,
                    customer_id, member_id, same_connection, same_ref, program_id,
                    program_version, total, doubt_connection, doubt_ref, apart, spent, facts,
                    document)
SELECT c, r, revision, clock, read_at, decode(digest, 'hex'), placed_at, customer, m, sc, sr,
       program, pv, total, dc, dr, apart, spent, facts, document
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, r text, revision int, clock timestamptz, read_at timestamptz, digest text,
       placed_at timestamptz, customer text, m text, sc text, sr text, program text, pv int,
       total bigint, dc text, dr text, apart bool, spent bigint, facts json, document json)
ORDER BY c, r ON CONFLICT DO NOTHING"""

ORDERS = """
UPDATE orders SET revision = x.revision, clock = x.clock, read_at = x.read_at,
       digest = decode(x.digest, 'hex'), placed_at = x.placed_at, customer_id = x.customer,
       member_id = x.m, same_connection = x.sc, same_ref = x.sr, program_id = x.program,
       program_version = x.pv, total = x.total, doubt_connection = x.dc, doubt_ref = x.dr,
       apart = x.apart, spent = x.spent, facts = x.facts, document = x.document
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, r text, revision int, clock timestamptz, read_at timestamptz, digest text,
       placed_at timestamptz, customer text, m text, sc text, sr text, program text, pv int,
       total bigint, dc text, dr text, apart bool, spent bigint, facts json, document json)
WHERE orders.connection_id = x.c AND orders.order_ref = x.r"""

REVISIONS = f"""
INSERT INTO order_revision (connection_id, order_ref, revision, clock, delivery_key, recorded_at,
                            digest, document)
SELECT connection_id, order_ref, revision, clock, delivery_key, at, {REVISION_DIGEST}, document
FROM json_to_recordset(CAST(:p AS json))
  AS x(connection_id text, order_ref text, revision int, clock timestamptz, delivery_key text,
       at timestamptz, document json)
ORDER BY connection_id, order_ref, revision ON CONFLICT DO NOTHING"""

SALES = """
INSERT INTO order_key (connection_id, store, till, business_date, settlement_count,
                       receipt_number, order_ref)
SELECT c, s, t, d, n, receipt, r FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, s text, t text, d date, n int, receipt text, r text)
ORDER BY c, s, t, d, n, receipt ON CONFLICT DO NOTHING"""

SAME = """
INSERT INTO same_as (connection_id, order_ref, other_connection, other_ref, evidence, recorded_at)
SELECT c, r, oc, o, evidence, at FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, r text, oc text, o text, evidence text, at timestamptz) ON CONFLICT DO NOTHING"""

# OFFSET 0: one look at the index for each, where the planner might read all that there are.
IDENTITIES = """
INSERT INTO identity (kind, scope, blind, valid_from, member_id, grade, asserted_by, sealed)
SELECT kind, scope, decode(blind, 'hex'),
       at + (row_number() OVER (PARTITION BY kind, scope, blind ORDER BY m) - 1)
            * interval '1 microsecond',
       m, grade, by, decode(sealed, 'hex')
FROM json_to_recordset(CAST(:p AS json))
  AS x(kind text, scope text, blind text, at timestamptz, m text, grade text, by text, sealed text)
WHERE grade <> 'asserted' OR NOT EXISTS (
    SELECT FROM identity i
    WHERE (i.kind, i.scope, i.blind) = (x.kind, x.scope, decode(x.blind, 'hex'))
      AND i.member_id = x.m AND i.valid_until IS NULL OFFSET 0)
ORDER BY kind, scope, blind ON CONFLICT DO NOTHING"""

CUSTOMERS = """
INSERT INTO customer_told
  (connection_id, external_id, member_id, revision, changed_at, names, contacts)
SELECT c, e, m, revision, changed, decode(names, 'hex'), contacts
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, e text, m text, revision bigint, changed timestamptz, names text, contacts text[])
ORDER BY c, e
ON CONFLICT (connection_id, external_id) DO UPDATE
SET member_id = excluded.member_id, revision = excluded.revision,
    changed_at = excluded.changed_at, names = excluded.names, contacts = excluded.contacts
WHERE customer_told.revision = excluded.revision - 1"""
"""Only upon what was compared: another process may have been told meanwhile."""

PROFILES = """
UPDATE member_profile SET sealed = decode(x.profile, 'hex')
FROM json_to_recordset(CAST(:p AS json)) AS x(m text, profile text)
WHERE member_profile.member_id = x.m"""

CONTACTS_GONE = """
UPDATE identity SET valid_until = x.at
FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, e text, m text, k text, blind text, at timestamptz)
WHERE identity.kind = x.k AND identity.scope = '' AND identity.blind = decode(x.blind, 'hex')
  AND identity.member_id = x.m AND identity.valid_until IS NULL AND NOT EXISTS (
    SELECT FROM customer_told t
    WHERE t.member_id = x.m AND (t.connection_id, t.external_id) <> (x.c, x.e)
      AND x.k || ':' || x.blind = ANY(t.contacts))"""

NEW_MIRRORS = """
INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, due, wanted_since)
SELECT x.c, x.m, x.e, x.v, x.at, x.at FROM json_to_recordset(CAST(:p AS json))
  AS x(c text, m text, e text, v bigint, at timestamptz)
ORDER BY x.c, x.m
ON CONFLICT (connection_id, member_id) DO UPDATE
SET external_id = excluded.external_id, due = excluded.due, parked = false, dismissed = false,
    written_version = CASE WHEN mirror.parked THEN -1 ELSE mirror.written_version END
WHERE excluded.external_id IS NOT NULL AND (mirror.external_id IS NULL
  OR mirror.parked AND (mirror.dismissed OR mirror.external_id <> excluded.external_id))"""
"""A customer whose balance cannot be shown where it was may have come back with a new account."""

# A row that has shown everything waits from now on, or since time has changed its balance.
MIRRORS = """
UPDATE mirror SET wanted_version = GREATEST(mirror.wanted_version, x.v),
       due = CASE WHEN mirror.written_version < mirror.wanted_version
                  THEN LEAST(mirror.due, x.at) ELSE LEAST(mirror.next_change_at, x.at) END,
       wanted_since = CASE WHEN mirror.written_version < mirror.wanted_version
                           THEN mirror.wanted_since ELSE LEAST(mirror.next_change_at, x.at) END
FROM (SELECT mirror.connection_id, mirror.member_id, x.v, x.at
      FROM mirror JOIN json_to_recordset(CAST(:p AS json)) AS x(m text, v bigint, at timestamptz)
        ON mirror.member_id = x.m
      ORDER BY mirror.connection_id, mirror.member_id FOR NO KEY UPDATE OF mirror) AS x
WHERE mirror.connection_id = x.connection_id AND mirror.member_id = x.member_id"""

ALERTS = """
INSERT INTO alert (alert_id, kind, member_id, connection_id, order_ref, message, raised_at)
SELECT id, kind, m, c, r, message, at FROM json_to_recordset(CAST(:p AS json))
  AS x(id text, kind text, m text, c text, r text, message text, at timestamptz)
ORDER BY id ON CONFLICT (alert_id) DO NOTHING"""

REQUESTS = f"""
INSERT INTO request_key (scope, key, digest, answer, answer_digest, recorded_at)
SELECT scope, key, digest, answer, {REQUEST_DIGEST}, at
FROM (SELECT scope, key, decode(hex, 'hex') AS digest, answer, at
      FROM json_to_recordset(CAST(:p AS json))
        AS x(scope text, key text, hex text, answer json, at timestamptz)) AS x
ORDER BY scope, key ON CONFLICT DO NOTHING"""

COUPONS = """
INSERT INTO coupon (code, member_id, program_id, program_version, kind, occasion, connection_id,
                    order_ref, points, usable_from, usable_until, recorded_at)
SELECT code, m, program, pv, kind, occasion, c, r, points, "from", until, at
FROM json_to_recordset(CAST(:p AS json))
  AS x(code text, m text, program text, pv int, kind text, occasion text, c text, r text,
       points bigint, "from" timestamptz, until timestamptz, at timestamptz)
ORDER BY code ON CONFLICT DO NOTHING"""

COUPON_MOVES = """
INSERT INTO coupon_move (code, n, what, holder, lapses_at, connection_id, order_ref, recorded_at)
SELECT code, n, what, holder, lapses_at, c, r, at FROM json_to_recordset(CAST(:p AS json))
  AS x(code text, n int, what text, holder text, lapses_at timestamptz, c text, r text,
       at timestamptz)
ORDER BY code, n ON CONFLICT DO NOTHING"""

ALLOWANCES = """
INSERT INTO allowance (allowance_id, terminal_id, key, member_id, connection_id, points, issued_at,
                       expires_at, lapses_at)
SELECT id, t, key, m, c, points, at, expires, lapses FROM json_to_recordset(CAST(:p AS json))
  AS x(id text, t text, key text, m text, c text, points bigint, at timestamptz,
       expires timestamptz, lapses timestamptz)
ORDER BY t, key ON CONFLICT DO NOTHING"""

ALLOWANCE_USES = """
INSERT INTO allowance_use (allowance_id, counter, revision, order_ref, points, recorded_at)
SELECT id, n, rev, r, points, at FROM json_to_recordset(CAST(:p AS json))
  AS x(id text, n int, rev int, r text, points bigint, at timestamptz)
ORDER BY id, n, rev ON CONFLICT DO NOTHING"""

FEED = """
WITH h AS (UPDATE feed_head SET seq = seq + :n WHERE lane = :lane RETURNING seq - :n AS before)
INSERT INTO feed (lane, feed_seq, kind, object_id, version)
SELECT :lane, h.before + row_number() OVER (ORDER BY x.k, x.m), x.k, x.m, x.v
FROM h, json_to_recordset(CAST(:p AS json)) AS x(k text, m text, v bigint)"""
