"""A process that is told to end while it starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from renkei.storage.schema import alone

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
PATIENCE = 20

IN_LINE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def upgrading(empty: str) -> Iterator[Connection]:
    """A database that another process is bringing to the newest schema, for as long."""
    with alone(empty) as conn:
        yield conn


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("connections",)])
def test_it_ends_at_once_whatever_it_waits_for(
    empty: str,
    upgrading: Connection,
    tmp_path: Path,
    eventually: Callable[..., None],
    number: signal.Signals,
    command: tuple[str, ...],
) -> None:
    database = {"RENKEI_DATABASE_URL": empty, "RENKEI_SECRET_KEY": KEY}
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
