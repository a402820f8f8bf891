-- What a till may let a member use while it is offline. A hold of the same terminal and key funds it.
CREATE TABLE allowance (
    allowance_id text COLLATE "C" PRIMARY KEY,
    terminal_id text COLLATE "C" NOT NULL REFERENCES terminal,
    key text COLLATE "C" NOT NULL,                 -- the terminal's own name for it
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    points bigint NOT NULL CHECK (points > 0),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,                -- the end of the grace for reporting
    UNIQUE (terminal_id, key),
    CHECK (issued_at < expires_at AND expires_at <= lapses_at)
);
CREATE INDEX ON allowance (member_id);
-- Each use of one, by the count of the till; a sale that is restated uses it again under the same count.
CREATE TABLE allowance_use (
    allowance_id text COLLATE "C" NOT NULL REFERENCES allowance,
    counter int NOT NULL CHECK (counter > 0),
    revision int NOT NULL CHECK (revision > 0),
    order_ref text COLLATE "C" NOT NULL,
    points bigint NOT NULL CHECK (points >= 0),    -- as the sale says
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (allowance_id, counter, revision)
);

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['allowance', 'allowance_use'] LOOP
        EXECUTE format('CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER frozen', name);
    END LOOP;
END $$;
