"""Bringing a database to the newest schema, as its owner; and saying how far it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError

from renkei.errors import Busy, ConfigInvalid
from renkei.storage.migrations.versions.r0001_foundation import CREATE_ROLE

__all__ = [
    "CREATE_ROLE",
    "MIGRATION_LOCK",
    "OF_A_NEWER",
    "alone",
    "current",
    "knows",
    "migrate",
    "newest",
    "set_app_password",
]

MIGRATION_LOCK = 0x72656E6B6569
"""Advisory lock: of several processes that start at once, one migrates and the others wait."""

NO_LIMIT = "SET LOCAL statement_timeout = 0"
"""What is right for a request is not for a large table, nor for waiting until another is done."""

SOON = "SET LOCAL lock_timeout = '2s'"
"""Who writes waits behind us while we wait for tables."""

TABLES = """
SELECT string_agg(format('%I.%I', schemaname, tablename), ', ' ORDER BY tablename) FROM pg_tables
WHERE schemaname = current_schema() AND pg_has_role(tableowner, 'USAGE')"""

IN_THE_WAY = ("40P01", "55P03")
"""A deadlock with somebody who writes, and tables that somebody does not let go."""

TRIES = 30
PAUSE = 1.0
"""Seconds between two tries, in which those who waited behind us go on."""

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

    Others may write meanwhile: they wait. Raises ConfigInvalid for a revision that only a newer
    Renkei knows, and Busy where somebody does not let the tables go.
    """
    engine = create_engine(owner_url, hide_parameters=True)
    try:
        for _ in range(TRIES):
            with engine.connect() as conn:
                if current(conn) == newest() or _upgraded(conn):
                    return
            time.sleep(PAUSE)
    finally:
        engine.dispose()
    raise Busy(
        "the database cannot be upgraded while somebody holds its tables (a dump, say, or a "
        "report): end that, and start again"
    )


@contextmanager
def alone(owner_url: str) -> Iterator[Connection]:
    """While the block runs, no other process makes or upgrades this database; it waits."""
    engine = create_engine(owner_url, isolation_level="AUTOCOMMIT", hide_parameters=True)
    try:
        with engine.connect() as conn:
            conn.execute(text("SELECT pg_advisory_lock(:id)"), {"id": MIGRATION_LOCK})
            yield conn
    finally:
        engine.dispose()


def _upgraded(conn: Connection) -> bool:
    """All of it or nothing; False where somebody was in the way."""
    conn.rollback()
    try:
        with conn.begin():
            conn.execute(text(NO_LIMIT))
            conn.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATION_LOCK})
            has = current(conn)
            if has is not None and not knows(has):
                raise ConfigInvalid(f"the database has revision {has}: {OF_A_NEWER}")
            if has != newest():
                _take_tables(conn)
                config = _config()
                config.attributes["connection"] = conn
                command.upgrade(config, "head")
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in IN_THE_WAY:
            raise
        return False
    return True


def _take_tables(conn: Connection) -> None:
    """All at once and before any work: one after the other, as the revisions come to them, would
    hold up who writes for longer, and end in a deadlock with them."""
    conn.execute(text(SOON))
    if tables := conn.execute(text(TABLES)).scalar_one():
        conn.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))


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
