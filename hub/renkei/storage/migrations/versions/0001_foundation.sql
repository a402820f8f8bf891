-- The whole foundation. Text ids compare by code point everywhere (COLLATE "C"), so that locks are
-- taken in one order on every server. Points and yen are bigint, instants timestamptz (UTC).

-- ── Programs, companies, stores, tills ────────────────────────────────────────────────────────
CREATE TABLE program (
    program_id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL,
    zone text NOT NULL
);
CREATE TABLE program_version (
    program_id text COLLATE "C" NOT NULL REFERENCES program,
    version int NOT NULL CHECK (version > 0),
    in_force_from timestamptz NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (program_id, version)
);
CREATE TABLE company (
    company_id text COLLATE "C" PRIMARY KEY,
    title text NOT NULL
);
CREATE TABLE store (
    store_id text COLLATE "C" PRIMARY KEY,
    company_id text COLLATE "C" NOT NULL REFERENCES company,
    title text NOT NULL,
    zone text NOT NULL
);

-- ── Connections ───────────────────────────────────────────────────────────────────────────────
CREATE TABLE connection (
    connection_id text COLLATE "C" PRIMARY KEY,
    vendor text NOT NULL,
    program_id text COLLATE "C" NOT NULL REFERENCES program,
    company_id text COLLATE "C" NOT NULL REFERENCES company,
    settings bytea NOT NULL,                       -- sealed
    settles_from timestamptz NOT NULL,             -- orders before it are history only
    leads text NOT NULL CHECK (leads IN ('hub', 'vendor')),
    binds_holds bool NOT NULL,                     -- whether the channel asks us before it spends
    state text NOT NULL CHECK (state IN ('active', 'paused', 'needs_authorization')),
    failures int NOT NULL DEFAULT 0,
    open_until timestamptz,                        -- circuit: no call before this
    last_error text,
    created_at timestamptz NOT NULL
);
CREATE TABLE connection_token (
    connection_id text COLLATE "C" PRIMARY KEY REFERENCES connection,
    token bytea NOT NULL,                          -- sealed
    expires_at timestamptz
);
CREATE TABLE poll (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    kind text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,                             -- end of the window being read
    cursor text,
    due timestamptz NOT NULL,
    owner text,
    leased_until timestamptz,
    failures int NOT NULL DEFAULT 0,
    PRIMARY KEY (connection_id, kind)
);
CREATE TABLE terminal (
    terminal_id text COLLATE "C" PRIMARY KEY,
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    store text NOT NULL,
    till text NOT NULL,
    label text NOT NULL DEFAULT '',
    disabled_at timestamptz,
    created_at timestamptz NOT NULL,
    UNIQUE (connection_id, store, till)
);
CREATE TABLE terminal_credential (
    key_id text COLLATE "C" PRIMARY KEY,
    terminal_id text COLLATE "C" NOT NULL REFERENCES terminal,
    secret bytea NOT NULL,                         -- sealed
    scopes text[] NOT NULL,
    static_from inet[] NOT NULL DEFAULT '{}',      -- networks from which the secret may be sent as it is
    valid_from timestamptz NOT NULL,
    valid_until timestamptz
);
CREATE TABLE terminal_nonce (
    key_id text COLLATE "C" NOT NULL REFERENCES terminal_credential,
    nonce text COLLATE "C" NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (key_id, nonce)
);
CREATE INDEX ON terminal_nonce (seen_at);

-- ── Members and identities ────────────────────────────────────────────────────────────────────
CREATE TABLE member (
    member_id text COLLATE "C" PRIMARY KEY,
    program_id text COLLATE "C" NOT NULL REFERENCES program,
    merged_into text COLLATE "C" REFERENCES member CHECK (merged_into <> member_id),
    version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
    lots int NOT NULL DEFAULT 0,
    chain bytea NOT NULL DEFAULT '\x',
    available bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    pending bigint NOT NULL DEFAULT 0 CHECK (pending >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    debt bigint NOT NULL DEFAULT 0 CHECK (debt <= 0),
    created_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX ON member (merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE member_key (
    member_id text COLLATE "C" PRIMARY KEY REFERENCES member,
    wrapped bytea NOT NULL                         -- destroyed at erasure; the ledger stays
);
CREATE TABLE member_profile (
    member_id text COLLATE "C" PRIMARY KEY REFERENCES member,
    sealed bytea NOT NULL,                         -- names, under the member's key
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'withdrawn'))
);
CREATE TABLE identity (
    kind text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    blind bytea NOT NULL,                          -- keyed digest of the normalized value
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    grade text NOT NULL CHECK (grade IN ('asserted', 'verified', 'strong')),
    asserted_by text NOT NULL,
    sealed bytea NOT NULL,                         -- the value, under the member's key
    PRIMARY KEY (kind, scope, blind, valid_from)
);
-- One proven identity names one member at a time; asserted ones may be shared (a family's phone).
CREATE UNIQUE INDEX identity_proven ON identity (kind, scope, blind)
    WHERE valid_until IS NULL AND grade <> 'asserted';
CREATE INDEX ON identity (member_id);

-- ── The ledger ────────────────────────────────────────────────────────────────────────────────
CREATE TABLE period (
    program_id text COLLATE "C" NOT NULL REFERENCES program,
    period text COLLATE "C" NOT NULL CHECK (period ~ '^\d{4}-\d{2}$'),
    sealed_at timestamptz,
    merkle_root bytea,
    signature bytea,
    PRIMARY KEY (program_id, period)
);
CREATE TABLE txn (
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    version bigint NOT NULL CHECK (version > 0),
    kind text NOT NULL,
    key text NOT NULL,                             -- what asked for it: a request or an order revision
    program_id text COLLATE "C" NOT NULL,
    program_version int,
    connection_id text COLLATE "C",
    order_ref text COLLATE "C",
    delivery_key text,                             -- the delivery that caused it
    group_root text COLLATE "C" NOT NULL,          -- the member whose lock covered it
    event_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    period text COLLATE "C" NOT NULL,
    note_digest bytea,                             -- of a sealed note kept beside the chain
    content json NOT NULL,                         -- reasons: which rule gave or took what
    PRIMARY KEY (member_id, version),
    FOREIGN KEY (program_id, period) REFERENCES period
);
CREATE INDEX ON txn (connection_id, order_ref) WHERE order_ref IS NOT NULL;
CREATE TABLE chain (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    prev bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (member_id, version),
    FOREIGN KEY (member_id, version) REFERENCES txn
);
CREATE TABLE txn_note (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (member_id, version),
    FOREIGN KEY (member_id, version) REFERENCES txn
);
CREATE TABLE posting (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    leg smallint NOT NULL,
    rule text NOT NULL,
    source text NOT NULL,
    destination text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    CHECK (source <> destination),
    PRIMARY KEY (member_id, version, leg),
    FOREIGN KEY (member_id, version) REFERENCES txn
);
CREATE TABLE lot (
    member_id text COLLATE "C" NOT NULL,
    lot int NOT NULL CHECK (lot > 0),
    version bigint NOT NULL,
    origin text NOT NULL,
    connection_id text COLLATE "C",
    order_ref text COLLATE "C",
    parent_lot int,
    granted bigint NOT NULL CHECK (granted > 0),
    granted_at timestamptz NOT NULL,               -- event time
    grant_year int NOT NULL,
    net_base bigint NOT NULL DEFAULT 0,            -- yen, net of tax
    yen_value bigint NOT NULL DEFAULT 0,           -- of the whole lot at the program's rate
    company_id text COLLATE "C",
    store text,
    usable_from timestamptz,                       -- null: pending
    expires_at timestamptz,                        -- null: never, or sliding
    pending bigint NOT NULL CHECK (pending >= 0),
    available bigint NOT NULL CHECK (available >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    expired bigint NOT NULL DEFAULT 0 CHECK (expired >= 0),   -- ended by a booked expiry
    netted bigint NOT NULL DEFAULT 0 CHECK (netted >= 0),     -- went into repaying debt
    open bool NOT NULL,
    CHECK (pending + available + held + expired + netted <= granted),
    CHECK (open = (pending > 0 OR available > 0 OR held > 0)),
    PRIMARY KEY (member_id, lot),
    FOREIGN KEY (member_id, version) REFERENCES txn
) WITH (fillfactor = 70);
CREATE INDEX ON lot (member_id, expires_at, lot) WHERE open;
CREATE INDEX ON lot (expires_at) WHERE open;
CREATE INDEX ON lot (usable_from) WHERE open;
CREATE INDEX ON lot (member_id, expires_at) WHERE expired > 0;
CREATE INDEX ON lot (member_id) WHERE netted > 0;
CREATE TABLE allocation (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    n smallint NOT NULL,
    leg smallint NOT NULL,
    lot int NOT NULL,                              -- 0: debt
    d_pending bigint NOT NULL,
    d_available bigint NOT NULL,
    d_held bigint NOT NULL,
    d_debt bigint NOT NULL,
    CHECK ((lot = 0) = (d_debt <> 0)),
    PRIMARY KEY (member_id, version, n),
    FOREIGN KEY (member_id, version, leg) REFERENCES posting
);
CREATE TABLE hold (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,                       -- of the transaction that placed it: its name
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    connection_id text COLLATE "C" NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    lapses_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, version),
    FOREIGN KEY (member_id, version) REFERENCES txn
);
CREATE TABLE hold_extension (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    n int NOT NULL,
    lapses_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (member_id, version, n),
    FOREIGN KEY (member_id, version) REFERENCES hold
);
CREATE TABLE hold_end (
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    end_version bigint NOT NULL,
    how text NOT NULL CHECK (how IN ('captured', 'released', 'lapsed')),
    captured bigint NOT NULL,
    PRIMARY KEY (member_id, version),
    FOREIGN KEY (member_id, version) REFERENCES hold,
    FOREIGN KEY (member_id, end_version) REFERENCES txn (member_id, version)
);
CREATE TABLE quota (
    scope text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    "limit" bigint NOT NULL CHECK ("limit" >= 0),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0 AND used <= "limit"),
    PRIMARY KEY (scope, period)
);
CREATE TABLE quota_claim (
    scope text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL,
    claimant text COLLATE "C" NOT NULL,            -- connection/order or request
    n int NOT NULL,
    high_water bigint NOT NULL CHECK (high_water > 0),
    PRIMARY KEY (scope, period, claimant, n),
    FOREIGN KEY (scope, period) REFERENCES quota
);
CREATE TABLE request_key (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    answer json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

-- ── Orders ────────────────────────────────────────────────────────────────────────────────────
CREATE TABLE orders (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    order_ref text COLLATE "C" NOT NULL,
    revision int NOT NULL CHECK (revision > 0),
    clock timestamptz NOT NULL,                    -- the vendor's, of the newest state
    read_at timestamptz,                           -- start of our read, where it was read
    digest bytea NOT NULL,
    placed_at timestamptz NOT NULL,
    customer_id text COLLATE "C",                  -- the vendor's
    member_id text COLLATE "C" REFERENCES member,
    same_connection text COLLATE "C",              -- same_as: this sale is counted there
    same_ref text COLLATE "C",
    program_id text COLLATE "C",                   -- frozen at the first evaluation
    program_version int,
    facts json,
    document json NOT NULL,                        -- the restated order
    PRIMARY KEY (connection_id, order_ref)
) WITH (fillfactor = 80);
CREATE INDEX ON orders (connection_id, customer_id) WHERE member_id IS NULL;
CREATE INDEX ON orders (member_id);
CREATE TABLE order_revision (
    connection_id text COLLATE "C" NOT NULL,
    order_ref text COLLATE "C" NOT NULL,
    revision int NOT NULL,
    clock timestamptz NOT NULL,
    delivery_key text,
    recorded_at timestamptz NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (connection_id, order_ref, revision),
    FOREIGN KEY (connection_id, order_ref) REFERENCES orders DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE order_key (                           -- the natural key of a sale at a till
    connection_id text COLLATE "C" NOT NULL,
    store text COLLATE "C" NOT NULL,
    till text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    settlement_count int NOT NULL,
    receipt_number text COLLATE "C" NOT NULL,
    order_ref text COLLATE "C" NOT NULL,
    PRIMARY KEY (connection_id, store, till, business_date, settlement_count, receipt_number)
);
CREATE TABLE same_as (
    connection_id text COLLATE "C" NOT NULL,
    order_ref text COLLATE "C" NOT NULL,
    other_connection text COLLATE "C" NOT NULL,
    other_ref text COLLATE "C" NOT NULL,
    evidence text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, order_ref)
);
CREATE TABLE settled (
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    connection_id text COLLATE "C" NOT NULL,
    order_ref text COLLATE "C" NOT NULL,
    earned bigint NOT NULL CHECK (earned >= 0),
    redeemed bigint NOT NULL CHECK (redeemed >= 0),
    lots json NOT NULL,                            -- lots it made
    used json NOT NULL,                            -- stack of [lot, amount] it used; lot 0 is debt
    PRIMARY KEY (member_id, connection_id, order_ref)
) WITH (fillfactor = 80);

-- ── Intake, mirror, feed ──────────────────────────────────────────────────────────────────────
CREATE TABLE delivery (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    delivery_key text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL,
    headers bytea NOT NULL,                        -- sealed, with the body: personal data
    body bytea NOT NULL,
    state text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'done', 'ignored', 'dead')),
    reason text,
    tries int NOT NULL DEFAULT 0,
    due timestamptz NOT NULL,
    owner text,
    PRIMARY KEY (connection_id, delivery_key)
) WITH (fillfactor = 80);
CREATE INDEX ON delivery (due) WHERE state = 'new';
CREATE INDEX ON delivery (connection_id) WHERE state = 'dead';
CREATE INDEX ON delivery (connection_id, received_at);
CREATE TABLE changed_object (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    kind text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    changed_at timestamptz NOT NULL,
    due timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0,
    dead bool NOT NULL DEFAULT false,
    last_error text,
    owner text,
    leased_until timestamptz,
    PRIMARY KEY (connection_id, kind, object_id)
);
CREATE INDEX ON changed_object (due) WHERE NOT dead;
CREATE TABLE mirror (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    member_id text COLLATE "C" NOT NULL REFERENCES member,
    external_id text COLLATE "C",                  -- null: to be created at the vendor
    wanted_version bigint NOT NULL,
    written_version bigint NOT NULL DEFAULT -1,
    written_points bigint,
    written_at timestamptz,
    seen_points bigint,
    seen_at timestamptz,
    next_change_at timestamptz,                    -- when time alone changes the balance
    due timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0,
    parked bool NOT NULL DEFAULT false,
    last_error text,
    intent json,                                   -- write-ahead of a delta write
    owner text,
    leased_until timestamptz,
    PRIMARY KEY (connection_id, member_id)
) WITH (fillfactor = 70);
CREATE INDEX ON mirror (due) WHERE NOT parked AND written_version < wanted_version;
CREATE INDEX ON mirror (next_change_at) WHERE NOT parked;
CREATE TABLE feed_head (
    lane int PRIMARY KEY,
    seq bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE feed (
    lane int NOT NULL,
    feed_seq bigint NOT NULL,
    kind text NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (lane, feed_seq)
);
CREATE TABLE alert (
    alert_id text COLLATE "C" PRIMARY KEY,
    kind text NOT NULL,
    member_id text COLLATE "C",
    connection_id text COLLATE "C",
    order_ref text COLLATE "C",
    message text NOT NULL,
    raised_at timestamptz NOT NULL,
    closed_at timestamptz
);
INSERT INTO feed_head (lane, seq) VALUES (0, 0);

-- ── Nothing posted is ever changed ────────────────────────────────────────────────────────────
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: what is posted is never changed; book a reversal',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['program_version', 'txn', 'chain', 'txn_note', 'posting', 'allocation', 'hold',
                                'hold_extension', 'hold_end', 'quota_claim', 'request_key', 'order_revision',
                                'same_as', 'feed'] LOOP
        EXECUTE format('CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER frozen', name);
    END LOOP;
END $$;
CREATE TRIGGER frozen BEFORE UPDATE OF member_id, lot, version, origin, connection_id, order_ref, parent_lot,
        granted, granted_at, grant_year, net_base, yen_value, company_id, store, usable_from, expires_at
    OR DELETE OR TRUNCATE ON lot FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE lot ENABLE ALWAYS TRIGGER frozen;
CREATE TRIGGER frozen BEFORE UPDATE OF connection_id, delivery_key, received_at, headers, body OR TRUNCATE
    ON delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE delivery ENABLE ALWAYS TRIGGER frozen;

