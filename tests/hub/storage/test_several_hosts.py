"""A database behind several addresses, as with a standby: whichever takes writes is used."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from renkei.config import Settings
from renkei.storage import embedded
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.embedded_folder import PORT
from renkei.storage.engine import APP_ROLE, open_database, require_reachable
from renkei.storage.schema import current, newest

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@asynccontextmanager
async def by_tcp(server: EmbeddedServer) -> AsyncIterator[str]:
    """An address that leads to the server, as an embedded one has none."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(server.socket_dir / f".s.PGSQL.{PORT}")
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as listener:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with closing(target):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def read_only(
    server: EmbeddedServer, database_name: str, short_dir: Path
) -> Iterator[EmbeddedServer]:
    """Another server with a database of that name, which takes no writes, as a standby."""
    home = short_dir / "standby"
    started = embedded.start(home, ["fsync=off", "default_transaction_read_only=on"])
    lines = server.passfile.read_text().splitlines()
    (password,) = (line.split(":")[4] for line in lines if line.split(":")[3] == APP_ROLE)
    with psycopg.connect(started.libpq_url(), autocommit=True) as conn:
        conn.execute("SET default_transaction_read_only = off")
        conn.execute(f"CREATE ROLE {APP_ROLE} LOGIN PASSWORD '{password}'")
        conn.execute(f"CREATE DATABASE {database_name}")
    yield started
    embedded.leave(home)


async def test_the_address_that_takes_writes_is_found(
    server: EmbeddedServer,
    read_only: EmbeddedServer,
    database_name: str,
    nobody: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async with by_tcp(read_only) as standby, by_tcp(server) as primary:
        hosts = "&".join(f"host={address}" for address in (nobody, standby, primary))
        url = f"postgresql://{APP_ROLE}@/{database_name}?{hosts}&target_session_attrs=read-write"
        monkeypatch.setenv("RENKEI_DATABASE_URL", f"{url}&passfile={quote(str(server.passfile))}")
        monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
        settings = Settings(data_dir=tmp_path)
        assert settings.database_url is not None
        database = open_database(settings.database_url.get_secret_value())
        await require_reachable(database)
        async with database.begin_batch() as conn:
            assert await conn.run_sync(current) == newest()
        await database.close()
