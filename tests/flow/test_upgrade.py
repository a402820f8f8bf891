"""A database of an older Renkei is brought to the newest schema with everything that is in it."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from flow_ground import KEY, Ground, worker
from psycopg.errors import ProgrammingError as DriversError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ProgrammingError

from renkei.bootstrap import open_hub
from renkei.cli.demo_watch import watch
from renkei.config import Settings
from renkei.errors import Busy
from renkei.ledger.verify import verify_database
from renkei.registry import Registry
from renkei.storage import schema
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei.storage.schema import MIGRATION_LOCK, current, migrate, newest
from told_cart import VENDOR

OLDER = Path(__file__).parent / "older"
REVISION = "0016"
PATIENCE = 60

MIGRATE = "import sys; from renkei.storage.schema import migrate; migrate(sys.argv[1])"

TABLES = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"""

SHAPE = """
SELECT CAST((table_name, column_name, data_type, is_nullable, column_default) AS text)
FROM information_schema.columns WHERE table_schema = 'public'
UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION SELECT CAST((conrelid::regclass, conname, pg_get_constraintdef(oid)) AS text)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION SELECT CAST((oid::regclass, relacl) AS text)
FROM pg_class WHERE relnamespace = 'public'::regnamespace"""

WAITS = """
SELECT (SELECT count(*) FROM delivery WHERE state = 'new')
     + (SELECT count(*) FROM mirror WHERE written_version < wanted_version)
     + (SELECT count(*) FROM hold LEFT JOIN hold_end USING (member_id, version)
        WHERE hold_end.how IS NULL)"""

WAITING_SINCE = """
SELECT wanted_since = due FROM mirror WHERE written_version < wanted_version"""

IN_LINE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

IN_LINE_FOR_LONG = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND clock_timestamp() - waitstart > interval '1.5 s'"""

TABLES_IN_LINE = "SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted"

POINTS = "SELECT connection_id, order_ref, earned, redeemed FROM settled"

REFUSED = (ProgrammingError, DriversError)
"""What is to be made is there already, or what is to be dropped is not."""

Points = dict[tuple[str, str], tuple[int, int]]
Rows = dict[str, list[dict[str, Any]]]

WHEN_IT_STOPPED: Points = {
    ("cart", "o0"): (100, 0),
    ("cart", "o1"): (200, 0),
    ("cart", "o2"): (300, 0),
    ("cart", "o3"): (50, 0),
    ("cart", "o4"): (0, 0),  # cancelled
    ("pos", "|shibuya|1|2026-11-01|0|7"): (9, 50),
    ("pos", "|shibuya|1|2026-11-01|0|8"): (10, 0),
}

ONCE_ALL_IS_READ: Points = WHEN_IT_STOPPED | {
    ("cart", "o1"): (400, 0),  # restated
    ("cart", "o2"): (0, 0),  # cancelled
    ("cart", "o5"): (600, 0),  # of a customer who was not known
    ("cart", "o6"): (10, 0),
}


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """One database transaction of the owner's."""
    engine = create_engine(url)
    try:
        with engine.begin() as conn:
            yield conn
    finally:
        engine.dispose()


@contextmanager
def writing(url: str) -> Iterator[Connection]:
    """A transaction that waits for locks so long that others find out about a deadlock first."""
    with opened(url) as conn:
        conn.execute(text("SET LOCAL deadlock_timeout = '60s'"))
        yield conn


async def in_line(conn: Connection, looked: str, count: int = 1) -> None:
    """Until so many stand in line for a lock."""

    async def waiting() -> int:
        return int(conn.execute(text(looked)).scalar_one())

    assert (await watch(waiting, count, PATIENCE)).shown == count


def alembic(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("renkei.storage.migrations")))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = conn
    return config


def upgrade(url: str, revision: str) -> None:
    with opened(url) as conn:
        command.upgrade(alembic(conn), revision)


def run(conn: Connection, script: str) -> None:
    driver = conn.connection.driver_connection
    assert driver is not None
    driver.execute(script)


@pytest.fixture
def empty(server: EmbeddedServer) -> Iterator[str]:
    """The name of a database in which nothing is."""
    name, outside = f"older_{uuid4().hex[:12]}", create_engine(server.url())
    outside = outside.execution_options(isolation_level="AUTOCOMMIT")
    with outside.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    yield name
    with outside.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    outside.dispose()


@pytest.fixture
def older(server: EmbeddedServer, empty: str) -> str:
    """The owner's address of a database as an older hub left it."""
    url = server.url(database=empty)
    upgrade(url, REVISION)
    with opened(url) as conn:
        run(conn, (OLDER / f"{REVISION}.sql").read_text(encoding="utf-8"))
    return url


@asynccontextmanager
async def ground(owner: str, app: str, folder: Path) -> AsyncIterator[Ground]:
    """The hub on that database, as it starts after the program was replaced."""
    settings = Settings(data_dir=folder, database_url=app, migration_url=owner, secret_key=KEY)
    async with open_hub(settings, registry=Registry({VENDOR.name: VENDOR})) as hub:
        yield Ground(hub, {}, folder)


def rows(url: str) -> Rows:
    with opened(url) as conn:
        tables = conn.execute(text(TABLES)).scalars().all()
        return {
            name: list(conn.execute(text(f"SELECT to_jsonb(t) FROM {name} t")).scalars())
            for name in tables
        }


def points(url: str) -> Points:
    with opened(url) as conn:
        return {(row[0], row[1]): (row[2], row[3]) for row in conn.execute(text(POINTS))}


def shape(url: str) -> frozenset[str]:
    with opened(url) as conn:
        return frozenset(conn.execute(text(SHAPE)).scalars())


def alike(some: list[dict[str, Any]], columns: set[str]) -> Counter[bytes]:
    return Counter(orjson.dumps({key: row[key] for key in sorted(columns)}) for row in some)


def test_every_row_of_an_older_database_is_there_after_it_is_brought_to_the_newest(
    older: str,
) -> None:
    before = rows(older)
    assert points(older) == WHEN_IT_STOPPED
    migrate(older)
    after = rows(older)
    for table, some in before.items():
        columns = set(some[0]) if some else set()
        assert alike(after[table], columns) == alike(some, columns), table
    with opened(older) as conn:
        assert current(conn) == newest()
        assert conn.execute(text(WAITING_SINCE)).scalars().all() == [True]


async def test_a_hub_on_an_older_database_verifies_it_and_works_off_what_waited(
    server: EmbeddedServer, older: str, empty: str, tmp_path: Path
) -> None:
    async with ground(older, server.url(APP_ROLE, empty), tmp_path) as there:
        assert (await verify_database(there.hub.database.engine)).findings == ()
        async with worker(there):
            await nothing_waits(there)
        assert (await verify_database(there.hub.database.engine)).findings == ()
    assert points(older) == ONCE_ALL_IS_READ


async def nothing_waits(there: Ground) -> None:
    async def look() -> int:
        async with there.hub.database.begin() as conn:
            return int((await conn.execute(text(WAITS))).scalar_one())

    assert (await watch(look, 0, PATIENCE)).shown == 0


async def test_processes_that_start_at_once_migrate_once(older: str) -> None:
    command_line = (sys.executable, "-c", MIGRATE, older)
    with opened(older) as conn:  # as if one were at it until all have come
        conn.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATION_LOCK})
        started = [await asyncio.create_subprocess_exec(*command_line) for _ in range(3)]
        await in_line(conn, IN_LINE, 3)
    assert [await process.wait() for process in started] == [0, 0, 0]
    with opened(older) as conn:
        assert current(conn) == newest()
    assert points(older) == WHEN_IT_STOPPED


async def test_who_writes_meanwhile_and_who_migrates_do_not_end_each_other(older: str) -> None:
    """A sale holds a table that is changed late, and wants one that is changed early."""
    with writing(older) as sale:
        sale.execute(text("UPDATE delivery SET tries = tries"))
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, older)
        await in_line(sale, TABLES_IN_LINE)
        sale.execute(text("UPDATE mirror SET tries = tries"))
    assert await process.wait() == 0
    with opened(older) as conn:
        assert current(conn) == newest()


async def test_tables_that_are_not_let_go_hold_up_nobody_for_long(
    older: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as by a dump of hours."""
    monkeypatch.setattr(schema, "TRIES", 2)
    with writing(older) as dump:
        dump.execute(text("LOCK TABLE mirror IN ACCESS SHARE MODE"))
        with pytest.raises(Busy, match="while somebody holds its tables"):
            await asyncio.to_thread(migrate, older)
    migrate(older)
    assert points(older) == WHEN_IT_STOPPED


async def test_a_limit_on_statements_does_not_end_who_waits_for_another_that_migrates(
    older: str,
) -> None:
    with opened(older) as conn:
        name = conn.engine.url.database
        conn.execute(text(f"ALTER DATABASE {name} SET statement_timeout = '1s'"))
    with opened(older) as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATION_LOCK})
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, older)
        await in_line(conn, IN_LINE_FOR_LONG)
    assert await process.wait() == 0


def test_a_migration_that_comes_a_second_time_changes_nothing(
    server: EmbeddedServer, empty: str
) -> None:
    """Known as done it does not run; where the database has forgotten, it is taken back whole."""
    url = server.url(database=empty)
    with opened(url) as conn:
        every = list(ScriptDirectory.from_config(alembic(conn)).walk_revisions())
    for one in reversed(every):
        upgrade(url, one.revision)
        made = shape(url)
        upgrade(url, one.revision)
        assert shape(url) == made
        if isinstance(one.down_revision, str):
            with suppress(*REFUSED):
                run_anew(url, one.revision, one.down_revision)
            assert shape(url) == made


def run_anew(url: str, revision: str, before: str) -> None:
    with opened(url) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": before})
        command.upgrade(alembic(conn), revision)
