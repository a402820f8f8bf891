"""A database behind several addresses, as with a standby: whichever takes writes is used."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text

from renkei.config import Settings
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.embedded_folder import PORT
from renkei.storage.engine import APP_ROLE, open_database, require_reachable


@pytest.fixture
async def address(server: EmbeddedServer) -> AsyncIterator[int]:
    """A TCP port that leads to the server, as the embedded one has none."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(server.socket_dir / f".s.PGSQL.{PORT}")
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as listener:
        yield listener.sockets[0].getsockname()[1]


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with closing(target):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_the_address_that_takes_writes_is_found(
    server: EmbeddedServer,
    database_name: str,
    address: int,
    nobody: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    hosts = f"host=127.0.0.1:{nobody}&host=127.0.0.1:{address}"
    passfile = quote(str(server.passfile))
    url = f"postgresql://{APP_ROLE}@/{database_name}?{hosts}&target_session_attrs=read-write"
    monkeypatch.setenv("RENKEI_DATABASE_URL", f"{url}&passfile={passfile}")
    monkeypatch.setenv("RENKEI_SECRET_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    settings = Settings(data_dir=tmp_path)
    assert settings.database_url is not None
    database = open_database(settings.database_url.get_secret_value())
    await require_reachable(database)
    async with database.begin_batch() as conn:
        assert (await conn.execute(text("SELECT current_database()"))).scalar_one() == database_name
    await database.close()
