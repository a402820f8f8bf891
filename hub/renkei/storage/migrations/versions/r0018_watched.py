"""What is watched: how long a balance waits, which delivery told of an object, what is counted."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0018"
down_revision = "0017b"

WATCHED = """
-- Since when a balance waits to be shown: due moves with every try that fails, this does not.
ALTER TABLE mirror ADD wanted_since timestamptz;
UPDATE mirror SET wanted_since = due WHERE written_version < wanted_version;
-- The delivery that told of the object last, so that what is booked for it is told by the same.
ALTER TABLE changed_object ADD delivery_key text;
-- Counted for /metrics every few seconds, however large their tables grow.
CREATE INDEX mirror_parked ON mirror (connection_id) WHERE parked;
CREATE INDEX hold_code_failed ON hold_code (connection_id) WHERE state = 'failed';
CREATE INDEX changed_object_dead ON changed_object (connection_id) WHERE dead;"""


def upgrade() -> None:
    """Two columns and three indexes."""
    run(WATCHED)


downgrade = never_down
