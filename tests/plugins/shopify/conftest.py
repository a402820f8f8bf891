"""A twin store, Shopify's own schema, connections to the twin, and signed deliveries."""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import GraphQLSchema, build_client_schema

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.testing.recorded import Recorded
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import CLIENT_ID, CLIENT_SECRET, DOMAIN, TwinApp
from renkei_shopify.twin_shop import TwinShop

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)
SECRET = "hush"


@cache
def load_schema() -> GraphQLSchema:
    """Shopify's Admin schema 2026-07 (see schema/SOURCE.md)."""
    with gzip.open(HERE / "schema" / "admin_2026-07.json.gz") as file:
        # Its own deprecations contradict each other in six places, which graphql-core refuses.
        return build_client_schema(json.load(file)["data"], assume_valid=True)


class Called(Recorded):
    """With the names of the operations that were run."""

    @property
    def operations(self) -> list[str]:
        asked = [one for one in self.calls if one.url.path.endswith("/graphql.json")]
        return [json.loads(one.content)["operationName"] for one in asked]


@pytest.fixture(scope="session")
def schema() -> GraphQLSchema:
    return load_schema()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def twin() -> Iterator[TwinApp]:
    """A store whose every answer must fit Shopify's schema."""
    app = TwinApp(TwinShop(now=lambda: NOW))
    yield app
    assert app.log.complaints == []


@pytest.fixture
def transport(twin: TwinApp) -> Called:
    return Called(twin.asgi())


@pytest.fixture
async def http(transport: Recorded) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport) as client:
        yield client


Connect = Callable[..., Connection[ShopifySettings]]


@pytest.fixture
def connect(http: httpx.AsyncClient) -> Connect:
    """A connection to the twin; keyword arguments override settings."""

    def make(**overrides: Any) -> Connection[ShopifySettings]:
        given = {"shop": DOMAIN, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        settings = ShopifySettings(**{**given, **overrides})
        return Connection("shop-a", settings, http, MemoryTokens(), lambda: NOW)

    return make


@pytest.fixture
def payload() -> Callable[[str], dict[str, Any]]:
    """A recorded body, fresh each time."""
    return lambda name: json.loads((HERE / "payloads" / f"{name}.json").read_bytes())


def sign(body: bytes, secret: str = SECRET) -> str:
    """Written out on its own, so that the plugin is not checked against itself."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


Deliver = Callable[..., Delivery]


@pytest.fixture
def deliver() -> Deliver:
    """A signed delivery; keyword arguments replace its headers (None drops one)."""

    def make(topic: str, body: Any, **replaced: str | None) -> Delivery:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        headers: dict[str, str | None] = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": sign(raw),
            "X-Shopify-Shop-Domain": DOMAIN,
            "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        }
        headers |= {name.replace("_", "-"): value for name, value in replaced.items()}
        kept = tuple((name, value) for name, value in headers.items() if value is not None)
        return Delivery("shop-a", NOW, kept, raw)

    return make
