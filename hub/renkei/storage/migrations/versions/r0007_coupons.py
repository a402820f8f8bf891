"""Coupons with every change of one, and what an order earned of which point type."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0007"
down_revision = "0006"

RIGHTS = """
GRANT SELECT, INSERT ON coupon, coupon_move TO renkei_app;
GRANT UPDATE (typed) ON settled TO renkei_app"""


def upgrade() -> None:
    """Two tables to which rows are only ever added, and a column of what is settled."""
    run_file("0007_coupons.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
