"""How far reading has come: pages, objects, and the span of a back-fill."""

from alembic import op

from renkei.storage.migrations.scripts import never_down

revision = "0016b"
down_revision = "0016"

COLUMNS = """
ALTER TABLE poll
    ADD began timestamptz,   -- of a back-fill: where it began, and where it ends
    ADD ends timestamptz,
    ADD pages bigint NOT NULL DEFAULT 0,
    ADD items bigint NOT NULL DEFAULT 0,
    ADD CHECK ((began IS NULL) = (ends IS NULL))"""


def upgrade() -> None:
    """Four columns; polls that run are no back-fills."""
    op.execute(COLUMNS)


downgrade = never_down
