"""Jobs that one process does for all, and what time ends, found by an index."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0019b"
down_revision = "0019"

JOB = """
CREATE TABLE job (                                 -- done by one process at a time
    job text COLLATE "C" PRIMARY KEY,
    owner text NOT NULL,
    leased_until timestamptz NOT NULL,
    epoch bigint NOT NULL                          -- how often it changed hands
);
CREATE INDEX hold_ends ON hold (lapses_at);
CREATE INDEX hold_extension_ends ON hold_extension (lapses_at);"""

RIGHTS = "GRANT SELECT, INSERT, UPDATE ON job TO renkei_app"


def upgrade() -> None:
    """A small table and two indexes."""
    run(JOB)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
