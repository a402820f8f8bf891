"""Merging, quotas, sliding and limited points, refunds apart from their order, look-alikes."""

from alembic import op

from renkei.errors import ConfigInvalid
from renkei.storage.migrations.scripts import has_running_role, never_down, run_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what the complete ledger keeps.

    What is posted is never rewritten, and a transaction's hash covers more than it did: books that
    were kept by a preview of the hub cannot be carried on. Raises ConfigInvalid.
    """
    if op.get_bind().exec_driver_sql("SELECT 1 FROM txn LIMIT 1").first():
        raise ConfigInvalid(
            "this database holds transactions of a preview of the hub, whose hash chain cannot be "
            "carried on; start with an empty database"
        )
    run_file("0002_complete_ledger.sql")
    if has_running_role():
        run_file("0002_roles.sql")


downgrade = never_down
