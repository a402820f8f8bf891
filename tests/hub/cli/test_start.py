"""A process that is told to end while it starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.schema import MIGRATION_LOCK

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PATIENCE = 20
DATABASE = "upgraded_elsewhere"

IN_LINE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@contextmanager
def _open(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


@pytest.fixture
def upgrading(server: EmbeddedServer) -> Iterator[Connection]:
    """A database that another process is bringing to the newest schema, for as long."""
    with _open(server.url()) as outside:
        outside.execute(text(f"CREATE DATABASE {DATABASE}"))
        with _open(server.url(database=DATABASE)) as conn:
            conn.execute(text("SELECT pg_advisory_lock(:id)"), {"id": MIGRATION_LOCK})
            yield conn
        outside.execute(text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("connections",)])
def test_it_ends_at_once_whatever_it_waits_for(
    server: EmbeddedServer,
    upgrading: Connection,
    tmp_path: Path,
    eventually: Callable[..., None],
    number: signal.Signals,
    command: tuple[str, ...],
) -> None:
    database = {"RENKEI_DATABASE_URL": server.url(database=DATABASE), "RENKEI_SECRET_KEY": KEY}
    settings = {**os.environ, **database, "RENKEI_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "renkei", *command], env=settings, cwd=tmp_path
    ) as process:
        eventually(lambda: upgrading.execute(text(IN_LINE)).scalar_one(), within=60)
        process.send_signal(number)
        try:
            assert process.wait(PATIENCE) == 128 + number
        finally:
            process.kill()
