"""The twin as a web application: tokens, limits, the interface under its schema, and a page."""

import base64
import html
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from importlib.resources import files
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from renkei_contracts.reference.cart.install import callback_message
from renkei_contracts.reference.cart.twin_shop import TwinShop, page
from renkei_contracts.stage import StageContext
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog

CLIENT_ID = "reference-app"
CLIENT_SECRET = "reference-client-secret"  # noqa: S105 - a twin's, known to all
TOKEN_LIFE = timedelta(hours=1)
CALLS_A_SECOND = 200
PAGE_SIZE = 50

SCHEMA = JsonSchema(json.loads(files(__package__).joinpath("wire.schema.json").read_text("utf-8")))

POINTS = "/v1/customers/{id}/points"
CALLS = (
    Call("POST", "/oauth/token", body="TokenRequest", answer="Token"),
    Call("GET", "/oauth/authorize", query="Consent"),
    Call("GET", "/v1/shop", answer="Shop"),
    Call("GET", "/v1/orders", query="PageQuery", answer="Orders"),
    Call("GET", "/v1/orders/{id}", answer="Order"),
    Call("GET", "/v1/customers", query="PageQuery", answer="Customers"),
    Call("GET", "/v1/customers/{id}", answer="Customer"),
    Call("GET", POINTS, answer="Points"),
    Call("PUT", POINTS, body="Points", answer="Points"),
    Call("POST", "/v1/customers/{id}/messages", body="Message", answer="Done"),
    Call("GET", "/v1/products", query="PageQuery", answer="Products"),
    Call("GET", "/v1/stock", query="SkuQuery", answer="Levels"),
    Call("PUT", "/v1/stock", body="Level", answer="Level"),
    Call("PUT", "/v1/coupons/{code}", body="Coupon", answer="Done"),
    Call("DELETE", "/v1/coupons/{code}", answer="Done"),
    Call("GET", "/v1/calendar", query="DayQuery", answer="Calendar"),
)

Handler = Callable[[Request], Awaitable[Response]]


class TwinApp:
    """One shop behind its interface."""

    def __init__(self, shop: TwinShop, context: StageContext) -> None:
        self.shop = shop
        self.faults = FaultScript()
        self._now = context.now
        self._page_size = context.page_size or PAGE_SIZE
        self._tokens: dict[str, datetime] = {}
        self._codes: set[str] = set()
        self._this_second = (0, 0)
        log = SchemaLog(source="the vendor's own, which is wire.schema.json of this package")
        self.checked = Checked(self._starlette(), SCHEMA, CALLS, refusal="Refusal", log=log)
        self.asgi = Faulty(self.checked, self.faults)

    def _starlette(self) -> Starlette:
        guarded: list[tuple[str, str, Handler]] = [
            ("GET", "/v1/shop", self._setup),
            ("GET", "/v1/{list:str}", self._list),
            ("GET", "/v1/orders/{id}", self._order),
            ("GET", "/v1/customers/{id}", self._customer),
            ("GET", POINTS, self._points),
            ("PUT", POINTS, self._show_points),
            ("POST", "/v1/customers/{id}/messages", self._message),
            ("PUT", "/v1/stock", self._set_level),
            ("PUT", "/v1/coupons/{code}", self._issue),
            ("DELETE", "/v1/coupons/{code}", self._revoke),
        ]
        routes = [
            Route("/", self._page),
            Route("/oauth/authorize", self._consent),
            Route("/oauth/token", self._token, methods=["POST"]),
        ]
        routes += [
            Route(path, self._guarded(handler), methods=[method])
            for method, path, handler in guarded
        ]
        return Starlette(routes=routes)

    def _guarded(self, handler: Handler) -> Handler:
        """Only so often, only with a token that has not ended, and 404 for what is not there."""

        async def answer(request: Request) -> Response:
            if self._too_often():
                return _refused(429, "too many calls", {"Retry-After": "1"})
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self._now() >= self._tokens.get(bearer, self._now()):
                return _refused(401, "the token is unknown or has ended")
            try:
                return await handler(request)
            except KeyError:
                return _refused(404, "there is no such thing")

        return answer

    def _too_often(self) -> bool:
        second = int(self._now().timestamp())
        before = self._this_second[1] if self._this_second[0] == second else 0
        self._this_second = (second, before + 1)
        return before >= CALLS_A_SECOND

    async def _consent(self, request: Request) -> Response:
        """The merchant says yes at once."""
        code, state = f"code-{self.shop.number()}", request.query_params["state"]
        self._codes.add(code)
        signature = hmac_sha256_base64(CLIENT_SECRET, callback_message(code, state))
        query = urlencode({"code": code, "state": state, "signature": signature})
        return RedirectResponse(f"{request.query_params['redirect_uri']}?{query}")

    async def _token(self, request: Request) -> Response:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        form = parse_qs((await request.body()).decode())
        if form["grant_type"] == ["authorization_code"]:
            code = form.get("code", [""])[0]
            if code not in self._codes:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self._codes.remove(code)
        token = f"reference-token-{self.shop.number()}"
        self._tokens[token] = self._now() + TOKEN_LIFE
        seconds = int(TOKEN_LIFE.total_seconds())
        told = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
        return JSONResponse(told)

    async def _setup(self, request: Request) -> Response:
        return JSONResponse(self.shop.settings)

    async def _list(self, request: Request) -> Response:
        name, query = request.path_params["list"], request.query_params
        if name == "stock":
            wanted = query["skus"].split(",")
            found = [row for row in self.shop.levels.values() if row["sku"] in wanted]
            return JSONResponse({"levels": found})
        if name == "calendar":
            on = query["day"].endswith("5")
            sale_day = {"name": "sale-day", "area": "", "value": on, "source": "calendar: 5の日"}
            return JSONResponse({"occasions": [sale_day]})
        lists = {
            "orders": self.shop.orders,
            "customers": self.shop.customers,
            "products": self.shop.products,
        }
        return JSONResponse(page(lists[name].values(), query, self._page_size))

    async def _order(self, request: Request) -> Response:
        return JSONResponse(self.shop.orders[request.path_params["id"]])

    async def _customer(self, request: Request) -> Response:
        return JSONResponse(self.shop.customers[request.path_params["id"]])

    async def _points(self, request: Request) -> Response:
        id = request.path_params["id"]
        points = self.shop.customers[id]["points"]
        return JSONResponse({"points": points, "expires_on": self.shop.expiry.get(id)})

    async def _show_points(self, request: Request) -> Response:
        id, body = request.path_params["id"], await request.json()
        self.shop.show_points(id, body["points"])
        self.shop.expiry[id] = body["expires_on"]
        return JSONResponse(body)

    async def _message(self, request: Request) -> Response:
        customer = self.shop.customers[request.path_params["id"]]
        self.shop.messages.append((customer["id"], (await request.json())["text"]))
        return JSONResponse({}, 202)

    async def _set_level(self, request: Request) -> Response:
        level = await request.json()
        place = level["sku"], level["location"]
        kept = self.shop.levels.get(place)
        if kept and datetime.fromisoformat(kept["at"]) > datetime.fromisoformat(level["at"]):
            return _refused(409, "there is a newer count")
        self.shop.levels[place] = level
        return JSONResponse(level)

    async def _issue(self, request: Request) -> Response:
        self.shop.coupons[request.path_params["code"]] = await request.json()
        return JSONResponse({})

    async def _revoke(self, request: Request) -> Response:
        del self.shop.coupons[request.path_params["code"]]
        return JSONResponse({})

    async def _page(self, request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one['family_name'])} {html.escape(one['given_name'])}</td>"
            f"<td>{one['points']}</td></tr>"
            for one in self.shop.customers.values()
        )
        return HTMLResponse(f"<!doctype html><title>Reference cart</title><table>{rows}</table>")


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": message}, status, headers=headers)
