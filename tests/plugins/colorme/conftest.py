"""A twin shop, connections to it, and orders as it shows them."""

from collections.abc import AsyncIterator, Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_colorme.settings import ColormeSettings
from renkei_colorme.twin_app import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URL,
    TwinApp,
)
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.stage import Item
from renkei_contracts.testing.bench import Clock
from renkei_contracts.testing.recorded import Recorded
from renkei_contracts.testing.shop import HANAKO

NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)
TWIN = "http://127.0.0.1:9"
TEA = Item("CHA-01", "緑茶", 2, 1_080, 800)
POT = Item("KYUSU-01", "急須", 1, 11_220, 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def shop(clock: Clock) -> TwinShop:
    return TwinShop(clock)


@pytest.fixture
def page_size() -> int:
    """How many rows the twin gives at once; a test may parametrize it."""
    return 100


@pytest.fixture
def twin(shop: TwinShop, page_size: int) -> TwinApp:
    return TwinApp(shop, page_size)


@pytest.fixture
def transport(twin: TwinApp) -> Recorded:
    return Recorded(twin.asgi())


Connect = Callable[..., Connection[ColormeSettings]]


@pytest.fixture
async def connect(transport: Recorded, clock: Clock) -> AsyncIterator[Connect]:
    """Connections to the twin; keyword arguments override settings."""
    async with httpx.AsyncClient(transport=transport) as http:

        def make(**overrides: Any) -> Connection[ColormeSettings]:
            given = {
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "redirect_url": REDIRECT_URL,
                "access_token": ACCESS_TOKEN,
                "own_points_off": True,
                "calls_per_minute": 60_000,
                "api_url": TWIN,
            }
            settings = ColormeSettings.model_validate({**given, **overrides})
            return Connection("shop", settings, http, MemoryTokens(), clock)

        yield make


@pytest.fixture
def sale(shop: TwinShop) -> Callable[..., dict[str, Any]]:
    """An order of a member for tea (8 %) and a pot (10 %), with some of its fields changed."""

    def make(**changed: Any) -> dict[str, Any]:
        row = deepcopy(shop.place(shop.register(HANAKO), [TEA, POT]))
        assert changed.keys() <= row.keys()
        return {**row, **changed}

    return make
