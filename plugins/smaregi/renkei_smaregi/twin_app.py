"""The twin as a web application: token host and API host on one address, faults, and a page."""

import base64
import html
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_smaregi.settings import SCOPES
from renkei_smaregi.twin_pos import Refused, TwinPos
from renkei_smaregi.twin_wire import Row

CONTRACT = "twin01"
CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
TOKEN_SECONDS = 3600
DEFAULT_LIMIT, MAX_LIMIT, MAX_LIMIT_WITH_DETAILS = 100, 1000, 100
LONGEST = timedelta(days=31)

Handler = Callable[[Request], Awaitable[Response]]


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
    """One contract and what surrounds it. ``members_in_plan`` False is a plan without members."""

    pos: TwinPos = field(default_factory=TwinPos)
    faults: FaultScript = field(default_factory=FaultScript)
    scopes: tuple[str, ...] = SCOPES
    members_in_plan: bool = True
    tokens: dict[str, datetime] = field(default_factory=dict)
    granted: int = 0

    def asgi(self) -> Starlette:
        """The application."""
        pos = f"/{CONTRACT}/pos"
        return Starlette(
            routes=[
                Route("/", self._page),
                Route(f"/app/{CONTRACT}/token", self._token, methods=["POST"]),
                self._route(f"{pos}/customers", self._customers, "pos.customers:read"),
                self._route(f"{pos}/customers", self._create, "pos.customers:write", "POST"),
                self._route(f"{pos}/customers/point", self._points, "pos.customers:read"),
                self._route(f"{pos}/customers/{{id}}", self._customer, "pos.customers:read"),
                self._route(
                    f"{pos}/customers/{{id}}", self._update, "pos.customers:write", "PATCH"
                ),
                self._route(
                    f"{pos}/customers/{{id}}/point/add", self._add, "pos.customers:write", "POST"
                ),
                self._route(f"{pos}/transactions", self._transactions, "pos.transactions:read"),
                self._route(f"{pos}/transactions/{{id}}", self._sale, "pos.transactions:read"),
                self._route(f"{pos}/stores", self._stores, "pos.stores:read"),
            ]
        )

    def _route(self, path: str, handler: Handler, scope: str, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            return await self._guarded(request, handler, scope)

        return Route(path, guarded, methods=[method], name=f"{method} {path}")

    async def _guarded(self, request: Request, handler: Handler, scope: str) -> Response:
        fault = self.faults.take(request.url.path)
        if fault and fault.kind not in ("drop_after", "half_page"):
            return _faulty(fault, b"")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, self.pos.clock()) <= self.pos.clock():
            return problem(401, "Unauthorized")
        members = scope.startswith("pos.customers")
        if scope not in self.scopes or (members and not self.members_in_plan):
            return problem(403, "Forbidden")
        try:
            answer = await handler(request)
        except Refused as refusal:
            return problem(400, str(refusal))
        except KeyError:
            return problem(404, "Not Found")
        return _faulty(fault, bytes(answer.body)) if fault else answer

    async def _token(self, request: Request) -> Response:
        if fault := self.faults.take(request.url.path):
            return _faulty(fault, b"")
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not same(request.headers.get("authorization", ""), f"Basic {expected}"):
            return JSONResponse({"error": "invalid_client"}, 401)
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
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
        return JSONResponse(self.pos.create_customer(await _strings(request)))

    async def _customer(self, request: Request) -> Response:
        return JSONResponse(self.pos.customers[request.path_params["id"]])

    async def _update(self, request: Request) -> Response:
        given = await _strings(request)
        return JSONResponse(self.pos.update_customer(request.path_params["id"], given))

    async def _points(self, request: Request) -> Response:
        wanted = request.query_params.get("customer_id")
        rows = [self._point_row(id) for id in self.pos.points if wanted in (None, id)]
        return JSONResponse(_listed(request, rows, "customerId"))

    async def _add(self, request: Request) -> Response:
        id = request.path_params["id"]
        change = int((await _strings(request)).get("point", "0"))
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


async def _strings(request: Request) -> Row:
    given: Any = json.loads(await request.body())
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise Refused("every value must be a string")
    return given


def _faulty(fault: Fault, answer: bytes) -> Response:
    if fault.kind == "unauthorized":
        return problem(401, "Unauthorized")
    if fault.kind == "rate_limited":
        wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return problem(429, "Too Many Requests", wait)
    if fault.kind == "server_error":
        return problem(500, "Internal Server Error")
    return Broken(answer[: len(answer) // 2] if fault.kind == "half_page" else b"")
