"""A twin contract, connections to it, and deliveries."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.testing.recorded import Recorded
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.twin import HEADER_NAME, HEADER_SECRET, PATH_SECRET
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp
from renkei_smaregi.twin_pos import TwinPos

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)
TWIN = "http://127.0.0.1:9"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def twin() -> Iterator[TwinApp]:
    """A contract with which nobody exchanges anything outside the wire schema."""
    app = TwinApp(TwinPos(now=lambda: NOW))
    yield app
    assert app.log.complaints == []


@pytest.fixture
def recorded(twin: TwinApp) -> Recorded:
    return Recorded(twin.asgi())


@pytest.fixture
def settings() -> dict[str, Any]:
    return {
        "contract_id": CONTRACT,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "header_name": HEADER_NAME,
        "header_secret": HEADER_SECRET,
        "path_secret": PATH_SECRET,
        "id_url": TWIN,
        "api_url": TWIN,
    }


@pytest.fixture
async def connect(
    recorded: Recorded, settings: dict[str, Any]
) -> AsyncIterator[Callable[..., Connection[SmaregiSettings]]]:
    async with httpx.AsyncClient(transport=recorded) as http:

        def make(**changed: Any) -> Connection[SmaregiSettings]:
            model = SmaregiSettings.model_validate({**settings, **changed})
            return Connection("store-a", model, http, MemoryTokens(), lambda: NOW)

        yield make


@pytest.fixture
def payload() -> Callable[[str], Any]:
    def load(name: str) -> Any:
        return json.loads((HERE / "payloads" / f"{name}.json").read_text(encoding="utf-8"))

    return load


@pytest.fixture
def deliver() -> Callable[..., Delivery]:
    """A genuine delivery; headers given by keyword replace or (None) remove the usual ones."""

    def make(body: Any, *, path_secret: str = PATH_SECRET, **changed: str | None) -> Delivery:
        event = body.get("event", "") if isinstance(body, dict) else "pos:transactions"
        headers: dict[str, str | None] = {
            "content-type": "application/json",
            "smaregi-contract-id": CONTRACT,
            "smaregi-event": event,
            "smaregi-event-id": "1e7c5a0e-d903-4247-82da-ce92fb4764ba",
            HEADER_NAME.lower(): HEADER_SECRET,
        }
        headers.update({name.replace("_", "-").lower(): value for name, value in changed.items()})
        sent = tuple((name, value) for name, value in headers.items() if value is not None)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Delivery("store-a", NOW, sent, raw, path_secret)

    return make
