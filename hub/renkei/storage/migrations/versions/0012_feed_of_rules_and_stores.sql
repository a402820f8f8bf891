-- Rules and stores are told of by the same feed as balances, whoever writes them.
CREATE FUNCTION tell_of(kind text, object_id text) RETURNS void
LANGUAGE sql AS $$
    WITH h AS (UPDATE feed_head SET seq = seq + 1 WHERE lane = 0 RETURNING seq)
    INSERT INTO feed (lane, feed_seq, kind, object_id, version) SELECT 0, h.seq, kind, object_id, 0 FROM h
$$;
CREATE FUNCTION tell_of_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_of('rule', NEW.program_id);
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_store() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_of('store', NEW.connection_id || '/' || NEW.store);
    RETURN NULL;
END $$;
CREATE FUNCTION tell_of_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_of('member', NEW.member_id);
    RETURN NULL;
END $$;
CREATE TRIGGER told AFTER INSERT ON program_version FOR EACH ROW EXECUTE FUNCTION tell_of_rule();
CREATE TRIGGER told AFTER INSERT ON store_setting FOR EACH ROW EXECUTE FUNCTION tell_of_store();
CREATE TRIGGER told AFTER UPDATE OF state ON member_profile FOR EACH ROW EXECUTE FUNCTION tell_of_member();
-- A snapshot pages through members and coupons by their keys.
CREATE INDEX ON coupon (member_id, code);
