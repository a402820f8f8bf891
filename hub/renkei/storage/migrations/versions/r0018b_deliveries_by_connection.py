"""What waits at one connection is found without reading what waits at the others."""

from alembic import op

from renkei.storage.migrations.scripts import never_down

revision = "0018b"
down_revision = "0018"


def upgrade() -> None:
    """By connection and time in place of time alone: one shop's flood delays no other's claim."""
    op.execute("DROP INDEX delivery_due_idx")
    op.execute("CREATE INDEX delivery_waiting ON delivery (connection_id, due) WHERE state = 'new'")


downgrade = never_down
