"""Z-reports of tills, and a store's day found by index."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0015"
down_revision = "0013"


def upgrade() -> None:
    """One table, three indexes."""
    run_file("0015_z_reports.sql")
    if has_running_role():
        run("GRANT SELECT, INSERT ON z_report TO renkei_app")


downgrade = never_down
