-- What tiers and other rules must know of a member's past.

ALTER TABLE orders ADD spent bigint NOT NULL DEFAULT 0;   -- yen still sold, tax included

-- Of sales that are there already: per tax rate, less what refunds of their own gave back.
WITH line AS (
    SELECT o.connection_id, o.order_ref, (l ->> 'tax_rate')::int AS rate,
           (l ->> 'tax_included')::bool AS included,
           greatest(0, (l ->> 'amount')::bigint - (l ->> 'returned_amount')::bigint
             - coalesce((SELECT sum((b ->> 'amount')::bigint)
                         FROM refund r, json_array_elements(r.document -> 'lines') b
                         WHERE (r.connection_id, r.order_ref) = (o.connection_id, o.order_ref)
                           AND b ->> 'id' = l ->> 'id'), 0)) AS yen
    FROM orders o, json_array_elements(o.document -> 'lines') l
    WHERE o.document ->> 'state' <> 'cancelled' AND NOT (o.document ->> 'test')::bool
      AND o.document ->> 'currency' = 'JPY' AND NOT EXISTS
        (SELECT FROM refund r WHERE (r.connection_id, r.order_ref) = (o.connection_id, o.order_ref)
           AND (r.document ->> 'whole')::bool)),
taxed AS (
    SELECT connection_id, order_ref, sum(yen) + coalesce(sum(yen) FILTER (WHERE NOT included), 0)
             * rate / 10000 AS yen
    FROM line GROUP BY connection_id, order_ref, rate)
UPDATE orders SET spent = x.yen
FROM (SELECT connection_id, order_ref, sum(trunc(yen)) AS yen FROM taxed GROUP BY 1, 2) x
WHERE (orders.connection_id, orders.order_ref) = (x.connection_id, x.order_ref);

-- A member's orders are found together with when they were placed.
DROP INDEX orders_member_id_idx;
CREATE INDEX orders_of_member ON orders (member_id, placed_at);

-- Month and day, without the year: conditions and greetings need no more. Cleared at erasure.
ALTER TABLE member_profile ADD birthday text CHECK (birthday ~ '^\d\d-\d\d$');

CREATE TABLE tier_reached (                        -- what is given for a tier is given once
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    tier text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,              -- its first day, or ever
    reached_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, tier, period)
);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON tier_reached
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE tier_reached ENABLE ALWAYS TRIGGER frozen;

CREATE TABLE tier_due (                            -- whose tiers must be looked at, and when
    member_id text COLLATE "C" PRIMARY KEY REFERENCES member,
    due timestamptz NOT NULL
);
CREATE INDEX ON tier_due (due);
