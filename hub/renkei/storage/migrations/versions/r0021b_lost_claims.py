"""How often a delivery's worker was lost while it had it: one that ends workers is found."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0021b"
down_revision = "0021"

LOST = """
-- Claims without an end by workers that another has had to take it from; none after each end.
ALTER TABLE delivery ADD lost int NOT NULL DEFAULT 0;
CREATE INDEX delivery_lost ON delivery (connection_id, due) WHERE state = 'new' AND lost > 0;"""

RIGHTS = "GRANT UPDATE (lost) ON delivery TO renkei_app"


def upgrade() -> None:
    """A column, and an index that is as good as empty."""
    run(LOST)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
