"""A twin of the service, and connections to it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_openmeteo.settings import OpenMeteoSettings
from renkei_openmeteo.twin import TwinService

NOW = datetime(2026, 6, 2, 20, 0, 7, tzinfo=UTC)  # 05:00:07 on 3 June in Japan
TWIN = "http://127.0.0.1:9"

Connect = Callable[..., Connection[OpenMeteoSettings]]


@pytest.fixture
def twin() -> TwinService:
    return TwinService()


@pytest.fixture
async def connect(twin: TwinService) -> AsyncIterator[Connect]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(twin.asgi())) as http:

        def make(**changed: Any) -> Connection[OpenMeteoSettings]:
            areas = {"kyoto": "35.01,135.77", "tokyo": "35.68, 139.77"}
            settings = {"areas": areas, "base_url": TWIN} | changed
            model = OpenMeteoSettings.model_validate(settings)
            return Connection("weather", model, http, MemoryTokens(), lambda: NOW)

        yield make
