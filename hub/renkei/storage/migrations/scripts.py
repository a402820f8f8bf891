"""What the revisions share: running SQL scripts that stand beside them."""

from pathlib import Path

from alembic import op

VERSIONS = Path(__file__).parent / "versions"


def run_file(name: str) -> None:
    """Run a whole script of the versions folder."""
    run((VERSIONS / name).read_text(encoding="utf-8"))


def run(script: str) -> None:
    """Send a whole script as it is: SQLAlchemy's text() would read its colons as parameters."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(script)


def has_running_role() -> bool:
    """Whether there is a role for the running hub, to which rights can be given."""
    found = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = 'renkei_app'")
    return found.first() is not None


def never_down() -> None:
    """A ledger is never taken down by a command."""
    raise NotImplementedError("restore a backup instead")
