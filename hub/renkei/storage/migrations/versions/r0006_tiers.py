"""Tiers: what is still sold of each order, birthdays without a year, tiers that were reached."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0006"
down_revision = "0005"

RIGHTS = """
GRANT SELECT, INSERT ON tier_reached, tier_due TO renkei_app;
GRANT UPDATE, DELETE ON tier_due TO renkei_app;
GRANT UPDATE (spent) ON orders TO renkei_app;
GRANT UPDATE (birthday) ON member_profile TO renkei_app;
"""


def upgrade() -> None:
    """Add what tiers need; orders that are there already count, too."""
    run_file("0006_tiers.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
