"""Balances that a person has left for good: their customer is gone."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0024"
down_revision = "0023"

DISMISSED = "ALTER TABLE mirror ADD dismissed boolean NOT NULL DEFAULT false"


def upgrade() -> None:
    """One column, which costs nothing however many rows there are."""
    run(DISMISSED)


downgrade = never_down
