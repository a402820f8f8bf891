"""What was given up is found by its key, so that all of it can be gone through part by part."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0021d"
down_revision = "0021c"

BY_KEY = """
DROP INDEX delivery_connection_id_idx;
DROP INDEX changed_object_dead;
DROP INDEX mirror_parked;
DROP INDEX hold_code_failed;
CREATE INDEX delivery_dead ON delivery (connection_id, delivery_key) WHERE state = 'dead';
CREATE INDEX changed_object_dead ON changed_object (connection_id, kind, object_id) WHERE dead;
CREATE INDEX mirror_parked ON mirror (connection_id, member_id) WHERE parked;
CREATE INDEX hold_code_failed ON hold_code (connection_id, member_id, version)
    WHERE state = 'failed';"""


def upgrade() -> None:
    """Four indexes of the few that wait for a person."""
    run(BY_KEY)


downgrade = never_down
