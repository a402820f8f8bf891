"""The twin as a web application: token and API on one address, and a page."""

import base64
import html
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema import Checked
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_square.client import TOKEN, moment
from renkei_square.twin_books import Books, Refused
from renkei_square.twin_rows import MERCHANT, PROGRAM, Row
from renkei_square.twin_schema import REFUSAL, SOURCE, calls, schema

CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
REFRESH_TOKEN = "twin-refresh-token"  # noqa: S105 - a twin's, known to all
TOKEN_LIFE = timedelta(days=30)

MOST_ORDERS, MOST_CUSTOMERS = 1000, 100

CODES = {
    400: ("INVALID_REQUEST_ERROR", "BAD_REQUEST"),
    401: ("AUTHENTICATION_ERROR", "UNAUTHORIZED"),
    403: ("AUTHENTICATION_ERROR", "FORBIDDEN"),
    404: ("INVALID_REQUEST_ERROR", "NOT_FOUND"),
    429: ("RATE_LIMIT_ERROR", "RATE_LIMITED"),
    500: ("API_ERROR", "INTERNAL_SERVER_ERROR"),
}

Answer = Callable[[Request], Awaitable[Row]]


@dataclass
class TwinApp:
    """One seller and what surrounds it. ``tokens``: when each ends."""

    books: Books
    faults: FaultScript = field(default_factory=FaultScript)
    tokens: dict[str, datetime] = field(default_factory=dict)
    log: SchemaLog = field(default_factory=lambda: SchemaLog(SOURCE))
    _granted: "count[int]" = field(default_factory=lambda: count(1))

    def asgi(self) -> ASGIApp:
        """The application, under Square's schema, with its faults around it."""
        books = self.books
        routes = [
            Route("/", self._page),
            Route(TOKEN, self._token, methods=["POST"]),
            self._route("/locations", self._locations),
            self._route("/customers", self._create, "POST"),
            self._route("/customers/search", self._customers, "POST"),
            self._one("/customers/{id}", "customer", books.customers),
            self._route("/orders/search", self._orders, "POST"),
            self._one("/orders/{id}", "order", books.orders),
            self._route("/payments", self._payments),
            self._one("/payments/{id}", "payment", books.payments),
            self._one("/refunds/{id}", "refund", books.refunds),
            self._one("/loyalty/rewards/{id}", "reward", books.rewards),
            self._route("/loyalty/rewards/search", self._rewards, "POST"),
            self._route("/loyalty/accounts", self._enrol, "POST"),
            self._route("/loyalty/accounts/search", self._accounts, "POST"),
            self._route("/loyalty/accounts/{id}/adjust", self._adjust, "POST"),
            self._route("/loyalty/programs/{id}", self._program),
            self._route("/loyalty/programs/{id}/promotions", self._promotions),
        ]
        checked = Checked(Starlette(routes=routes), schema(), calls(), REFUSAL, self.log)
        return Faulty(checked, self.faults, refuse=refuse)

    def _route(self, path: str, answer: Answer, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self.tokens.get(given, self.books.now()) <= self.books.now():
                return problem(401, "the token is unknown or has expired")
            try:
                return JSONResponse(await answer(request))
            except KeyError:
                return problem(404, "there is no such thing")
            except Refused as error:
                return problem(400, str(error))

        return Route(f"/v2{path}", guarded, methods=[method], name=f"{method} {path}")

    def _one(self, path: str, name: str, kept: dict[str, Row]) -> Route:
        async def answer(request: Request) -> Row:
            return {name: kept[request.path_params["id"]]}

        return self._route(path, answer)

    async def _token(self, request: Request) -> Response:
        given = await request.json()
        known = same(given["client_id"], CLIENT_ID) and same(given["client_secret"], CLIENT_SECRET)
        if not known or not same(given["refresh_token"], REFRESH_TOKEN):
            return problem(401, "the credentials are refused")
        token, end = f"twin-token-{next(self._granted)}", self.books.now() + TOKEN_LIFE
        self.tokens[token] = end
        about = {"token_type": "bearer", "expires_at": moment(end), "merchant_id": MERCHANT}
        return JSONResponse({"access_token": token, **about, "refresh_token": REFRESH_TOKEN})

    async def _locations(self, _request: Request) -> Row:
        return {"locations": self.books.locations}

    async def _create(self, request: Request) -> Row:
        given = await request.json()
        key = given.pop("idempotency_key", "")
        if key and key in self.books.answered:
            return self.books.answered[key]
        answer: Row = {"customer": dict(self.books.make_customer(given))}
        self.books.answered[key] = answer
        return answer

    async def _customers(self, request: Request) -> Row:
        given = await request.json()
        asked = given.get("query", {}).get("filter", {})
        rows = list(self.books.customers.values())
        if "reference_id" in asked:
            wanted = asked["reference_id"]["exact"].lower()
            rows = [row for row in rows if row.get("reference_id", "").lower() == wanted]
        if "updated_at" in asked:
            rows = _between(rows, asked["updated_at"])
        return _page(rows, "customers", "created_at", given, MOST_CUSTOMERS)

    async def _orders(self, request: Request) -> Row:
        given = await request.json()
        query = given.get("query", {})
        asked = query.get("filter", {})
        states = asked.get("state_filter", {}).get("states")
        places = given.get("location_ids", [])
        rows = [row for row in self.books.orders.values() if row["location_id"] in places]
        rows = [row for row in rows if states is None or row["state"] in states]
        for name, between in asked.get("date_time_filter", {}).items():
            if query.get("sort", {}).get("sort_field") != name.upper():
                raise Refused("sort_field must be the field of the date_time_filter")
            rows = _between(rows, between)
        return _page(rows, "orders", "updated_at", given, MOST_ORDERS)

    async def _payments(self, request: Request) -> Row:
        rows = list(self.books.payments.values())
        return {"payments": rows[: int(request.query_params.get("limit", 100))]}

    async def _enrol(self, request: Request) -> Row:
        given = await request.json()
        asked, key = given["loyalty_account"], given["idempotency_key"]
        if key not in self.books.answered:
            made = self.books.enrol(asked["customer_id"], asked["mapping"]["phone_number"])
            self.books.answered[key] = {"loyalty_account": dict(made)}
        return self.books.answered[key]

    async def _accounts(self, request: Request) -> Row:
        wanted = (await request.json())["query"]["customer_ids"]
        rows = [one for one in self.books.accounts.values() if one["customer_id"] in wanted]
        return {"loyalty_accounts": rows} if rows else {}

    async def _rewards(self, request: Request) -> Row:
        asked = (await request.json())["query"]
        rows = [
            one
            for one in self.books.rewards.values()
            if one["loyalty_account_id"] == asked["loyalty_account_id"]
            and asked.get("status") in (None, one["status"])
        ]
        return {"rewards": rows} if rows else {}

    async def _adjust(self, request: Request) -> Row:
        given = await request.json()
        account, key = self.books.accounts[request.path_params["id"]], given["idempotency_key"]
        if key not in self.books.answered:
            points = given["adjust_points"]["points"]
            below = given.get("allow_negative_balance", False)
            event = self.books.adjust(account, points, "LOYALTY_API", below=below)
            self.books.answered[key] = {"event": event}
        return self.books.answered[key]

    async def _program(self, request: Request) -> Row:
        if request.path_params["id"] not in ("main", PROGRAM) or not self.books.program:
            raise KeyError(PROGRAM)
        return {"program": self.books.program}

    async def _promotions(self, _request: Request) -> Row:
        rows = self.books.promotions
        return {"loyalty_promotions": rows} if rows else {}

    async def _page(self, _request: Request) -> Response:
        members = "".join(
            f"<tr><td>{html.escape(one.get('reference_id', '–'))}</td>"
            f"<td>{html.escape(one.get('family_name', ''))}</td>"
            f"<td>{(self.books.account_of(id) or {'balance': 0})['balance']}</td></tr>"
            for id, one in self.books.customers.items()
        )
        sales = "".join(
            f"<tr><td>{id}</td><td>{one['total_money']['amount']:,} 円</td></tr>"
            for id, one in self.books.orders.items()
            if "line_items" in one
        )
        return HTMLResponse(PAGE.format(members=members, sales=sales))


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>Square</title>
<h1>Square (twin)</h1>
<h2>顧客</h2>
<table border="1"><tr><th>参照ID</th><th>姓</th><th>ポイント</th></tr>{members}</table>
<h2>取引</h2>
<table border="1"><tr><th>注文</th><th>合計</th></tr>{sales}</table></html>"""


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An error as Square writes it."""
    category, code = CODES[status]
    error = {"category": category, "code": code, "detail": detail}
    return JSONResponse({"errors": [error]}, status, headers)


def refuse(fault: Fault) -> Response:
    """As Square refuses, with Retry-After where the script says so."""
    wait = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return problem(STATUS[fault.kind], fault.kind, wait)


def _between(rows: Sequence[Row], asked: Row) -> list[Row]:
    """Rows updated from start to end, both included; times of one format compare as texts."""
    return [row for row in rows if asked["start_at"] <= row["updated_at"] <= asked["end_at"]]


def _page(rows: Sequence[Row], name: str, by: str, given: Row, most: int) -> Row:
    """Sorted, after the cursor, and cut to the page; what is empty is left out."""

    def place(row: Row) -> str:
        return f"{row[by]}|{row['id']}"

    limit = given.get("limit", most)
    if not 1 <= limit <= most:
        raise Refused("limit is out of range")
    after = base64.urlsafe_b64decode(given.get("cursor", "")).decode()
    found = sorted((row for row in rows if place(row) > after), key=place)
    answer: Row = {name: found[:limit]} if found else {}
    if len(found) > limit:
        answer["cursor"] = base64.urlsafe_b64encode(place(found[limit - 1]).encode()).decode()
    return answer
