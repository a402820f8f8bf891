"""What every batch looks for is found by an index, however large its table grows."""

from alembic import op

from renkei.storage.migrations.scripts import never_down

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """What is posted for an order, whoever it was posted to; a member's mirrors in all channels."""
    op.create_index("settled_by_order", "settled", ["connection_id", "order_ref"])
    op.create_index("mirror_by_member", "mirror", ["member_id"])


downgrade = never_down
