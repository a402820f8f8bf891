"""A member's lots that are in play are found without those that are over for good."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0020"
down_revision = "0019c"

INDEXES = """
DROP INDEX lot_member_id_expires_at_lot_idx;
DROP INDEX lot_member_id_expires_at_idx;
DROP INDEX lot_member_id_idx;
CREATE INDEX lot_in_play ON lot (member_id) WHERE open OR expired > 0 OR netted > 0;
-- Nothing is looked for by this.
DROP INDEX lot_usable_from_idx;
-- Time alone seldom changes what a channel shows.
DROP INDEX mirror_next_change_at_idx;
CREATE INDEX mirror_of_its_own ON mirror (next_change_at)
    WHERE next_change_at IS NOT NULL AND NOT parked;"""


def upgrade() -> None:
    """Two indexes in the place of five."""
    run(INDEXES)


downgrade = never_down
