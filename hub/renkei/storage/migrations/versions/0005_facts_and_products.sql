-- What conditions speak of besides the sale itself. Rows are only ever added: a sale is judged by
-- what was stated when it was placed.

CREATE TABLE store_setting (                       -- the newest one counts
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    store text COLLATE "C" NOT NULL,               -- empty: sales without a store
    stated_at timestamptz NOT NULL,
    area text COLLATE "C" NOT NULL,                -- as facts name it, or empty
    day_ends int NOT NULL CHECK (day_ends BETWEEN 0 AND 720),   -- minutes after midnight
    PRIMARY KEY (connection_id, store, stated_at)
);
CREATE TABLE fact (                                -- what was stated first stays
    place text COLLATE "C" NOT NULL,               -- an area, connection/store; empty: everywhere
    day date NOT NULL,                             -- a business day
    name text COLLATE "C" NOT NULL,
    value bool NOT NULL,
    source text NOT NULL,
    stated_at timestamptz NOT NULL,
    PRIMARY KEY (place, day, name)
);
CREATE TABLE product (                             -- the newest one of a code counts
    jan text COLLATE "C" NOT NULL,                 -- 13 or 8 digits, or empty
    sku text COLLATE "C" NOT NULL,                 -- or empty
    stated_at timestamptz NOT NULL,
    title text NOT NULL,
    classes text[] NOT NULL,
    CHECK (jan <> '' OR sku <> ''),
    PRIMARY KEY (jan, sku, stated_at)
);
CREATE INDEX ON product (jan, stated_at) WHERE jan <> '';
CREATE INDEX ON product (sku, stated_at) WHERE sku <> '';

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['store_setting', 'fact', 'product'] LOOP
        EXECUTE format('CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER frozen', name);
    END LOOP;
END $$;
