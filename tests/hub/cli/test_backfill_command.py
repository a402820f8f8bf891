"""``renkei backfill``: begin to read a shop's past, and see how far that is."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from renkei.bootstrap import key_ring
from renkei.config import Settings
from renkei.connections.store import NewConnection, insert
from renkei.registry import Registry
from renkei.services.setup import installation
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE, open_database
from renkei_contracts.reference.cart import VENDOR

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COUNTS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
SHOP = {
    "base_url": "http://127.0.0.1:9",
    "shop": "tea",
    "client_id": "us",
    "client_secret": "known",
    "webhook_secret": "known",
}


@pytest.fixture(autouse=True)
def _shop(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection ``shop``, whose orders count from the year 2026 on."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    registry = Registry({VENDOR.name: VENDOR})
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: registry)
    asyncio.run(_connected(server.url(APP_ROLE, database_name)))


async def _connected(url: str) -> None:
    database, ring = open_database(url), key_ring(Settings())
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
        new = NewConnection("shop", VENDOR.name, SHOP, COUNTS_FROM)
        await insert(conn, ring, new, COUNTS_FROM)
    await database.close()


def test_a_shops_past_is_begun_once_and_its_progress_shown(renkei: Command) -> None:
    assert "begin one with --since" in renkei("backfill", "shop").out
    for _ in range(2):
        begun = renkei("backfill", "shop", "--since", "2025-01-01", "--json").document["backfill"]
    assert [(one["what"], one["pages"], one["percent"]) for one in begun] == [
        ("members", 0, 0),
        ("orders", 0, 0),
    ]
    assert begun[0]["ends"] == COUNTS_FROM.isoformat()
    assert "orders" in renkei("backfill", "shop").out


def test_an_earlier_day_that_is_not_taken_yet_is_said(renkei: Command) -> None:
    assert renkei("backfill", "shop", "--since", "2025-01-01").err == ""
    later = renkei("backfill", "shop", "--since", "2024-01-01").err
    for what in ("members", "orders"):
        assert f"{what}: being read from 2025-01-01 00:00:00 JST on; give the earlier" in later


def test_a_shop_that_is_not_there_has_no_past_nor_does_the_future(renkei: Command) -> None:
    assert "no connection nowhere" in renkei("backfill", "nowhere", "--since", "2025-01-01").refusal
    assert "no connection nowhere" in renkei("backfill", "nowhere").refusal
    assert "1971 to 2200" in renkei("backfill", "shop", "--since", "3000-01-01").refusal
    future = renkei("backfill", "shop", "--since", "2026-01-02").refusal
    assert "orders count from 2026-01-01T09:00:00+09:00 on" in future
