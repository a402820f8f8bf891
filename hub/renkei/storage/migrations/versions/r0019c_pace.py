"""How far a connection's turns at its vendor are taken."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0019c"
down_revision = "0019b"

PACE = """
CREATE TABLE pace (                                -- calls to a vendor, by all processes together
    connection_id text COLLATE "C" PRIMARY KEY REFERENCES connection,
    free_at timestamptz NOT NULL                   -- when the next turn is free
) WITH (fillfactor = 50)"""

RIGHTS = "GRANT SELECT, INSERT, UPDATE ON pace TO renkei_app"


def upgrade() -> None:
    """One row for each connection whose plugin keeps a pace."""
    run(PACE)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
