-- The complete ledger: merging as a pointer, sliding and limited points, refunds told apart from
-- their order, one sale seen through two vendors. The ledger's tables are empty (r0002 sees to it).

-- What the shown balance version is ahead of the member's own since an unmerge.
ALTER TABLE member ADD version_lead bigint NOT NULL DEFAULT 0 CHECK (version_lead >= 0);

CREATE TABLE member_merge (                        -- every merge and unmerge, in order
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    n int NOT NULL CHECK (n > 0),
    merged_into text COLLATE "C" REFERENCES member,   -- null: parted again
    by_whom text NOT NULL,                         -- what asked for it: a request's key
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, n)
);

ALTER TABLE lot
    ADD point_type text COLLATE "C" NOT NULL DEFAULT 'base',
    ADD only_at text[] NOT NULL DEFAULT '{}',      -- connections, or connection/store
    ADD slides_months int CHECK (slides_months > 0),
    ADD CHECK (slides_months IS NULL OR expires_at IS NULL);
CREATE INDEX ON lot (member_id) WHERE open AND slides_months IS NOT NULL;

CREATE TABLE activity (                            -- what lengthens the life of sliding points
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    at timestamptz NOT NULL,
    PRIMARY KEY (member_id, at)
);

-- A hold on points of several homes has a part in each; the first part is its name.
ALTER TABLE hold
    ADD lead_member text COLLATE "C" NOT NULL,
    ADD lead_version bigint NOT NULL,
    ADD for_member text COLLATE "C" NOT NULL;
CREATE INDEX ON hold (lead_member, lead_version);

-- An order of which only refunds have been seen is there with revision 0.
ALTER TABLE orders
    DROP CONSTRAINT orders_revision_check,
    ADD CHECK (revision >= 0),
    ADD total bigint NOT NULL DEFAULT 0,           -- yen, tax included, before points
    ADD doubt_connection text COLLATE "C",         -- perhaps the same sale; waits for a person
    ADD doubt_ref text COLLATE "C",
    ADD apart bool NOT NULL DEFAULT false;         -- a person said: a sale of its own
CREATE INDEX ON orders (connection_id, total, placed_at);

CREATE TABLE refund (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    order_ref text COLLATE "C" NOT NULL,
    refund_ref text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    document json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, order_ref, refund_ref),
    FOREIGN KEY (connection_id, order_ref) REFERENCES orders
);

CREATE TABLE sale_pair (                           -- connections that may show the same sale
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    other_connection text COLLATE "C" NOT NULL REFERENCES connection,
    within interval NOT NULL,                      -- how far apart the two may lie
    PRIMARY KEY (connection_id, other_connection),
    CHECK (connection_id < other_connection)
);

-- Digests of what no hash chain covers, so that verify sees a change behind our back.
ALTER TABLE order_revision ADD digest bytea;
ALTER TABLE request_key ADD answer_digest bytea;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['member_merge', 'activity', 'refund'] LOOP
        EXECUTE format('CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER frozen', name);
    END LOOP;
END $$;
DROP TRIGGER frozen ON lot;
CREATE TRIGGER frozen BEFORE UPDATE OF member_id, lot, version, origin, connection_id, order_ref, parent_lot,
        granted, granted_at, grant_year, net_base, yen_value, company_id, store, usable_from, expires_at,
        point_type, only_at, slides_months
    OR DELETE OR TRUNCATE ON lot FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE lot ENABLE ALWAYS TRIGGER frozen;
