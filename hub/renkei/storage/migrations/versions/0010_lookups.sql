-- Every look-up of a member by a terminal. The value is kept as a keyed digest only.
CREATE TABLE lookup (
    terminal_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    scheme text NOT NULL,
    blind bytea NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('found', 'none', 'several', 'refused')),
    member_id text COLLATE "C" REFERENCES member,
    CHECK ((outcome = 'found') = (member_id IS NOT NULL))
);
CREATE INDEX ON lookup (terminal_id, at);
CREATE INDEX ON lookup (member_id, at) WHERE member_id IS NOT NULL;
-- QR codes that were shown: each is accepted once.
CREATE TABLE qr_used (
    jti text COLLATE "C" PRIMARY KEY,
    used_at timestamptz NOT NULL
);
CREATE INDEX ON qr_used (used_at);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON lookup
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE lookup ENABLE ALWAYS TRIGGER frozen;
