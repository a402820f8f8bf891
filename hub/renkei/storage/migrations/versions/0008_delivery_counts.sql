-- How many deliveries a connection's vendor sent in a minute, and how many of them were genuine. Kept
-- for some days: what is usual is learned from it. Of a refused delivery nothing else is stored.
CREATE TABLE delivery_count (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    minute timestamptz NOT NULL,                   -- its beginning
    accepted bigint NOT NULL CHECK (accepted >= 0),
    refused bigint NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (connection_id, minute)
) WITH (fillfactor = 80);

CREATE INDEX alert_standing ON alert (kind, closed_at);
