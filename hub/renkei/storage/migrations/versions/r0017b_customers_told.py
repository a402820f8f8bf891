"""What vendors told last of their customers."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0017b"
down_revision = "0017"

RIGHTS = """
GRANT SELECT, INSERT ON customer_told TO renkei_app;
GRANT UPDATE (member_id, revision, changed_at, names, contacts) ON customer_told TO renkei_app"""


def upgrade() -> None:
    """One table. Customers who are known already are told apart from their next change on."""
    run_file("0017b_customers_told.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
