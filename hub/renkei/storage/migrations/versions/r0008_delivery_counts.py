"""Deliveries counted by connection and minute, so that an unusual share or silence is seen."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0008"
down_revision = "0007"

RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_count TO renkei_app"


def upgrade() -> None:
    """A table that is no ledger: its rows are added up and forgotten after some days."""
    run_file("0008_delivery_counts.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
