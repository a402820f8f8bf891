-- What tills counted at their settlements, each as it came, with what it was answered.
CREATE TABLE z_report (
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    store text COLLATE "C" NOT NULL,
    till text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    settlement_count int NOT NULL,
    revision int NOT NULL CHECK (revision > 0),
    digest bytea NOT NULL,
    report json NOT NULL,
    answer json NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, store, business_date, till, settlement_count, revision)
);
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON z_report
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE z_report ENABLE ALWAYS TRIGGER frozen;
-- A store's day is found without looking at its other days.
CREATE INDEX ON order_key (connection_id, store, business_date);
CREATE INDEX refund_of_a_day ON refund
    (connection_id, split_part(refund_ref, '|', 2), split_part(refund_ref, '|', 4));
CREATE INDEX void_of_a_day ON refund
    (connection_id, split_part(order_ref, '|', 2), split_part(order_ref, '|', 4))
    WHERE refund_ref = connection_id || '/void';
