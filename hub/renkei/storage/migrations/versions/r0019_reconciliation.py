"""What comparing the books with each vendor found: the runs, and where the two differ."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run

revision = "0019"
down_revision = "0018b"

TABLES = """
CREATE TABLE reconciliation (                      -- one comparison of a connection
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    began_at timestamptz NOT NULL,
    finished_at timestamptz,                       -- null: under way
    orders bigint NOT NULL DEFAULT 0,              -- with points booked for them
    listed bigint NOT NULL DEFAULT 0,              -- that the vendor told of
    members bigint NOT NULL DEFAULT 0,             -- whose balance was compared
    moving bigint NOT NULL DEFAULT 0,              -- whose balance was on its way just then
    explained bigint NOT NULL DEFAULT 0,           -- points
    unexplained bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (connection_id, began_at)
);
CREATE TABLE drift (                               -- what the newest comparison found
    connection_id text COLLATE "C" NOT NULL REFERENCES connection,
    what text COLLATE "C" NOT NULL CHECK (what IN ('member', 'order')),
    subject text COLLATE "C" NOT NULL,             -- a member id, or the vendor's order id
    kind text NOT NULL CHECK (kind IN ('missing', 'stale', 'changed_elsewhere', 'unbacked')),
    hub bigint NOT NULL,                           -- points by the books
    vendor bigint,                                 -- at the vendor; of an order: by its settlement
    since timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (connection_id, what, subject)
);"""

RIGHTS = "GRANT SELECT, INSERT, UPDATE, DELETE ON reconciliation, drift TO renkei_app"


def upgrade() -> None:
    """Two tables; both can be made again by comparing."""
    run(TABLES)
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
