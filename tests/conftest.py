"""What every test may use: a real PostgreSQL, a fresh database, the clock, an open hub."""

import importlib.util
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

assert importlib.util.find_spec("httpx2") is None, "httpx2 makes authlib bypass the HTTP mocks"

HUB_IS_HERE = importlib.util.find_spec("renkei") is not None

if HUB_IS_HERE:
    import structlog
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    from renkei.storage import embedded
    from renkei.storage.engine import APP_ROLE, Database, open_database
    from renkei.storage.schema import migrate, set_app_password

TEMPLATE = "renkei_template"

QUICK = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=200",
]
"""Nothing of these tests outlives a crash of the machine."""


MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes that the servers of several workers may fill."""


@pytest.fixture(scope="session")
def quick_place() -> str:
    """In memory where that has room: making a database is making a thousand files."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return str(MEMORY) if roomy else "/tmp"


@pytest.fixture(scope="session")
def short_dir(quick_place: str) -> Iterator[Path]:
    """A folder every user can reach, short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="rk-", dir=quick_place))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def server(short_dir: Path) -> Iterator["embedded.EmbeddedServer"]:
    """This worker's own PostgreSQL with a migrated template database."""
    home = short_dir / "pg"
    started = embedded.start(home, QUICK)
    _owner_sql(started, f"CREATE DATABASE {TEMPLATE}")
    migrate(started.url(database=TEMPLATE))
    password = uuid4().hex
    set_app_password(started.url(database=TEMPLATE), password)
    embedded.remember_password(home, APP_ROLE, password)
    yield started
    embedded.leave(home)


def _owner_sql(started: "embedded.EmbeddedServer", statement: str) -> None:
    from sqlalchemy import create_engine

    engine = create_engine(started.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(statement))
    engine.dispose()


@pytest.fixture
def database_name(server: "embedded.EmbeddedServer") -> Iterator[str]:
    """A fresh database with the newest schema, dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    # A copy of its files costs a sixth of a copy by way of the log.
    _owner_sql(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield name
    _owner_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty(server: "embedded.EmbeddedServer") -> Iterator[str]:
    """The address, as its owner, of a database with nothing in it, dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    _owner_sql(server, f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
    yield server.url(database=name)
    _owner_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(
    server: "embedded.EmbeddedServer", database_name: str
) -> "AsyncIterator[Database]":
    """The fresh database as the running hub sees it."""
    opened = open_database(server.url(APP_ROLE, database_name))
    yield opened
    await opened.close()


@pytest.fixture
async def owner_engine(
    server: "embedded.EmbeddedServer", database_name: str
) -> AsyncIterator[object]:
    """The fresh database as its owner: for looking behind the hub's back."""
    engine = create_async_engine(server.url(database=database_name))
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test configures is no other's: a logger used meanwhile would keep it for good."""
    if not HUB_IS_HERE:
        yield
        return
    configure = structlog.configure

    def uncached(**how: Any) -> None:
        configure(**how | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", uncached)
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _no_proxy_and_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see neither the machine's proxies nor its RENKEI_ settings."""
    for name in list(os.environ):
        if name.startswith("RENKEI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
