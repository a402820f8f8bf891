-- What a vendor told last of one of its customers: by it a change is told from what others say.
CREATE TABLE customer_told (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    external_id text COLLATE "C" NOT NULL,
    member_id text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL,               -- the vendor's clock
    names bytea NOT NULL,                          -- keyed digest
    contacts text[] NOT NULL,                      -- e-mail and telephone, as identities name them
    PRIMARY KEY (connection_id, external_id)
);
CREATE INDEX ON customer_told (member_id);
