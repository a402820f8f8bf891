"""A campaign's limit can be raised by a later version of its program."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The running hub may raise a quota's limit."""
    found = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = 'renkei_app'")
    if found.first():
        op.execute('GRANT UPDATE ("limit") ON quota TO renkei_app')


def downgrade() -> None:
    """A ledger is never taken down by a command."""
    raise NotImplementedError("restore a backup instead")
