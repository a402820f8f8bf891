"""The twin as a web application: token endpoint, GraphQL with cost and faults, and a page."""

import html
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_shopify.twin_graphql import Desk
from renkei_shopify.twin_shop import TwinShop

DOMAIN = "renkei-twin.myshopify.com"
CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
API_VERSION = "2026-07"
TOKEN_SECONDS = 86_399

SCOPES = ("read_orders", "read_all_orders", "write_customers", "read_locations")

COSTS = {"RenkeiOrder": 235, "RenkeiPointsWrite": 10}
"""Requested cost by operation, in points; anything else is 60."""


@dataclass
class Bucket:
    """The leaky bucket of query cost."""

    maximum: float = 2000
    restore_rate: float = 100
    clock: Callable[[], float] = time.monotonic
    available: float = 2000
    _at: float | None = None

    def holds(self, cost: float) -> bool:
        """Whether a document of this requested cost may run now."""
        now = self.clock()
        grown = 0.0 if self._at is None else (now - self._at) * self.restore_rate
        self._at, self.available = now, min(self.maximum, self.available + grown)
        return self.available >= cost

    def take(self, cost: float) -> None:
        """Take what a document really cost."""
        self.available -= cost

    def report(self, requested: float, actual: float | None) -> dict[str, Any]:
        """The extensions of an answer."""
        return {
            "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": {
                    "maximumAvailable": self.maximum,
                    "currentlyAvailable": self.available,
                    "restoreRate": self.restore_rate,
                },
            }
        }


class Broken(Response):
    """Promises more than it sends: the server closes and the client is left with a part."""

    def __init__(self, part: bytes) -> None:
        super().__init__()
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start, send the part, and leave."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._part, "more_body": True})


@dataclass
class TwinApp:
    """One store and what surrounds it."""

    shop: TwinShop
    faults: FaultScript = field(default_factory=FaultScript)
    bucket: Bucket = field(default_factory=Bucket)
    scopes: tuple[str, ...] = SCOPES
    topics: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    granted: int = 0

    def asgi(self) -> Starlette:
        """The application."""
        version = f"/admin/api/{API_VERSION}/graphql.json"
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/admin/oauth/access_token", self._token, methods=["POST"]),
                Route(version, self._graphql, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        fault = self.faults.take(request.url.path)
        if fault:
            return _faulty(fault, b"")
        given = await request.json()
        if given.get("grant_type") != "client_credentials" or not (
            same(given.get("client_id", ""), CLIENT_ID)
            and same(given.get("client_secret", ""), CLIENT_SECRET)
        ):
            return JSONResponse({"error": "invalid_client"}, 400)
        self.granted += 1
        token = f"twin-token-{self.granted}"
        self.tokens.add(token)
        scope = ",".join(self.scopes)
        return JSONResponse({"access_token": token, "scope": scope, "expires_in": TOKEN_SECONDS})

    async def _graphql(self, request: Request) -> Response:
        asked = await request.json()
        operation = asked.get("operationName") or ""
        if request.headers.get("x-shopify-access-token") not in self.tokens:
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
        fault = self.faults.take(f"{request.url.path}/{operation}")
        if fault and fault.kind not in ("drop_after", "half_page", "rate_limited"):
            return _faulty(fault, b"")
        if fault and fault.kind == "rate_limited" and fault.retry_after is not None:
            return _faulty(fault, b"")
        throttled = fault is not None and fault.kind == "rate_limited"
        answer = self._run(operation, asked.get("variables") or {}, throttled=throttled)
        if fault and not throttled:
            return _faulty(fault, json.dumps(answer).encode())
        return JSONResponse(answer)

    def _run(self, operation: str, variables: dict[str, Any], *, throttled: bool) -> dict[str, Any]:
        cost = COSTS.get(operation, 60)
        if throttled:
            self.bucket.available = 0
        if not self.bucket.holds(cost):
            return _error("Throttled", "THROTTLED", self.bucket.report(cost, None))
        desk = Desk(self.shop, DOMAIN, self.scopes, self.topics)
        data = desk.answer(operation, variables)
        actual = min(cost, _objects(data))
        self.bucket.take(actual)
        extensions = self.bucket.report(cost, actual)
        if data is None:
            return _error("the twin does not know this operation", "undefinedField", extensions)
        return {"data": data, "extensions": extensions}

    async def _page(self, _request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one.family_name)} {html.escape(one.given_name)}</td>"
            f"<td>{html.escape(one.email)}</td>"
            f"<td>{html.escape(', '.join(one.metafields.values()) or '–')}</td></tr>"
            for one in self.shop.customers.values()
        )
        orders = "".join(
            f"<tr><td>#{one.number}</td><td>{one.items_total:,} 円</td>"
            f"<td>{html.escape(one.financial_status)}</td></tr>"
            for one in self.shop.orders.values()
        )
        return HTMLResponse(PAGE.format(domain=DOMAIN, customers=rows, orders=orders))


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>{domain}</title>
<h1>{domain} (twin)</h1>
<h2>お客様</h2>
<table border="1"><tr><th>氏名</th><th>メール</th><th>ポイント</th></tr>{customers}</table>
<h2>注文</h2>
<table border="1"><tr><th>番号</th><th>商品合計</th><th>状態</th></tr>{orders}</table>
</html>"""


def _objects(data: Any) -> int:
    """What an answer costs: each object one point, scalars nothing."""
    if isinstance(data, dict):
        return 1 + sum(map(_objects, data.values()))
    return sum(map(_objects, data)) if isinstance(data, list) else 0


def _error(message: str, code: str, extensions: dict[str, Any]) -> dict[str, Any]:
    error = {"message": message, "extensions": {"code": code}}
    return {"errors": [error], "extensions": extensions}


def _faulty(fault: Fault, answer: bytes) -> Response:
    if fault.kind == "unauthorized":
        return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
    if fault.kind == "rate_limited":
        after = "1" if fault.retry_after is None else str(fault.retry_after)
        return JSONResponse({"errors": "Exceeded"}, 429, headers={"Retry-After": after})
    if fault.kind == "server_error":
        return JSONResponse({"errors": "Internal Server Error"}, 500)
    return Broken(answer[: len(answer) // 2] if fault.kind == "half_page" else b"")
