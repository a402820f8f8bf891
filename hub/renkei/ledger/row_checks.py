"""What must hold of rows that no hash chain covers (see invariants.py).

Each has a digest of all that it says, made as it was added. That a row is gone is told by others:
numbers without a gap, the feed, the orders and requests that name it.
"""

DIGESTED = {
    "program_version": "program_id version",
    "refund": "connection_id order_ref refund_ref",
    "same_as": "connection_id order_ref",
    "member_merge": "member_id n",
    "activity": "member_id at",
    "quota_claim": "scope period claimant n",
    "tier_reached": "member_id tier period",
    "hold_extension": "member_id version n",
    "coupon": "code",
    "coupon_move": "code n",
    "allowance": "allowance_id",
    "allowance_use": "allowance_id counter revision",
}
"""The tables, with what names a row."""

UTC = "SELECT set_config('timezone', 'UTC', true), set_config('bytea_output', 'hex', true)"
"""As rows are spelled for their digests."""

OTHER = "\nUNION ALL ".join(
    f"""SELECT '{table}', concat_ws('/', {", ".join(names.split())}),
         'it is not what its digest was made of' FROM {table} t
       WHERE row_digest IS DISTINCT FROM
         sha256(convert_to((to_jsonb(t) - 'row_digest')::text, 'UTF8'))"""
    for table, names in DIGESTED.items()
)

ROWS = (
    ("a row that was added is as it was recorded", OTHER),
    (
        "a program's versions are numbered without a gap, as many as the feed told of",
        """SELECT 'program ' || program_id, 'version ' || coalesce(v.top, 0),
             coalesce(v.n, 0) || ' are there, ' || coalesce(f.n, 0) || ' were told of'
           FROM (SELECT program_id, count(*) n, max(version) top FROM program_version GROUP BY 1) v
           FULL JOIN (SELECT object_id AS program_id, count(*) n FROM feed WHERE kind = 'rule'
                      GROUP BY 1) f USING (program_id)
           WHERE (v.n, v.n) IS DISTINCT FROM (v.top, greatest(v.n, f.n))""",
    ),
    (
        "a coupon of which the feed told is there, with all of its moves",
        """SELECT 'coupon ' || f.code, '',
             'told of ' || f.n || ' times, moved ' || coalesce(m.n, 0)
           FROM (SELECT object_id AS code, count(*) n FROM feed WHERE kind = 'coupon' GROUP BY 1) f
             LEFT JOIN coupon c USING (code)
             LEFT JOIN (SELECT code, count(*) n FROM coupon_move GROUP BY 1) m USING (code)
           WHERE c.code IS NULL OR f.n > 1 + coalesce(m.n, 0)""",
    ),
    (
        "an order that is counted elsewhere says why",
        """SELECT 'order ' || coalesce(o.connection_id, s.connection_id) || '/'
             || coalesce(o.order_ref, s.order_ref), '', 'counted at '
             || coalesce(o.same_ref, 'no other') || ', found at ' || coalesce(s.other_ref, 'none')
           FROM (SELECT connection_id, order_ref, same_ref, revision FROM orders
                 WHERE same_ref IS NOT NULL) o
           FULL JOIN same_as s USING (connection_id, order_ref)
           WHERE o.same_ref IS NULL OR s.other_ref IS NULL AND o.revision > 0""",
    ),
    (
        "a sale at a till is found by its natural key",
        """SELECT 'order ' || o.connection_id || '/' || o.order_ref, '', 'its key is missing'
           FROM (SELECT connection_id, order_ref, document -> 'till' AS till FROM orders
                 WHERE connection_id = ANY (ARRAY (
                   SELECT c.connection_id FROM connection c
                   WHERE EXISTS (SELECT FROM terminal WHERE connection_id = c.connection_id)
                      OR EXISTS (SELECT FROM order_key WHERE connection_id = c.connection_id)))
                 OFFSET 0) o
           WHERE json_typeof(o.till) = 'object' AND NOT EXISTS
             (SELECT FROM order_key k WHERE (k.connection_id, k.store, k.business_date, k.till,
                k.settlement_count, k.receipt_number) = (o.connection_id, o.till ->> 'store',
                (o.till ->> 'business_date')::date, o.till ->> 'till',
                (o.till ->> 'settlement_count')::int, o.till ->> 'receipt_number'))""",
    ),
    (
        "a natural key is that of its sale",
        """SELECT 'order ' || k.connection_id || '/' || k.order_ref, '',
             'it never was receipt ' || k.receipt_number
           FROM order_key k WHERE NOT EXISTS
             (SELECT FROM order_revision r WHERE (r.connection_id, r.order_ref)
                = (k.connection_id, k.order_ref)
                AND r.document -> 'till' ->> 'receipt_number' = k.receipt_number)""",
    ),
)
"""Name and statement of each."""
