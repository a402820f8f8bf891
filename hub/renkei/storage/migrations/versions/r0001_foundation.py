"""The foundation: every table whose later change would be a rewrite."""

from pathlib import Path

from alembic import op

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
    here = Path(__file__).parent
    _run((here / "0001_foundation.sql").read_text(encoding="utf-8"))
    _run(CREATE_ROLE)
    found = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = 'renkei_app'")
    if found.first():
        _run((here / "0001_roles.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """A ledger is never taken down by a command."""
    raise NotImplementedError("restore a backup instead")


def _run(script: str) -> None:
    """Send a whole script as it is: SQLAlchemy's text() would read its colons as parameters."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(script)
