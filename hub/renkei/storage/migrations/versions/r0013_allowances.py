"""Allowances: what a till may let a member use while it is offline, and each use of one."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0013"
down_revision = "0012"

RIGHTS = "GRANT SELECT, INSERT ON allowance, allowance_use TO renkei_app"


def upgrade() -> None:
    """Two tables to which rows are only ever added."""
    run_file("0013_allowances.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
