"""Who looked whom up, and which QR codes were shown."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0010"
down_revision = "0008"

RIGHTS = """
GRANT SELECT, INSERT ON lookup TO renkei_app;
GRANT SELECT, INSERT, DELETE ON qr_used TO renkei_app"""


def upgrade() -> None:
    """Two tables."""
    run_file("0010_lookups.sql")
    if has_running_role():
        run(RIGHTS)


downgrade = never_down
