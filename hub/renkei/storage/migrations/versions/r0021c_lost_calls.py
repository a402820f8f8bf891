"""How often the worker of a call at a vendor was lost with it: an object, a balance, a poll."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0021c"
down_revision = "0021b"

LOST = """
-- As of deliveries: claims without an end by workers that another has had to take it from.
ALTER TABLE changed_object ADD lost int NOT NULL DEFAULT 0;
ALTER TABLE mirror ADD lost int NOT NULL DEFAULT 0;
ALTER TABLE poll ADD lost int NOT NULL DEFAULT 0;
CREATE INDEX changed_object_lost ON changed_object (connection_id, due)
    WHERE NOT dead AND lost > 0;
CREATE INDEX mirror_lost ON mirror (connection_id, due) WHERE NOT parked AND lost > 0;"""


def upgrade() -> None:
    """Three columns, and two indexes that are as good as empty."""
    run(LOST)


downgrade = never_down
