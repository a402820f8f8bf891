"""What the hub had told a vendor that shows something else: by so much it was changed there."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0022"
down_revision = "0021d"

WRITTEN = "ALTER TABLE drift ADD written bigint"


def upgrade() -> None:
    """One column; the next comparison fills it."""
    run(WRITTEN)


downgrade = never_down
