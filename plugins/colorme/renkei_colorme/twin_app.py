"""The twin as a web application: consent and tokens, the API under its schema, and a page."""

import html
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_colorme.twin_shop import Refused, Row, TwinShop
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.bucket import Bucket
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog

CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
ACCESS_TOKEN = "twin-access-token"  # noqa: S105 - a twin's, known to all
REDIRECT_URL = "https://hub.example.jp/install/callback"

CODE_LIFE = timedelta(minutes=10)
DEFAULT_LIMIT, MAX_LIMIT = 10, 100
WEEK = 7 * 24 * 3600

CALLS = (
    Call("POST", "/oauth/token", body="tokenAsked", answer="token"),
    Call("GET", "/v1/sales", query="salesAsked", answer="sales"),
    Call("GET", "/v1/sales/{id}", query="nothingAsked", answer="oneSale"),
    Call("GET", "/v1/customers", query="customersAsked", answer="customers"),
    Call("GET", "/v1/customers/{id}", query="nothingAsked", answer="oneCustomer"),
    Call("POST", "/v1/customers/{id}/points", body="pointsAdded", answer="points"),
    Call("GET", "/v1/shop_coupons", query="nothingAsked", answer="coupons"),
    Call("POST", "/v1/shop_coupons", body="couponMade", answer="oneCoupon"),
    Call("DELETE", "/v1/shop_coupons/{id}", query="nothingAsked", answer="nothing"),
)

SOURCE = (
    "wire.schema.json, ours: inputs after pepabo/colormeshop-mcp b32f191c (MIT), answers after "
    "public types and measurements"
)

Handler = Callable[[Request], Awaitable[Response]]


@cache
def schema() -> JsonSchema:
    """The wire schema; each field names its source."""
    file = files("renkei_colorme") / "wire.schema.json"
    return JsonSchema(json.loads(file.read_text(encoding="utf-8")))


class TwinApp:
    """One shop with our app in it.

    ``limit``: how many calls it answers (None: any number; the real one asks for 120 a minute and
    counts real time). ``page_size``: to what it clamps a page.
    """

    def __init__(self, shop: TwinShop, page_size: int | None = None) -> None:
        self.shop = shop
        self.faults = FaultScript()
        self.log = SchemaLog(SOURCE)
        self.limit: Bucket | None = None
        self.tokens = {ACCESS_TOKEN}
        self._codes: dict[str, datetime] = {}
        self._most = min(page_size or MAX_LIMIT, MAX_LIMIT)

    def asgi(self) -> ASGIApp:
        """The application, under its schema, with its faults around it."""
        routes = [
            Route("/", self._page),
            Route("/oauth/authorize", self._consent),
            Route("/oauth/token", self._token, methods=["POST"]),
            self._route("/v1/sales", self._sales),
            self._route("/v1/sales/{id:int}", self._sale),
            self._route("/v1/customers", self._customers),
            self._route("/v1/customers/{id:int}", self._customer),
            self._route("/v1/customers/{id:int}/points", self._points, "POST"),
            self._route("/v1/shop_coupons", self._coupons),
            self._route("/v1/shop_coupons", self._issue, "POST"),
            self._route("/v1/shop_coupons/{id:int}", self._revoke, "DELETE"),
        ]
        app = Starlette(routes=routes, exception_handlers={404: _not_found})
        checked = Checked(app, schema(), CALLS, "refusal", self.log)
        return Faulty(checked, self.faults, refuse=refuse)

    def _route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not any(same(token, known) for known in self.tokens):
                return problem(401, 401010, "このリソースにアクセスできません。")
            if self.limit is not None:
                if not self.limit.holds():
                    return problem(429, 429000, "Too Many Requests")
                self.limit.take()
            return await _answered(handler, request)

        return Route(path, guarded, methods=[method], name=f"{method} {path}")

    async def _consent(self, request: Request) -> Response:
        """The owner says yes at once."""
        query = request.query_params
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") != REDIRECT_URL:
            return JSONResponse({"error": "invalid_client"}, 401)
        code = f"{self.shop.number():064d}"
        self._codes[code] = self.shop.clock() + CODE_LIFE
        back = {"code": code, "state": query["state"]}
        return RedirectResponse(f"{REDIRECT_URL}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        """A code is good once, and for ten minutes."""
        form = dict(parse_qsl((await request.body()).decode()))
        known = form.get("client_id") == CLIENT_ID and form.get("redirect_uri") == REDIRECT_URL
        if not known or not same(form.get("client_secret", ""), CLIENT_SECRET):
            return _oauth_error("invalid_client")
        ends = self._codes.pop(form.get("code", ""), None)
        if ends is None or ends < self.shop.clock():
            return _oauth_error("invalid_grant")
        token = f"twin-token-{self.shop.number()}"
        self.tokens.add(token)
        scope = "read_sales write_sales read_shop_coupons write_shop_coupons"
        told = {"access_token": token, "token_type": "Bearer", "scope": scope}
        return JSONResponse({**told, "created_at": self.shop.second()})

    async def _sales(self, request: Request) -> Response:
        """Without a beginning, those placed in the last seven days only."""
        query = request.query_params
        placed = _time(query.get("make_date_min")) or self.shop.second() - WEEK
        rows = [row for row in self.shop.sales.values() if row["make_date"] >= placed]
        return self._listed("sales", request, rows)

    async def _sale(self, request: Request) -> Response:
        return JSONResponse({"sale": self.shop.sales[request.path_params["id"]]})

    async def _customers(self, request: Request) -> Response:
        wanted = request.query_params.get("member")
        rows = list(self.shop.customers.values())
        if wanted in ("true", "1", "false", "0"):
            rows = [row for row in rows if row["member"] is (wanted in ("true", "1"))]
        return self._listed("customers", request, rows)

    async def _customer(self, request: Request) -> Response:
        """Members only."""
        row = self.shop.customers[request.path_params["id"]]
        if not row["member"]:
            raise KeyError(row["id"])
        return JSONResponse({"customer": row})

    async def _points(self, request: Request) -> Response:
        id = request.path_params["id"]
        balance = self.shop.add_points(id, (await request.json())["points"])
        return JSONResponse({"customer_id": id, "points": balance})

    async def _coupons(self, request: Request) -> Response:
        return JSONResponse({"shop_coupons": list(self.shop.coupons.values())})

    async def _issue(self, request: Request) -> Response:
        given: Row = (await request.json())["shop_coupon"]
        return JSONResponse({"shop_coupon": self.shop.issue(given)})

    async def _revoke(self, request: Request) -> Response:
        del self.shop.coupons[request.path_params["id"]]
        return JSONResponse({})

    def _listed(self, name: str, request: Request, rows: Sequence[Row]) -> Response:
        """A page, the newest row first; a filter that is not understood is ignored in silence."""
        query = request.query_params
        since, until = _time(query.get("update_date_min")), _time(query.get("update_date_max"))
        found = [
            row
            for row in reversed(rows)
            if (since is None or row["update_date"] >= since)
            and (until is None or row["update_date"] <= until)
        ]
        limit = min(int(query.get("limit", DEFAULT_LIMIT)), self._most)
        offset = int(query.get("offset", "0"))
        meta = {"total": len(found), "limit": limit, "offset": offset}
        return JSONResponse({name: found[offset:][:limit], "meta": meta})

    async def _page(self, request: Request) -> Response:
        """What the twin holds, for a person."""
        rows = [*self.shop.customers.values(), *self.shop.sales.values()]
        told = "".join(f"<pre>{html.escape(_shown(row))}</pre>" for row in rows)
        return HTMLResponse(f"<h1>カラーミーショップ (twin)</h1>{told}")


def problem(status: int, code: int, message: str, field: str | None = None) -> Response:
    """A refusal in the shop's own shape."""
    one = {"code": code, "message": message, "status": status}
    return JSONResponse({"errors": [one if field is None else {**one, "field": field}]}, status)


def refuse(fault: Fault) -> Response:
    """A fault of the script in the shop's own shape."""
    status = STATUS[fault.kind]
    answer = problem(status, status * 1000, fault.kind)
    if fault.retry_after is not None:
        answer.headers["Retry-After"] = str(fault.retry_after)
    return answer


async def _answered(handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Refused as refusal:
        return problem(422, refusal.code, refusal.message, refusal.field)
    except KeyError:
        return problem(404, 404100, "レコードが見つかりませんでした。")


async def _not_found(request: Request, _error: Exception) -> Response:
    return problem(404, 404100, "レコードが見つかりませんでした。")


def _oauth_error(error: str) -> Response:
    return JSONResponse({"error": error, "error_description": "認可できません。"}, 401)


def _time(text: str | None) -> int | None:
    """A filter's moment, in Japanese time; what is none filters nothing."""
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return int(datetime.strptime(text or "", form).replace(tzinfo=JST).timestamp())
        except ValueError:
            continue
    return None


def _shown(row: Any) -> str:
    return json.dumps(row, ensure_ascii=False, indent=1)
