"""The foundation: every table whose later change would be a rewrite."""

from renkei.storage.migrations.scripts import has_running_role, never_down, run, run_file

revision = "0001"
down_revision = None

CREATE_ROLE = """
DO $$
BEGIN
    CREATE ROLE renkei_app NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;       -- another database of this cluster
    WHEN insufficient_privilege THEN
        RAISE WARNING 'role renkei_app is missing and may not be created: the hub runs as owner';
END $$
"""


def upgrade() -> None:
    """Create everything."""
    run_file("0001_foundation.sql")
    run(CREATE_ROLE)
    if has_running_role():
        run_file("0001_roles.sql")


downgrade = never_down
