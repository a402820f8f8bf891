"""A Tryton of recorded answers that searches as the real one does, and connections to it."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_tryton import wire
from renkei_tryton.settings import TrytonSettings

PAYLOADS = Path(__file__).parent / "payloads"
NOW = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
URL = "https://tryton.example.jp"
PASSWORD = "the-s3cr3t-password"

Payload = Callable[[str], Any]


def read_payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def payload() -> Payload:
    """A recorded exchange, fresh each time."""
    return read_payload


@dataclass
class FakeTryton:
    """Logs in, forgets sessions when told to, and answers searches from its rows."""

    sales: list[dict[str, Any]] = field(
        default_factory=lambda: read_payload("orders-changed")["response"]["result"]
    )
    tables: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {
            "sale.point": read_payload("check-tills")["response"]["result"],
            "sale.point.payment.method": read_payload("payment-methods")["response"]["result"],
            "product.product": read_payload("goods")["response"]["result"],
        }
    )
    sessions: set[str] = field(default_factory=set)
    logins: int = 0
    calls: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    most: int | None = None
    on_the_way: Callable[[list[Any]], list[Any]] = list

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        assert set(asked) == {"id", "method", "params"}  # else Tryton answers in another shape
        method = asked["method"]
        self.calls.append(method)
        if method in self.answers:
            return self.answers[method]
        if method == "common.db.login":
            return self._login(*asked["params"])
        if request.headers.get("authorization") not in self.sessions:
            return httpx.Response(401)
        return httpx.Response(200, json={"id": 0, "result": self._result(method, asked["params"])})

    def _login(self, user: str, secret: dict[str, str], _language: str) -> httpx.Response:
        if secret != {"password": PASSWORD}:
            return httpx.Response(401, text=read_payload("login-refused")["response"])
        self.logins += 1
        session = f"session-{self.logins}"
        named = base64.b64encode(f"{user}:1:{session}".encode()).decode()
        self.sessions = {f"Session {named}"}
        return httpx.Response(200, json={"id": 0, "result": [1, session, None]})

    def _result(self, method: str, params: list[Any]) -> Any:
        if method == "model.res.user.get_preferences":
            return read_payload("preferences")["response"]["result"]
        domain, offset, limit, order, _fields, context = params
        self.contexts.append(context)
        model = method.removeprefix("model.").removesuffix(".search_read")
        rows = self.sales if model == wire.SALE else self.tables[model]
        found = sorted(
            (row for row in rows if matches(row, domain)),
            key=lambda row: [comparable(row[name]) for name, _ in order],
        )
        return self.on_the_way(deepcopy(found[offset:][:limit][: self.most]))


def matches(row: dict[str, Any], domain: list[Any]) -> bool:
    """Tryton's domains, as far as the plugin uses them."""
    if domain and domain[0] == "OR":
        return any(matches(row, one) for one in domain[1:])
    if domain and isinstance(domain[0], str):
        return compares(row, *domain)
    return all(matches(row, one) for one in domain)


def compares(row: dict[str, Any], name: str, operator: str, wanted: Any) -> bool:
    value = comparable(row.get(name))
    if operator == "in":
        return value in wanted
    other = comparable(wanted)
    return {
        "=": lambda: value == other,
        "!=": lambda: value != other,
        ">": lambda: value > other,
        ">=": lambda: value >= other,
        "<": lambda: value < other,
    }[operator]()


def comparable(value: Any) -> Any:
    if isinstance(value, dict) and value["__class__"] == "datetime":
        return tuple(value[part] for part in wire.TIME_PARTS)
    return value


@pytest.fixture
def tryton() -> FakeTryton:
    return FakeTryton()


@pytest.fixture
def mocked(tryton: FakeTryton) -> Iterator[respx.MockRouter]:
    """HTTP goes to the fake, except over loopback."""
    with respx.mock(assert_all_called=False) as router:
        router.route(host="127.0.0.1").pass_through()
        router.post(f"{URL}/shop/rpc/").mock(side_effect=tryton)
        yield router


@pytest.fixture
async def http(mocked: respx.MockRouter) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def settings(**overrides: Any) -> TrytonSettings:
    given = {"base_url": URL, "database": "shop", "username": "admin", "password": PASSWORD}
    return TrytonSettings.model_validate({**given, **overrides})


Connect = Callable[..., Connection[TrytonSettings]]


@pytest.fixture
def connect(http: httpx.AsyncClient) -> Connect:
    """A connection to the fake; keyword arguments override settings."""

    def make(**overrides: Any) -> Connection[TrytonSettings]:
        return Connection("till", settings(**overrides), http, MemoryTokens(), lambda: NOW)

    return make
