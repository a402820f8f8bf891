"""What must always hold of coupons and tiers: names and statements for ledger/invariants.py."""

COUPONS = (
    (
        "what an order earned of point types is no more than it earned, and there are such lots",
        """SELECT s.member_id, 'order ' || s.connection_id || '/' || s.order_ref,
             'earned ' || s.earned || ', of types ' || s.typed::text
           FROM settled s WHERE s.typed::text <> '[]' AND (json_typeof(s.typed) <> 'array' OR
             (SELECT sum((one ->> 1)::bigint) > s.earned OR bool_or(NOT EXISTS (SELECT FROM lot l
                WHERE (l.member_id, l.connection_id, l.order_ref, l.point_type)
                    = (s.member_id, s.connection_id, s.order_ref, one ->> 0)))
              FROM json_array_elements(CASE json_typeof(s.typed) WHEN 'array' THEN s.typed
                                       ELSE '[]' END) AS one))""",
    ),
    (
        "points for a tier have their mark that it was reached",
        """SELECT t.member_id, 'transaction ' || t.version, t.key || ' is not marked as reached'
           FROM txn t WHERE kind = 'tier' AND NOT EXISTS
             (SELECT FROM tier_reached r
              WHERE (r.member_id, r.tier || '/' || r.period) = (t.group_root, t.key))""",
    ),
    (
        "an exchange has its request, and its points as long as its coupon is not taken back",
        """SELECT c.member_id, 'coupon ' || c.code, concat_ws(', ', CASE WHEN r.key IS NULL THEN
             'its request is missing' END, c.points || ' points, settled '
             || coalesce(s.redeemed, 0), m.what)
           FROM coupon c LEFT JOIN request_key r ON (r.scope, 'reward/' || r.key)
                  = ('reward/' || c.connection_id, c.order_ref)
             LEFT JOIN settled s USING (member_id, connection_id, order_ref)
             LEFT JOIN LATERAL (SELECT what FROM coupon_move m WHERE m.code = c.code
                                ORDER BY n DESC LIMIT 1) m ON true
           WHERE c.points > 0 AND (r.key IS NULL OR coalesce(s.redeemed, 0) <>
                 CASE WHEN m.what = 'taken_back' THEN 0 ELSE c.points END)""",
    ),
    (
        "a coupon's moves are numbered without a gap, and it is used once until it is given back",
        """SELECT c.member_id, 'coupon ' || x.code, 'move ' || x.n || ' ' || x.what || ' after '
             || x.before
           FROM (SELECT m.*, row_number() OVER w AS nth,
                        coalesce(lag(m.what) OVER w, 'issued') AS before
                 FROM coupon_move m WINDOW w AS (PARTITION BY m.code ORDER BY m.n)) x
             JOIN coupon c USING (code)
           WHERE x.n <> x.nth OR (x.before = 'captured') <> (x.what = 'given_back')
              OR (x.before = 'taken_back') <> (x.what = 'issued_again')
              OR x.what = 'released' AND x.before <> 'held'""",
    ),
)
"""Statements that give rows of (member, where, detail) for what does not hold."""

NO_EXCHANGE = """NOT EXISTS
               (SELECT FROM coupon c WHERE (c.member_id, c.connection_id, c.order_ref, c.points)
                  = (s.member_id, s.connection_id, s.order_ref, s.redeemed) AND s.earned = 0)"""
"""Whether what is settled (``s``) is no exchange of points for a coupon, but an order's."""
