"""A campaign's limit can be raised by a later version of its program."""

from alembic import op

from renkei.storage.migrations.scripts import has_running_role, never_down

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The running hub may raise a quota's limit."""
    if has_running_role():
        op.execute('GRANT UPDATE ("limit") ON quota TO renkei_app')


downgrade = never_down
