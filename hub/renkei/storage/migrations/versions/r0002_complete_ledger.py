"""Merging, quotas, sliding and limited points, refunds apart from their order, look-alikes."""

from pathlib import Path

from alembic import op

from renkei.errors import ConfigInvalid

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
    here = Path(__file__).parent
    _run((here / "0002_complete_ledger.sql").read_text(encoding="utf-8"))
    found = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = 'renkei_app'")
    if found.first():
        _run((here / "0002_roles.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """A ledger is never taken down by a command."""
    raise NotImplementedError("restore a backup instead")


def _run(script: str) -> None:
    """Send a whole script as it is: SQLAlchemy's text() would read its colons as parameters."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(script)
