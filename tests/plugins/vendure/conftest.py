"""A Vendure of recorded answers that filters its lists as the real one does, and connections."""

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
from renkei_contracts.delivery import Delivery
from renkei_vendure.settings import VendureSettings

PAYLOADS = Path(__file__).parent / "payloads"
NOW = datetime(2026, 11, 26, 15, 5, 42, tzinfo=UTC)
URL = "https://vendure.example.jp"
PASSWORD = "the-s3cr3t-password"
WEBHOOK_SECRET = "recorded-secret"

Payload = Callable[[str], Any]


def read_payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


def recorded(name: str) -> Any:
    """The data of a recorded answer."""
    return read_payload(name)["response"]["data"]


@pytest.fixture
def payload() -> Payload:
    """A recorded exchange, fresh each time."""
    return read_payload


@dataclass
class FakeVendure:
    """Logs in, forgets sessions when told to, and answers by the operation's name."""

    orders: list[dict[str, Any]] = field(
        default_factory=lambda: recorded("orders-changed")["orders"]["items"]
    )
    customers: list[dict[str, Any]] = field(
        default_factory=lambda: recorded("customers-changed")["customers"]["items"]
    )
    precision: int = 2
    token: str = ""
    logins: int = 0
    asked: list[tuple[str, Any]] = field(default_factory=list)
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        name, variables = body["operationName"], body["variables"]
        self.asked.append((name, variables))
        if name in self.answers:
            return self.answers[name]
        if name == "Login":
            return self._login(variables)
        if not self.token or request.headers.get("authorization") != f"Bearer {self.token}":
            return httpx.Response(200, json=read_payload("not-logged-in")["response"])
        return httpx.Response(200, json={"data": getattr(self, f"_{name.lower()}")(variables)})

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def _login(self, given: dict[str, str]) -> httpx.Response:
        if given != {"user": "renkei", "password": PASSWORD}:
            return httpx.Response(200, json=read_payload("login-refused")["response"])
        self.logins += 1
        self.token = (
            f"{read_payload('login')['response_headers']['vendure-auth-token']}{self.logins}"
        )
        return httpx.Response(
            200,
            json=read_payload("login")["response"],
            headers={"vendure-auth-token": self.token},
        )

    def _settings(self) -> Any:
        return {"globalSettings": {"serverConfig": {"moneyStrategyPrecision": self.precision}}}

    def _order(self, given: Any) -> Any:
        return self._settings() | {"order": one_of(self.orders, given["id"])}

    def _orders(self, given: Any) -> Any:
        return self._settings() | {"orders": page_of(self.orders, given, "orderPlacedAt")}

    def _customer(self, given: Any) -> Any:
        return {"customer": one_of(self.customers, given["id"])}

    def _customers(self, given: Any) -> Any:
        return {"customers": page_of(self.customers, given, "createdAt")}

    def _points(self, given: Any) -> Any:
        return {"customer": one_of(self.customers, given["id"])}

    def _writepoints(self, given: Any) -> Any:
        change = given["input"]
        row = next(row for row in self.customers if row["id"] == change["id"])
        row["customFields"] = change["customFields"]
        return {"updateCustomer": {"__typename": "Customer", **deepcopy(row)}}

    def _check(self, _: Any) -> Any:
        return recorded("check")


def one_of(rows: list[dict[str, Any]], id: str) -> dict[str, Any] | None:
    return next((deepcopy(row) for row in rows if row["id"] == id), None)


def page_of(rows: list[dict[str, Any]], given: Any, sorted_by: str) -> Any:
    found = [row for row in rows if matches(row, given["filter"])]
    found.sort(key=lambda row: (row[sorted_by], int(row["id"])))
    return {"totalItems": len(found), "items": deepcopy(found[: given["take"]])}


def matches(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Vendure's filters, as far as the plugin uses them."""
    return all(
        all(matches(row, one) for one in value)
        if name == "_and"
        else any(matches(row, one) for one in value)
        if name == "_or"
        else all(compares(row[name], *each) for each in value.items())
        for name, value in wanted.items()
    )


def compares(value: Any, operator: str, other: Any) -> bool:
    return {
        "eq": lambda: value == other,
        "notEq": lambda: value != other,
        "notIn": lambda: value not in other,
        "isNull": lambda: (value is None) is other,
        "after": lambda: value is not None and moment(value) > moment(other),
        "before": lambda: value is not None and moment(value) < moment(other),
        "between": lambda: (
            value is not None and moment(other["start"]) <= moment(value) <= moment(other["end"])
        ),
    }[operator]()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def vendure() -> FakeVendure:
    return FakeVendure()


@pytest.fixture
def mocked(vendure: FakeVendure) -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{URL}/admin-api").mock(side_effect=vendure)
        yield router


@pytest.fixture
async def http(mocked: respx.MockRouter) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def settings(**overrides: Any) -> VendureSettings:
    given = {
        "base_url": URL,
        "username": "renkei",
        "password": PASSWORD,
        "webhook_secret": WEBHOOK_SECRET,
    }
    return VendureSettings.model_validate({**given, **overrides})


Connect = Callable[..., Connection[VendureSettings]]


@pytest.fixture
def connect(http: httpx.AsyncClient) -> Connect:
    """A connection to the fake; keyword arguments override settings."""

    def make(**overrides: Any) -> Connection[VendureSettings]:
        return Connection("shop", settings(**overrides), http, MemoryTokens(), lambda: NOW)

    return make


@pytest.fixture
def delivery() -> Callable[..., Delivery]:
    """A recorded delivery; keyword arguments replace its body or headers (None: without it)."""

    def make(name: str, body: bytes | None = None, **headers: str | None) -> Delivery:
        sent = read_payload(f"webhook-{name}")
        changed = {f"x-renkei-{key}": value for key, value in headers.items()}
        kept = {
            key: value for key, value in (sent["headers"] | changed).items() if value is not None
        }
        raw = sent["body"].encode() if body is None else body
        return Delivery("shop", NOW, tuple(kept.items()), raw)

    return make
