"""The SQL of loading. What is locked, and in which order, is said in ledger/loading.py."""

# Orders that a command names by themselves, or by the natural key of a sale at a till; and where
# those are counted that are copies. One look at the index for each: hardly any order is a copy, and
# the planner would rather look for those among all orders.
_NAMED_ORDERS = """
      (WITH named(c, r) AS (
         SELECT c, r FROM json_to_recordset(CAST(:keys AS json)) AS x(c text, r text)
         UNION SELECT k.connection_id, k.order_ref
         FROM order_key k JOIN json_to_recordset(CAST(:sales AS json))
           AS x(c text, s text, t text, d date, n int, r text)
           ON (k.connection_id, k.store, k.till, k.business_date, k.settlement_count,
               k.receipt_number) = (x.c, x.s, x.t, x.d, x.n, x.r))
       SELECT c, r FROM named
       UNION SELECT o.same_connection, o.same_ref
       FROM named, LATERAL (
         SELECT same_connection, same_ref FROM orders o
         WHERE (o.connection_id, o.order_ref) = (named.c, named.r) OFFSET 0) o
       WHERE o.same_connection IS NOT NULL)"""

SALES = """
SELECT k.connection_id, k.store, k.till, k.business_date, k.settlement_count, k.receipt_number,
       k.order_ref
FROM order_key k JOIN json_to_recordset(CAST(:keys AS json))
  AS x(c text, s text, t text, d date, n int, r text)
  ON (k.connection_id, k.store, k.till, k.business_date, k.settlement_count, k.receipt_number)
   = (x.c, x.s, x.t, x.d, x.n, x.r)"""

# One look at the index for each, whatever the planner knows of how many are there.
IDENTITIES = """
SELECT i.* FROM json_to_recordset(CAST(:keys AS json)) AS x(k text, s text, b text),
LATERAL (
  SELECT i.kind, i.scope, i.blind, i.member_id, i.grade FROM identity i
  WHERE i.kind = x.k AND i.scope = x.s AND i.blind = decode(x.b, 'hex') AND i.valid_until IS NULL
  OFFSET 0) i
ORDER BY (i.grade = 'asserted') DESC"""

CUSTOMERS = """
SELECT t.connection_id, t.external_id, t.member_id, t.revision, t.changed_at, t.names, t.contacts
FROM customer_told t JOIN json_to_recordset(CAST(:keys AS json)) AS x(c text, e text)
  ON t.connection_id = x.c AND t.external_id = x.e"""

ORDERS = f"""
SELECT o.connection_id, o.order_ref, o.revision, o.clock, o.read_at, o.digest, o.placed_at,
       o.customer_id, o.member_id, o.same_connection, o.same_ref, o.program_id,
       o.program_version, o.document, o.total, o.doubt_connection, o.doubt_ref, o.apart, o.spent,
       o.facts
FROM orders o
WHERE (o.connection_id, o.order_ref) IN {_NAMED_ORDERS}
ORDER BY o.connection_id, o.order_ref FOR NO KEY UPDATE"""

# Everybody in the groups of these members, unlocked; whoever has no pointer is a root.
GROUPS = """
WITH RECURSIVE up(member_id, merged_into) AS (
  SELECT member_id, merged_into FROM member WHERE member_id = ANY(string_to_array(:ids, ','))
  UNION
  SELECT m.member_id, m.merged_into FROM up JOIN member m ON m.member_id = up.merged_into),
down(member_id, merged_into) AS (
  SELECT member_id, merged_into FROM up WHERE merged_into IS NULL
  UNION
  SELECT m.member_id, m.merged_into FROM down JOIN member m ON m.merged_into = down.member_id)
SELECT member_id, merged_into FROM down ORDER BY member_id"""

LOCK = """
SELECT member_id, merged_into FROM member WHERE member_id = ANY(string_to_array(:ids, ','))
ORDER BY member_id FOR NO KEY UPDATE"""

HEADS = """
WITH RECURSIVE down(member_id, merged_into) AS (
  SELECT member_id, merged_into FROM member WHERE member_id = ANY(string_to_array(:ids, ','))
  UNION
  SELECT m.member_id, m.merged_into FROM down JOIN member m ON m.merged_into = down.member_id)
SELECT m.member_id, m.program_id, m.version, m.lots, m.chain, m.debt, m.version_lead, p.zone,
       m.merged_into, clock_timestamp()
FROM down JOIN member m USING (member_id) JOIN program p USING (program_id)
ORDER BY m.member_id"""

ACTIVITIES = """
SELECT member_id, array_agg(at ORDER BY at) FROM activity
WHERE member_id = ANY(string_to_array(:ids, ',')) GROUP BY member_id"""

SETTLED = f"""
SELECT member_id, connection_id, order_ref, earned, redeemed, lots, used, typed
FROM settled
WHERE (connection_id, order_ref) IN {_NAMED_ORDERS}"""

_LOT = """
SELECT member_id, lot, origin, granted, granted_at, usable_from, expires_at, pending, available,
       held, expired, netted, connection_id, order_ref, parent_lot, net_base, yen_value, company_id,
       store, point_type, only_at, slides_months
FROM lot"""

# Those in play have an index of their own: what is over for good is much more, and only named.
LOTS = f"""{_LOT}
WHERE member_id = ANY(string_to_array(:ids, ',')) AND (open OR expired > 0 OR netted > 0) AND (open
   OR (expired > 0 AND (expires_at > CAST(:since AS timestamptz) OR slides_months IS NOT NULL))
   OR (netted > 0 AND member_id = ANY(string_to_array(:debtors, ','))))
UNION {_LOT} JOIN json_to_recordset(CAST(:named AS json)) AS x(m text, l int)
  ON (member_id, lot) = (m, l) WHERE m = ANY(string_to_array(:ids, ','))
ORDER BY member_id, lot"""

EVERY_LOT = f"""{_LOT}
WHERE member_id = ANY(string_to_array(:ids, ',')) ORDER BY member_id, lot"""

HOLDS = """
SELECT h.member_id, h.version, h.key, h.amount, greatest(h.lapses_at, max(e.lapses_at)),
       (SELECT json_agg(json_build_array(a.lot, a.d_held) ORDER BY a.n) FROM allocation a
         WHERE a.member_id = h.member_id AND a.version = h.version AND a.d_held > 0),
       h.connection_id, h.lead_member, h.lead_version, h.scope
FROM hold h LEFT JOIN hold_extension e USING (member_id, version)
WHERE h.member_id = ANY(string_to_array(:ids, ','))
  AND NOT EXISTS (SELECT FROM hold_end d WHERE (d.member_id, d.version) = (h.member_id, h.version))
GROUP BY h.member_id, h.version
ORDER BY h.member_id, h.version"""

HOLD_PARTS = """
SELECT h.member_id FROM json_to_recordset(CAST(:names AS json)) AS x(m text, v bigint)
JOIN hold h ON (h.lead_member, h.lead_version) = (x.m, x.v)"""

NAMED_HOLDS = """
SELECT h.member_id, h.version, h.connection_id, h.for_member,
       ARRAY(SELECT p.member_id FROM hold p
             WHERE (p.lead_member, p.lead_version) = (h.member_id, h.version) ORDER BY 1),
       e.how, t.connection_id, t.order_ref
FROM json_to_recordset(CAST(:names AS json)) AS x(m text, v bigint)
JOIN hold h ON h.member_id = x.m AND h.version = x.v
LEFT JOIN hold_end e ON (e.member_id, e.version) = (h.member_id, h.version)
LEFT JOIN txn t ON (t.member_id, t.version) = (e.member_id, e.end_version)"""

QUOTAS = """
SELECT q.scope, q.period, q."limit", q.used FROM quota q
WHERE (q.scope, q.period) IN
      (SELECT s, p FROM json_to_recordset(CAST(:keys AS json)) AS x(s text, p text))
ORDER BY q.scope, q.period FOR NO KEY UPDATE"""

CLAIMS = """
SELECT c.scope, c.period, c.claimant, max(c.n), max(c.high_water) FROM quota_claim c
JOIN json_to_recordset(CAST(:keys AS json)) AS x(s text, p text, c text)
  ON (c.scope, c.period, c.claimant) = (x.s, x.p, x.c) GROUP BY 1, 2, 3"""

REFUNDS = """
SELECT connection_id, order_ref, refund_ref, digest, document FROM refund
WHERE (connection_id, order_ref) IN
      (SELECT c, r FROM json_to_recordset(CAST(:keys AS json)) AS x(c text, r text))
ORDER BY connection_id, order_ref, recorded_at, refund_ref"""

# Likewise for each sale and paired connection; the inner one by nothing but total and moment, or
# the planner might look through all orders of the connection.
LOOKALIKES = """
SELECT o.* FROM json_to_recordset(CAST(:seen AS json))
  AS x(c text, other text, total bigint, first timestamptz, last timestamptz),
LATERAL (
  SELECT o.connection_id, o.order_ref, o.revision, o.clock, o.read_at, o.digest, o.placed_at,
         o.customer_id, o.member_id, o.same_connection, o.same_ref, o.program_id,
         o.program_version, o.document, o.total, o.doubt_connection, o.doubt_ref, o.apart,
         o.spent, o.facts
  FROM (SELECT * FROM orders o
        WHERE o.total = x.total AND o.placed_at BETWEEN x.first AND x.last OFFSET 0) o
  WHERE o.connection_id = x.other
    AND o.revision > 0 AND o.same_connection IS NULL AND NOT EXISTS
    (SELECT FROM same_as s WHERE s.connection_id = x.c
        AND (s.other_connection, s.other_ref) = (o.connection_id, o.order_ref))
  OFFSET 0) o"""

PAIRS = """
SELECT connection_id, other_connection, within FROM sale_pair
WHERE connection_id = ANY(string_to_array(:ids, ','))
   OR other_connection = ANY(string_to_array(:ids, ','))"""

REQUESTS = """
SELECT r.scope, r.key, r.digest, r.answer
FROM request_key r JOIN json_to_recordset(CAST(:keys AS json)) AS x(s text, k text)
  ON r.scope = x.s AND r.key = x.k"""

_COUPON = """
SELECT c.code, c.member_id, c.program_id, c.program_version, c.kind, c.occasion, c.usable_from,
       c.usable_until, c.connection_id, c.order_ref, c.points, m.n, m.what, m.holder, m.lapses_at,
       m.connection_id, m.order_ref
FROM coupon c LEFT JOIN LATERAL
  (SELECT * FROM coupon_move m WHERE m.code = c.code ORDER BY m.n DESC LIMIT 1) m ON true"""

COUPONS = f"""{_COUPON}
WHERE c.code IN (
  SELECT json_array_elements_text(CAST(:codes AS json))
  UNION SELECT n.code FROM coupon n JOIN json_to_recordset(CAST(:keys AS json))
    AS x(m text, k text, o text) ON (n.member_id, n.kind, n.occasion) = (x.m, x.k, x.o))
ORDER BY c.code"""

COUPONS_OF = f"""{_COUPON}
WHERE c.member_id = ANY(CAST(:ids AS text[]))
  AND (c.usable_until IS NULL OR c.usable_until > clock_timestamp())
  AND m.what IS DISTINCT FROM 'captured' AND m.what IS DISTINCT FROM 'taken_back'
ORDER BY c.usable_until NULLS LAST, c.code LIMIT 50"""

COUPON_MEMBERS = """
SELECT member_id FROM coupon
WHERE code IN (SELECT json_array_elements_text(CAST(:codes AS json)))"""

MEMBER_KEYS = (
    "SELECT member_id, wrapped FROM member_key WHERE member_id = ANY(string_to_array(:ids, ','))"
)

CONNECTIONS = """
SELECT connection_id, program_id, company_id, settles_from, EXISTS (SELECT FROM product),
       EXISTS (SELECT FROM store_setting s WHERE s.connection_id = connection.connection_id)
FROM connection WHERE connection_id = ANY(string_to_array(:ids, ','))"""

PERIODS = """
SELECT program_id, period FROM period
WHERE sealed_at IS NULL AND program_id IN
      (SELECT program_id FROM member WHERE member_id = ANY(string_to_array(:ids, ',')))
ORDER BY 1, 2 FOR SHARE"""

CLOCK = "SELECT clock_timestamp()"

PROGRAMS = """
SELECT program_id, version, in_force_from, document::text FROM program_version
WHERE program_id IN
      (SELECT program_id FROM connection WHERE connection_id = ANY(string_to_array(:ids, ','))
       UNION SELECT program_id FROM member WHERE member_id = ANY(string_to_array(:members, ',')))
ORDER BY 1, 2"""

# Those of members who are in another program than the connections.
OTHER_PROGRAMS = """
SELECT program_id, version, in_force_from, document::text FROM program_version
WHERE program_id <> ALL(string_to_array(:known, ',')) AND program_id IN
      (SELECT program_id FROM member WHERE member_id = ANY(string_to_array(:ids, ',')))
ORDER BY 1, 2"""

SHOWN = """
WITH RECURSIVE up(member_id, above) AS (
  SELECT member_id, merged_into FROM member WHERE merged_into IS NOT NULL
  UNION SELECT up.member_id, m.merged_into FROM up JOIN member m ON m.member_id = up.above
        WHERE m.merged_into IS NOT NULL),
mates(member_id, root) AS (
  SELECT up.member_id, up.above FROM up JOIN member m ON m.member_id = up.above
  WHERE m.merged_into IS NULL
  UNION SELECT up.above, up.above FROM up JOIN member m ON m.member_id = up.above
  WHERE m.merged_into IS NULL),
together AS (
  SELECT root, sum(version + version_lead) AS shown FROM mates JOIN member USING (member_id)
  GROUP BY root),
newest AS (
  SELECT member_id, coalesce(together.shown, m.version + m.version_lead) AS shown
  FROM member m LEFT JOIN mates USING (member_id) LEFT JOIN together USING (root))"""
"""Who is above whom, and ``newest``: each member with the version that channels see of them.

That is the sum over all whose points count together.
"""

_UTC = """replace(to_char(o.{} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '.000000', '')
             || 'Z"'"""

SAYS_SO = f"""strpos(o.document::text, '"changed_at":"' || {_UTC.format("clock")}
             || ',"placed_at":"' || {_UTC.format("placed_at")}) > 0
           AND strpos(o.document::text, '"customer":' || coalesce('{{"connection":"'
             || connection_id || '","id":"' || o.customer_id || '"', 'null')) > 0"""
"""Whether an order's document spells the order's columns the usual way: cheaper than to read it."""
