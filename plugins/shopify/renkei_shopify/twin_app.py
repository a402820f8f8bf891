"""The twin as a web application: token endpoint, GraphQL with its cost, and a page."""

import html
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.bucket import Bucket
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema import Call, Checked
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_shopify.twin_export import TwinExports
from renkei_shopify.twin_graphql import Desk
from renkei_shopify.twin_schema import SOURCE, graphql, wire
from renkei_shopify.twin_shop import TwinShop

DOMAIN = "renkei-twin.myshopify.com"
CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
API_VERSION = "2026-07"
TOKEN_SECONDS = 86_399
TOKEN = "/admin/oauth/access_token"  # noqa: S105 - a path, not a secret
CALLS = (Call("POST", TOKEN, body="tokenAsked", answer="token"),)

SCOPES = (
    "read_orders",
    "read_all_orders",
    "write_customers",
    "read_locations",
    "read_customer_merge",
    "write_discounts",
    "write_inventory",
)

MAXIMUM, RESTORED = 2000, 100
"""Query cost that a store's bucket holds, and gains a second."""

COST, COSTS = 60, {"RenkeiOrder": 235, "RenkeiPointsWrite": 10}
"""Requested cost of an operation, in points, and of those that have another."""

SERVED_SECRETS = 2
"""The newest client secret and the one before it."""


@dataclass
class TwinApp:
    """One store and what surrounds it.

    ``secrets``: the app's client secrets, newest first. ``page_size``: the most nodes a page has.
    ``tokens``: when each ends.
    """

    shop: TwinShop
    faults: FaultScript = field(default_factory=FaultScript)
    bucket: Bucket = field(default_factory=lambda: Bucket(MAXIMUM, RESTORED))
    scopes: tuple[str, ...] = SCOPES
    topics: dict[str, str] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [CLIENT_SECRET])
    page_size: int | None = None
    tokens: dict[str, datetime] = field(default_factory=dict)
    granted: int = 0
    exports: TwinExports = field(init=False)
    log: SchemaLog = field(default_factory=lambda: SchemaLog(SOURCE))

    def __post_init__(self) -> None:
        self.exports = TwinExports(self.shop.ids)

    def asgi(self) -> ASGIApp:
        """The application, with its faults around it."""
        version = f"/admin/api/{API_VERSION}/graphql.json"
        routes = [
            Route("/", self._page),
            Route(TOKEN, self._token, methods=["POST"]),
            Route(version, self._graphql, methods=["POST"]),
            Route("/exports/{id:int}.jsonl", self._file),
        ]
        checked = Checked(Starlette(routes=routes), wire(), CALLS, "tokenRefused", self.log)
        return Faulty(checked, self.faults, refuse=refuse, name=_called)

    async def _token(self, request: Request) -> Response:
        asked = await request.json()
        secrets = self.secrets[:SERVED_SECRETS]
        known = any(same(asked["client_secret"], one) for one in secrets)
        if asked["client_id"] != CLIENT_ID or not known:
            return JSONResponse({"error": "invalid_client"}, 400)
        self.granted += 1
        token = f"twin-token-{self.granted}"
        self.tokens[token] = self.shop.clock() + timedelta(seconds=TOKEN_SECONDS)
        scope = ",".join(self.scopes)
        return JSONResponse({"access_token": token, "scope": scope, "expires_in": TOKEN_SECONDS})

    async def _graphql(self, request: Request) -> Response:
        asked = await request.json()
        document, operation = str(asked.get("query", "")), str(asked.get("operationName") or "")
        variables = asked.get("variables") or {}
        problem = graphql().request_problem(document, variables, operation or None)
        fits = self.log.request(problem)
        token = request.headers.get("x-shopify-access-token", "")
        if self.tokens.get(token, self.shop.clock()) <= self.shop.clock():
            self.log.answer(None)
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
        if not fits:
            self.log.answer(None)
            return JSONResponse(_error(str(problem), "undefinedField", None))
        answer = self._run(operation, variables, str(request.base_url).rstrip("/"))
        data = answer.get("data")
        wrong = data and graphql().answer_problem(document, variables, data, operation)
        if not self.log.answer(wrong or None):
            return JSONResponse({"errors": f"the twin is wrong: {wrong}"}, 500)
        return JSONResponse(answer)

    async def _file(self, request: Request) -> Response:
        """A part of an export's file, or all of it; whoever knows its address may read it."""
        found = self.exports.kept.get(request.path_params["id"])
        if found is None or not found.lines:
            return Response(status_code=404)
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if asked is None:
            return Response(found.file)
        start, end = int(asked[1]), int(asked[2] or len(found.file))
        if start >= len(found.file):
            return Response(status_code=416)
        part = found.file[start : end + 1]
        told = f"bytes {start}-{start + len(part) - 1}/{len(found.file)}"
        return Response(part, 206, headers={"Content-Range": told})

    def _run(self, operation: str, variables: dict[str, Any], url: str) -> dict[str, Any]:
        cost = COSTS.get(operation, COST)
        if not self.bucket.holds(cost):
            return _error("Throttled", "THROTTLED", _report(self.bucket, cost, None))
        desk = Desk(self.shop, DOMAIN, self.scopes, self.topics, self.exports, url, self.page_size)
        data = desk.answer(operation, variables)
        actual = min(cost, _objects(data))
        self.bucket.take(actual)
        extensions = _report(self.bucket, cost, actual)
        if data is None:
            return _error("the twin does not know this operation", "undefinedField", extensions)
        return {"data": data, "extensions": extensions}

    async def _page(self, _request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one.family_name)} {html.escape(one.given_name)}</td>"
            f"<td>{html.escape(one.email or '–')}</td>"
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


def refuse(fault: Fault) -> Response:
    """As Shopify refuses: a used up bucket with status 200, anything else by its status.

    Both ways of saying "too many calls" are known: THROTTLED, and 429 with Retry-After.
    """
    if fault.kind != "rate_limited":
        return JSONResponse({"errors": fault.kind}, STATUS[fault.kind])
    if fault.retry_after is None:
        return JSONResponse(
            _error("Throttled", "THROTTLED", _report(Bucket(MAXIMUM, RESTORED, 0), COST, None))
        )
    return JSONResponse(
        {"errors": "Exceeded"}, 429, headers={"Retry-After": str(fault.retry_after)}
    )


def _report(bucket: Bucket, requested: float, actual: float | None) -> dict[str, Any]:
    """The extensions of an answer."""
    return {
        "cost": {
            "requestedQueryCost": requested,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": bucket.maximum,
                "currentlyAvailable": bucket.available,
                "restoreRate": bucket.per_second,
            },
        }
    }


def _called(request: Request, body: bytes) -> str:
    """The path, and behind it the operation's name."""
    if not request.url.path.endswith("/graphql.json"):
        return request.url.path
    return f"{request.url.path}/{json.loads(body).get('operationName') or ''}"


def _objects(data: Any) -> int:
    """What an answer costs: each object one point, scalars nothing."""
    if isinstance(data, dict):
        return 1 + sum(map(_objects, data.values()))
    return sum(map(_objects, data)) if isinstance(data, list) else 0


def _error(message: str, code: str, extensions: dict[str, Any] | None) -> dict[str, Any]:
    error = {"message": message, "extensions": {"code": code}}
    return {"errors": [error], "extensions": extensions}
