"""The feed tells of rules, stores and members, too."""

from renkei.storage.migrations.scripts import never_down, run_file

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    """Triggers on what is written outside the ledger's batches."""
    run_file("0012_feed_of_rules_and_stores.sql")


downgrade = never_down
