"""Bodies of old deliveries are emptied, never changed: found by an index, guarded by a trigger."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0021"
down_revision = "0020"

KEPT = """
CREATE INDEX delivery_kept ON delivery (received_at)
    WHERE state IN ('done', 'ignored') AND body <> '';
DROP TRIGGER frozen ON delivery;
CREATE TRIGGER frozen BEFORE UPDATE OF connection_id, delivery_key, received_at OR TRUNCATE
    ON delivery FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE delivery ENABLE ALWAYS TRIGGER frozen;
-- What waits or was given up is still to be read.
CREATE FUNCTION only_empty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.headers <> '' OR new.body <> '' OR old.state IN ('new', 'dead') THEN
        RAISE EXCEPTION '% of % is refused: settled bytes may be emptied, no more',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER emptied BEFORE UPDATE OF headers, body ON delivery
    FOR EACH ROW EXECUTE FUNCTION only_empty();
ALTER TABLE delivery ENABLE ALWAYS TRIGGER emptied;"""

RIGHTS = "GRANT UPDATE (headers, body) ON delivery TO renkei_app"


def upgrade() -> None:
    """An index, and a trigger that tells emptying from changing."""
    run(KEPT)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
