"""Connections and a member on a fresh database."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections.store import NewConnection, insert
from renkei.services.setup import installation
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def shops(database: Database, ring: KeyRing) -> Database:
    """The database with the connections ``cart`` and ``shop``."""
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
        for id in ("cart", "shop"):
            await insert(conn, ring, NewConnection(id, "acme", {}, SINCE), SINCE)
    return database


@pytest.fixture
async def conn(shops: Database) -> AsyncIterator[AsyncConnection]:
    """A database transaction on it."""
    async with shops.begin() as conn:
        yield conn


@pytest.fixture
def one(conn: AsyncConnection) -> Callable[..., object]:
    """The only row of a query, as a tuple."""

    async def ask(statement: str, **values: object) -> tuple[object, ...]:
        return tuple((await conn.execute(text(statement), values)).one())

    return ask
