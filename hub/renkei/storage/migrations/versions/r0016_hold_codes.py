"""Codes that stand for holds in a vendor's shop."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0016"
down_revision = "0015"

RIGHTS = """
GRANT SELECT, INSERT ON hold_code TO renkei_app;
GRANT UPDATE (state, due, tries, owner, leased_until, last_error) ON hold_code TO renkei_app"""


def upgrade() -> None:
    """One table; what a code stands for never changes, how far it is at the vendor does."""
    run_file("0016_hold_codes.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
