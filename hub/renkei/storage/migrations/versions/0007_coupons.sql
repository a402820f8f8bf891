-- A coupon is issued once for a member, kind and occasion. What becomes of it are its moves, numbered
-- from one: that number is what lets one of two tills use it and not both.
CREATE TABLE coupon (
    code text COLLATE "C" PRIMARY KEY,             -- digits with a check digit: fit for a barcode
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    program_id text COLLATE "C" NOT NULL,
    program_version int NOT NULL,                  -- whose terms it has
    kind text COLLATE "C" NOT NULL,                -- its name in the program
    occasion text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C",                -- the order or exchange that gave it
    order_ref text COLLATE "C",
    points bigint NOT NULL CHECK (points >= 0),    -- what it was exchanged for
    usable_from timestamptz NOT NULL,
    usable_until timestamptz,                      -- null: for ever
    recorded_at timestamptz NOT NULL,
    UNIQUE (member_id, kind, occasion),
    FOREIGN KEY (program_id, program_version) REFERENCES program_version
);
CREATE TABLE coupon_move (
    code text COLLATE "C" NOT NULL REFERENCES coupon,
    n int NOT NULL CHECK (n > 0),
    what text NOT NULL CHECK (what IN ('held', 'released', 'captured', 'given_back', 'taken_back',
                                       'issued_again')),
    holder text COLLATE "C",                       -- the till that set it aside
    lapses_at timestamptz,
    connection_id text COLLATE "C",                -- the sale that used it, or gave it back
    order_ref text COLLATE "C",
    recorded_at timestamptz NOT NULL,
    CHECK ((what = 'held') = (holder IS NOT NULL AND lapses_at IS NOT NULL)),
    CHECK ((what IN ('captured', 'given_back')) = (order_ref IS NOT NULL)),
    PRIMARY KEY (code, n)
);

-- How much of what an order earned is of which point type, as [[type, points], …].
ALTER TABLE settled ADD typed json NOT NULL DEFAULT '[]';

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['coupon', 'coupon_move'] LOOP
        EXECUTE format('CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER frozen', name);
    END LOOP;
END $$;
