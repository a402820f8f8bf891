"""What a person has dealt with: balances whose customer is gone, alerts and who closed them."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0024"
down_revision = "0023"

COLUMNS = """
ALTER TABLE mirror ADD dismissed boolean NOT NULL DEFAULT false;
ALTER TABLE alert ADD closed_by text;"""

RIGHTS = "GRANT UPDATE (closed_by) ON alert TO renkei_app"


def upgrade() -> None:
    """Two columns, which cost nothing however many rows there are."""
    run(COLUMNS)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
