"""A connection to an invented vendor on a fresh database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from acme import Cloud, vendor

from renkei.connections.opened import OpenConnections
from renkei.connections.store import NewConnection, insert
from renkei.registry import Registry
from renkei.services.setup import installation
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


@pytest.fixture
async def shop(database: Database, ring: KeyRing) -> Database:
    """The database with the connection ``shop``."""
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
        await insert(conn, ring, NewConnection("shop", "acme", {"secret": "s3cret"}, NOW), NOW)
    return database


@pytest.fixture
def registry() -> Registry:
    """The vendor acme, and one whose plugin does not import."""
    return Registry({"acme": vendor("acme", Cloud(), "absolute")}, {"broken": "does not import"})


@pytest.fixture
async def connections(
    shop: Database, registry: Registry, ring: KeyRing
) -> AsyncIterator[OpenConnections]:
    """The connections as a running hub opens them."""
    opened: Any = OpenConnections(registry, shop.engine, ring, lambda: NOW)
    yield opened
    await opened.close()
