"""A twin contract behind our own wire schema, connections to it, and deliveries."""

import json
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.twin import HEADER_NAME, HEADER_SECRET, PATH_SECRET
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp
from renkei_smaregi.twin_pos import TwinPos

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC)
TWIN = "http://127.0.0.1:9"

SHAPES = (
    (r"POST /app/\w+/token", "token"),
    (r"GET /\w+/pos/customers", "customers"),
    (r"POST /\w+/pos/customers", "customer"),
    (r"GET /\w+/pos/customers/point", "points"),
    (r"(GET|PATCH) /\w+/pos/customers/\d+", "customer"),
    (r"POST /\w+/pos/customers/\d+/point/add", "added"),
    (r"GET /\w+/pos/transactions", "transactions"),
    (r"GET /\w+/pos/transactions/\d+", "transaction"),
    (r"GET /\w+/pos/stores", "stores"),
)


@cache
def validator(shape: str) -> Any:
    """The validator of one definition of schema/wire.json."""
    schema = json.loads((HERE / "schema" / "wire.json").read_text(encoding="utf-8"))
    return jsonschema_rs.validator_for({**schema, "$ref": f"#/$defs/{shape}"})


class SchemaChecked(httpx.AsyncBaseTransport):
    """Passes calls on; every answer must fit the wire schema, and every request be an endpoint."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.calls: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        called = f"{request.method} {request.url.path}"
        (shape,) = (shape for pattern, shape in SHAPES if re.fullmatch(pattern, called))
        response = await self.inner.handle_async_request(request)
        await response.aread()
        if response.status_code >= 400:
            shape = "problem"
        if "error" not in response.text[:9]:  # the token host's own errors
            validator(shape).validate(json.loads(response.content))
        return response


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def twin() -> TwinApp:
    return TwinApp(TwinPos(now=lambda: NOW))


@pytest.fixture
def checked(twin: TwinApp) -> SchemaChecked:
    return SchemaChecked(httpx.ASGITransport(twin.asgi()))


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
    checked: SchemaChecked, settings: dict[str, Any]
) -> AsyncIterator[Callable[..., Connection[SmaregiSettings]]]:
    async with httpx.AsyncClient(transport=checked) as http:

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
