"""The twin as a web application: token host and API host on one address, and a page."""

import base64
import html
import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.bucket import Bucket
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_smaregi.settings import SCOPES
from renkei_smaregi.twin_pos import Refused, TwinPos
from renkei_smaregi.twin_wire import Row

CONTRACT = "twin01"
CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
TOKEN_SECONDS = 3600
DEFAULT_LIMIT, MAX_LIMIT, MAX_LIMIT_WITH_DETAILS = 100, 1000, 100
LONGEST = timedelta(days=31)

READS, WRITES = 50, 20
"""Calls a second in production; asking for a token counts too."""

TOKEN, POS = f"/app/{CONTRACT}/token", f"/{CONTRACT}/pos"

CALLS = (
    Call("POST", TOKEN, body="tokenAsked", answer="token"),
    Call("GET", f"{POS}/customers", query="customersAsked", answer="customers"),
    Call("POST", f"{POS}/customers", body="customerMade", answer="customer"),
    Call("GET", f"{POS}/customers/point", query="pointsAsked", answer="points"),
    Call("GET", f"{POS}/customers/{{id}}", query="nothingAsked", answer="customer"),
    Call("PATCH", f"{POS}/customers/{{id}}", body="customerChanged", answer="customer"),
    Call("POST", f"{POS}/customers/{{id}}/point/add", body="pointsAdded", answer="added"),
    Call("GET", f"{POS}/transactions", query="transactionsAsked", answer="transactions"),
    Call("GET", f"{POS}/transactions/{{id}}", query="transactionAsked", answer="transaction"),
    Call("GET", f"{POS}/stores", query="storesAsked", answer="stores"),
)

SOURCE = "wire.schema.json, our own extraction of 2026-11-26: Smaregi publishes no schema"

Handler = Callable[[Request], Awaitable[Response]]


@cache
def wire() -> JsonSchema:
    """The wire schema: of our own making, since Smaregi publishes none."""
    file = files("renkei_smaregi") / "wire.schema.json"
    return JsonSchema(json.loads(file.read_text(encoding="utf-8")))


@dataclass
class TwinApp:
    """One contract and what surrounds it. ``members_in_plan`` False is a plan without members.

    ``tokens``: when each ends.
    """

    pos: TwinPos = field(default_factory=TwinPos)
    faults: FaultScript = field(default_factory=FaultScript)
    scopes: tuple[str, ...] = SCOPES
    members_in_plan: bool = True
    tokens: dict[str, datetime] = field(default_factory=dict)
    granted: int = 0
    reads: Bucket = field(default_factory=lambda: Bucket(READS, READS))
    writes: Bucket = field(default_factory=lambda: Bucket(WRITES, WRITES))
    log: SchemaLog = field(default_factory=lambda: SchemaLog(SOURCE))

    def asgi(self) -> ASGIApp:
        """The application, under its schema, with its faults around it."""
        routes = [
            Route("/", self._page),
            Route(TOKEN, self._limited(self._token), methods=["POST"]),
            self._route("/customers", self._customers, "pos.customers:read"),
            self._route("/customers", self._create, "pos.customers:write", "POST"),
            self._route("/customers/point", self._points, "pos.customers:read"),
            self._route("/customers/{id}", self._customer, "pos.customers:read"),
            self._route("/customers/{id}", self._update, "pos.customers:write", "PATCH"),
            self._route("/customers/{id}/point/add", self._add, "pos.customers:write", "POST"),
            self._route("/transactions", self._transactions, "pos.transactions:read"),
            self._route("/transactions/{id}", self._sale, "pos.transactions:read"),
            self._route("/stores", self._stores, "pos.stores:read"),
        ]
        checked = Checked(Starlette(routes=routes), wire(), CALLS, "refusal", self.log)
        return Faulty(checked, self.faults, refuse=refuse)

    def _route(self, path: str, handler: Handler, scope: str, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            return await self._guarded(request, handler, scope)

        where = f"{POS}{path}"
        return Route(where, self._limited(guarded), methods=[method], name=f"{method} {path}")

    def _limited(self, handler: Handler) -> Handler:
        async def limited(request: Request) -> Response:
            bucket = self.reads if request.method == "GET" else self.writes
            if not bucket.holds():
                wait = {"Retry-After": str(math.ceil(bucket.wait()))}
                return problem(429, "Too Many Requests", wait)
            bucket.take()
            return await handler(request)

        return limited

    async def _guarded(self, request: Request, handler: Handler, scope: str) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, self.pos.clock()) <= self.pos.clock():
            return problem(401, "Unauthorized")
        members = scope.startswith("pos.customers")
        if scope not in self.scopes or (members and not self.members_in_plan):
            return problem(403, "Forbidden")
        try:
            return await handler(request)
        except Refused as refusal:
            return problem(400, str(refusal))
        except KeyError:
            return problem(404, "Not Found")

    async def _token(self, request: Request) -> Response:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not same(request.headers.get("authorization", ""), f"Basic {expected}"):
            return JSONResponse({"error": "invalid_client"}, 401)
        form = dict(parse_qsl((await request.body()).decode()))
        self.granted += 1
        token = f"twin-token-{self.granted}"
        self.tokens[token] = self.pos.clock() + timedelta(seconds=TOKEN_SECONDS)
        asked = form.get("scope", "").split()
        return JSONResponse(
            {
                "scope": " ".join(one for one in asked if one in self.scopes),
                "token_type": "Bearer",
                "expires_in": TOKEN_SECONDS,
                "access_token": token,
            }
        )

    async def _customers(self, request: Request) -> Response:
        rows = list(self.pos.customers.values())
        if code := request.query_params.get("customer_code"):
            rows = [row for row in rows if row["customerCode"] == code]
        return JSONResponse(_listed(request, self._between(request, rows), "customerId"))

    async def _create(self, request: Request) -> Response:
        return JSONResponse(self.pos.create_customer(await request.json()))

    async def _customer(self, request: Request) -> Response:
        return JSONResponse(self.pos.customers[request.path_params["id"]])

    async def _update(self, request: Request) -> Response:
        given: Row = await request.json()
        return JSONResponse(self.pos.update_customer(request.path_params["id"], given))

    async def _points(self, request: Request) -> Response:
        wanted = request.query_params.get("customer_id")
        rows = [self._point_row(id) for id in self.pos.points if wanted in (None, id)]
        return JSONResponse(_listed(request, rows, "customerId"))

    async def _add(self, request: Request) -> Response:
        id = request.path_params["id"]
        change = int((await request.json()).get("point", "0"))
        booked = self.pos.add_points(id, change)
        ids = [booked["transactionHeadId"]]
        row = {**self._point_row(id), "transactionHeadIds": ids}
        return JSONResponse({name: row[name] for name in row if name != "insDateTime"})

    async def _transactions(self, request: Request) -> Response:
        query = request.query_params
        if "upd_date_time-from" not in query or "upd_date_time-to" not in query:
            raise Refused("one of the date ranges is required")
        rows = list(self.pos.transactions.values())
        if division := query.get("transaction_head_division"):
            rows = [row for row in rows if row["transactionHeadDivision"] == division]
        rows = _listed(request, self._between(request, rows), "transactionHeadId")
        if query.get("with_details", "none") == "none":
            rows = [{name: row[name] for name in row if name != "details"} for row in rows]
        return JSONResponse(rows)

    async def _sale(self, request: Request) -> Response:
        row = dict(self.pos.transactions[request.path_params["id"]])
        # A single transaction names the member by id only; the code is in the member.
        del row["customerCode"]
        if request.query_params.get("with_customer") == "all" and row["customerId"]:
            row["customer"] = self.pos.customers[row["customerId"]]
        if request.query_params.get("with_details", "none") == "none":
            del row["details"]
        return JSONResponse(row)

    async def _stores(self, request: Request) -> Response:
        rows = _listed(request, self.pos.stores, "storeId")
        if request.query_params.get("with_point_condition") != "all":
            rows = [{name: row[name] for name in row if name != "pointCondition"} for row in rows]
        return JSONResponse(rows)

    def _between(self, request: Request, rows: list[Row]) -> list[Row]:
        since = request.query_params.get("upd_date_time-from")
        until = request.query_params.get("upd_date_time-to")
        if since is None or until is None:
            return rows
        if datetime.fromisoformat(until) - datetime.fromisoformat(since) > LONGEST:
            raise Refused("the range is longer than 31 days")
        return self.pos.changed(iter(rows), since, until)

    def _point_row(self, id: str) -> Row:
        at = self.pos.customers[id]["updDateTime"]
        shown = {"customerId": id, "mile": "0", "point": str(self.pos.points[id])}
        return {**shown, "pointExpireDate": "", "insDateTime": at, "updDateTime": at}

    async def _page(self, _request: Request) -> Response:
        members = "".join(
            f"<tr><td>{html.escape(one['customerCode'])}</td>"
            f"<td>{html.escape(one['lastName'])} {html.escape(one['firstName'])}</td>"
            f"<td>{self.pos.points[id]}</td></tr>"
            for id, one in self.pos.customers.items()
        )
        sales = "".join(
            f"<tr><td>{id}</td><td>{html.escape(one['customerCode'] or '–')}</td>"
            f"<td>{int(one['total']):,} 円</td><td>{one['spendPoint']}</td></tr>"
            for id, one in self.pos.transactions.items()
            if one["transactionHeadDivision"] == "1"
        )
        return HTMLResponse(PAGE.format(contract=CONTRACT, members=members, sales=sales))


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>{contract}</title>
<h1>スマレジ {contract} (twin)</h1>
<h2>会員</h2>
<table border="1"><tr><th>会員コード</th><th>氏名</th><th>ポイント</th></tr>{members}</table>
<h2>売上</h2>
<table border="1"><tr><th>取引</th><th>会員コード</th><th>合計</th><th>使用ポイント</th></tr>{sales}
</table></html>"""


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error as application/problem+json."""
    body = {"type": "about:blank", "title": detail, "detail": detail, "status": status}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _listed(request: Request, rows: list[Row], id: str) -> list[Row]:
    """Sorted by ``sort`` and cut to the page; ids and times, compared as such."""
    query = request.query_params
    most = MAX_LIMIT_WITH_DETAILS if query.get("with_details") == "all" else MAX_LIMIT
    limit, page = int(query.get("limit", DEFAULT_LIMIT)), int(query.get("page", 1))
    if not 1 <= limit <= most or page < 1:
        raise Refused("limit or page is out of range")
    ordered = sorted(rows, key=lambda row: int(row[id]))
    for part in reversed(query.get("sort", f"{id}:asc").split(",")):
        name, _, direction = part.partition(":")
        key = (lambda row: int(row[id])) if name == id else (lambda row, by=name: row[by])
        ordered.sort(key=key, reverse=direction == "desc")
    return ordered[(page - 1) * limit : page * limit]


def refuse(fault: Fault) -> Response:
    """As Smaregi refuses: a problem document, with Retry-After where the script says so."""
    wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return problem(STATUS[fault.kind], fault.kind, wait)
