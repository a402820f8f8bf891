"""How often the worker of a call at a vendor was lost with it: objects, balances, polls, codes."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0021c"
down_revision = "0021b"

LOST = """
-- As of deliveries: claims without an end by workers that another has had to take it from.
ALTER TABLE changed_object ADD lost int NOT NULL DEFAULT 0;
ALTER TABLE mirror ADD lost int NOT NULL DEFAULT 0;
ALTER TABLE poll ADD lost int NOT NULL DEFAULT 0;
ALTER TABLE hold_code ADD lost int NOT NULL DEFAULT 0;
CREATE INDEX changed_object_lost ON changed_object (connection_id, due)
    WHERE NOT dead AND lost > 0;
CREATE INDEX mirror_lost ON mirror (connection_id, due) WHERE NOT parked AND lost > 0;
CREATE INDEX hold_code_lost ON hold_code (connection_id, due)
    WHERE state IN ('wanted', 'unwanted') AND lost > 0;"""

RIGHTS = "GRANT UPDATE (lost) ON hold_code TO renkei_app"


def upgrade() -> None:
    """Four columns, and three indexes that are as good as empty."""
    run(LOST)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
