"""Bringing a database to the newest schema, as its owner; and saying how far it is."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from renkei.errors import ConfigInvalid
from renkei.storage.migrations.versions.r0001_foundation import CREATE_ROLE

__all__ = [
    "CREATE_ROLE",
    "MIGRATION_LOCK",
    "OF_A_NEWER",
    "current",
    "knows",
    "migrate",
    "newest",
    "set_app_password",
]

MIGRATION_LOCK = 0x72656E6B6569
"""Advisory lock: of several processes that start at once, one migrates and the others wait."""

OF_A_NEWER = "a newer Renkei made it, so upgrade this one, or restore an older backup"
"""What to do where this code does not know the database's revision."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("renkei.storage.migrations")))
    config.set_main_option("path_separator", "newline")
    return config


def newest() -> str:
    """The revision this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def knows(revision: str) -> bool:
    """Whether this code can bring a database of that revision to the newest."""
    script = ScriptDirectory.from_config(_config())
    return revision in {one.revision for one in script.walk_revisions()}


def current(conn: Connection) -> str | None:
    """The revision the database has; None: no schema yet."""
    return MigrationContext.configure(conn).get_current_revision()


def migrate(owner_url: str) -> None:
    """Bring the database to the newest revision; does nothing when it is there already.

    Raises ConfigInvalid for a revision that only a newer Renkei knows.
    """
    engine = create_engine(owner_url, hide_parameters=True)
    try:
        with engine.begin() as conn:
            conn.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATION_LOCK})
            has = current(conn)
            if has is not None and not knows(has):
                raise ConfigInvalid(f"the database has revision {has}: {OF_A_NEWER}")
            if has != newest():
                config = _config()
                config.attributes["connection"] = conn
                command.upgrade(config, "head")
    finally:
        engine.dispose()


def set_app_password(owner_url: str, password: str) -> None:
    """Let the running role log in with this password (the embedded database's own role)."""
    from psycopg import sql

    engine = create_engine(owner_url, hide_parameters=True)
    try:
        with engine.begin() as conn:
            driver = conn.connection.driver_connection
            assert driver is not None
            driver.execute(
                sql.SQL("ALTER ROLE renkei_app LOGIN PASSWORD {}").format(sql.Literal(password))
            )
    finally:
        engine.dispose()
