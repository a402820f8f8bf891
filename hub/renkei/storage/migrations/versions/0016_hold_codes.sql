-- A code for one use that stands for a hold in a vendor's shop, and how far it is there.
CREATE TABLE hold_code (
    code text COLLATE "C" PRIMARY KEY,
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    member_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,                       -- with member_id: the hold's name
    for_member text COLLATE "C" NOT NULL,
    points bigint NOT NULL CHECK (points > 0),
    yen_per_point bigint NOT NULL CHECK (yen_per_point > 0),
    usable_until timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'wanted'
        CHECK (state IN ('wanted', 'issued', 'failed', 'used', 'unwanted', 'revoked')),
    due timestamptz NOT NULL,
    tries int NOT NULL DEFAULT 0,
    owner text,
    leased_until timestamptz,
    last_error text,
    UNIQUE (member_id, version),
    FOREIGN KEY (member_id, version) REFERENCES hold
);
CREATE INDEX ON hold_code (connection_id, due) WHERE state IN ('wanted', 'unwanted');
CREATE TRIGGER frozen BEFORE UPDATE OF code, connection_id, member_id, version, for_member, points,
        yen_per_point, usable_until, recorded_at
    OR DELETE OR TRUNCATE ON hold_code FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE hold_code ENABLE ALWAYS TRIGGER frozen;
