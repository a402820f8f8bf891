"""The twin as a web application: signed calls, the interface under its schema, and a page."""

import hashlib
import hmac
import html
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.stage import StageContext
from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_woocommerce.twin_shop import Row, TwinShop, changed, times

KEY, SECRET = "ck_twin", "cs_twin_secret_0123456789"
WINDOW = 15 * 60
"""Seconds that a call's time may be off (source: the documentation, OAuth tips)."""
API = "/wp-json/wc/v3"
MOST_ROWS = 100

SCHEMA = JsonSchema(json.loads(files(__package__).joinpath("wire.schema.json").read_text("utf-8")))
SOURCE = "a wire schema of ours, each field from the vendor's documentation or source code"

CALLS = (
    Call("GET", f"{API}/data/currencies/current", query="Auth", answer="Currency"),
    Call("GET", f"{API}/orders", query="OrdersQuery", answer="Orders"),
    Call("GET", f"{API}/orders/{{id}}", query="Auth", answer="Order"),
    Call("GET", f"{API}/orders/{{id}}/refunds", query="ListQuery", answer="Refunds"),
    Call("GET", f"{API}/customers", query="CustomersQuery", answer="Customers"),
    Call("GET", f"{API}/customers/{{id}}", query="Auth", answer="Customer"),
    Call("PUT", f"{API}/customers/{{id}}", "Auth", "CustomerWrite", "Customer"),
    Call("GET", f"{API}/products", query="ProductsQuery", answer="Products"),
    Call("GET", f"{API}/products/{{id}}/variations", query="ListQuery", answer="Products"),
    Call("PUT", f"{API}/products/{{id}}", "Auth", "StockWrite", "Product"),
    Call("PUT", f"{API}/products/{{id}}/variations/{{vid}}", "Auth", "StockWrite", "Product"),
    Call("GET", f"{API}/coupons", query="CouponsQuery", answer="Coupons"),
    Call("POST", f"{API}/coupons", "Auth", "CouponCreate", "Coupon"),
    Call("PUT", f"{API}/coupons/{{id}}", "Auth", "CouponWrite", "Coupon"),
    Call("DELETE", f"{API}/coupons/{{id}}", query="ForceQuery", answer="Coupon"),
    Call("GET", f"{API}/webhooks", query="ListQuery", answer="Webhooks"),
    Call("POST", f"{API}/webhooks", "Auth", "WebhookCreate", "Webhook"),
    Call("PUT", f"{API}/webhooks/{{id}}", "Auth", "WebhookWrite", "Webhook"),
)

Handler = Callable[[Request], Awaitable[Response]]


class TwinApp:
    """One shop behind its interface; ``told`` hears of customers that a call has changed."""

    def __init__(
        self, shop: TwinShop, context: StageContext, told: Callable[[Row], Awaitable[None]]
    ) -> None:
        self.shop = shop
        self.faults = FaultScript()
        self.secrets: dict[int, str] = {}
        self.failures: dict[int, int] = {}
        self.currency = "JPY"
        self._told = told
        self._page_size = context.page_size or MOST_ROWS
        self._now = context.now
        self._nonces: set[str] = set()
        log = SchemaLog(source=SOURCE)
        self.checked = Checked(self._starlette(), SCHEMA, CALLS, refusal="Refusal", log=log)
        self.asgi = Faulty(self.checked, self.faults)

    def _starlette(self) -> Starlette:
        handlers: list[tuple[str, str, Handler]] = [
            ("GET", "/data/currencies/current", self._currency),
            ("GET", "/orders", self._orders),
            ("GET", "/orders/{id:int}", self._order),
            ("GET", "/orders/{id:int}/refunds", self._refunds),
            ("GET", "/customers", self._customers),
            ("GET", "/customers/{id:int}", self._customer),
            ("PUT", "/customers/{id:int}", self._change_customer),
            ("GET", "/products", self._products),
            ("GET", "/products/{id:int}/variations", self._variations),
            ("PUT", "/products/{id:int}", self._change_product),
            ("PUT", "/products/{parent:int}/variations/{id:int}", self._change_product),
            ("GET", "/coupons", self._coupons),
            ("POST", "/coupons", self._make_coupon),
            ("PUT", "/coupons/{id:int}", self._change_coupon),
            ("DELETE", "/coupons/{id:int}", self._delete_coupon),
            ("GET", "/webhooks", self._webhooks),
            ("POST", "/webhooks", self._make_webhook),
            ("PUT", "/webhooks/{id:int}", self._change_webhook),
        ]
        routes = [
            Route(f"{API}{path}", self._guarded(handler), methods=[method])
            for method, path, handler in handlers
        ]
        return Starlette(routes=[Route("/", self._page), *routes])

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            why = self._refuses(request)
            if why:
                return refusal(401, "woocommerce_rest_authentication_error", why)
            try:
                return await handler(request)
            except KeyError:
                status = 404 if request.method in ("GET", "DELETE") else 400
                return refusal(status, "woocommerce_rest_invalid_id", "Invalid ID.")

        return answer

    def _refuses(self, request: Request) -> str:
        """What is wrong with the call's signature; a nonce is good for one call."""
        given = dict(request.query_params)
        nonce, at = given.get("oauth_nonce", ""), given.get("oauth_timestamp", "")
        if given.get("oauth_consumer_key") != KEY or not at.isdigit():
            return "Consumer key is invalid."
        if abs(self._now().timestamp() - int(at)) > WINDOW:
            return "Invalid timestamp."
        if nonce in self._nonces:
            return "Invalid nonce - nonce has already been used."
        url = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
        if not hmac.compare_digest(
            signature(request.method, url, given, SECRET), given.get("oauth_signature", "")
        ):
            return "Invalid signature - provided signature does not match."
        self._nonces.add(nonce)
        return ""

    def _list(self, request: Request, rows: Iterable[Row]) -> Response:
        """A page, with the number of all pages in a header."""
        query, found = request.query_params, list(rows)
        size = min(int(query["per_page"]), self._page_size)
        first = int(query.get("offset", (int(query["page"]) - 1) * size))
        pages = -(-len(found) // size)
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
        # With an offset WordPress counts the pages without it (source: WP_Query).
        return JSONResponse(found[first : first + size], headers=headers)

    async def _currency(self, request: Request) -> Response:
        return JSONResponse({"code": self.currency, "name": "Japanese yen", "symbol": "&yen;"})

    async def _orders(self, request: Request) -> Response:
        query, orders = request.query_params, self.shop.orders.values()
        trash = query["status"] == "trash"
        shown = (row for row in orders if (row["status"] == "trash") is trash)
        return self._list(request, changed(shown, query))

    async def _order(self, request: Request) -> Response:
        return JSONResponse(self.shop.orders[request.path_params["id"]])

    async def _refunds(self, request: Request) -> Response:
        return self._list(request, self.shop.refunds[request.path_params["id"]])

    async def _customers(self, request: Request) -> Response:
        return self._list(request, sorted(self.shop.customers.values(), key=_by_id))

    async def _customer(self, request: Request) -> Response:
        return JSONResponse(self.shop.customers[request.path_params["id"]])

    async def _change_customer(self, request: Request) -> Response:
        row = self.shop.customers[request.path_params["id"]]
        for meta in (await request.json())["meta_data"]:
            self.shop.set_meta(row, meta["key"], meta["value"])
        await self._told(row)
        return JSONResponse(row)

    async def _products(self, request: Request) -> Response:
        query, products = request.query_params, self.shop.products.values()
        if "sku" not in query:
            return self._list(request, changed(_whole(products), query))
        sku = query["sku"]
        return self._list(
            request, [one for one in self.shop.products.values() if one["sku"] == sku]
        )

    async def _variations(self, request: Request) -> Response:
        parent = self.shop.products[request.path_params["id"]]["id"]
        found = [one for one in self.shop.products.values() if one["parent_id"] == parent]
        return self._list(request, found)

    async def _change_product(self, request: Request) -> Response:
        row = self.shop.products[request.path_params["id"]]
        row.update(await request.json())
        return JSONResponse(self.shop.touch(row))

    async def _coupons(self, request: Request) -> Response:
        code = request.query_params["code"].lower()
        return self._list(
            request, [one for one in self.shop.coupons.values() if one["code"] == code]
        )

    async def _make_coupon(self, request: Request) -> Response:
        body, id = await request.json(), self.shop.number()
        code = body["code"].lower()
        if any(one["code"] == code for one in self.shop.coupons.values()):
            name = "woocommerce_rest_coupon_code_already_exists"
            return refusal(400, name, "The coupon code already exists")
        self.shop.coupons[id] = {**body, "id": id, "code": code}
        return JSONResponse(self.shop.coupons[id], 201)

    async def _change_coupon(self, request: Request) -> Response:
        row = self.shop.coupons[request.path_params["id"]]
        row.update(await request.json())
        return JSONResponse(row)

    async def _delete_coupon(self, request: Request) -> Response:
        return JSONResponse(self.shop.coupons.pop(request.path_params["id"]))

    async def _webhooks(self, request: Request) -> Response:
        return self._list(request, self.shop.webhooks.values())

    async def _make_webhook(self, request: Request) -> Response:
        body = await request.json()
        return JSONResponse(
            self.subscribe(body["topic"], body["delivery_url"], body["secret"]), 201
        )

    async def _change_webhook(self, request: Request) -> Response:
        row = self.shop.webhooks[request.path_params["id"]]
        row.update(await request.json())
        self.failures.pop(row["id"], None)
        return JSONResponse(row)

    def subscribe(self, topic: str, url: str, secret: str) -> Row:
        """A webhook of the shop; its secret is not shown."""
        id, (resource, event) = self.shop.number(), topic.split(".")
        named = {"id": id, "name": topic, "status": "active", "topic": topic, "resource": resource}
        told = {**named, "event": event, "delivery_url": url, **times("date_created", self._now())}
        self.shop.webhooks[id] = told
        self.secrets[id] = secret
        return told

    async def _page(self, request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one['last_name'])} {html.escape(one['first_name'])}</td>"
            f"<td>{html.escape(_meta(one['meta_data']))}</td></tr>"
            for one in self.shop.customers.values()
        )
        return HTMLResponse(f"<!doctype html><title>WooCommerce</title><table>{rows}</table>")


def signature(method: str, url: str, given: Mapping[str, str], secret: str) -> str:
    """HMAC-SHA256 as the documentation describes it (Authentication over HTTP), step by step."""
    named = sorted((_encoded(key), _encoded(value)) for key, value in given.items())
    listed = "&".join(f"{key}={value}" for key, value in named if key != "oauth_signature")
    base = "&".join((method, _encoded(url), _encoded(listed)))
    return b64encode(hmac.digest(f"{secret}&".encode(), base.encode(), hashlib.sha256)).decode()


def refusal(status: int, code: str, message: str) -> Response:
    """A refusal as WordPress makes it."""
    return JSONResponse({"code": code, "message": message, "data": {"status": status}}, status)


def _encoded(text: str) -> str:
    return quote(text, safe="~")


def _whole(rows: Iterable[Row]) -> Iterable[Row]:
    """Variations are in no list of products, unless they are asked for by SKU."""
    return (row for row in rows if row["type"] != "variation")


def _by_id(row: Row) -> int:
    return int(row["id"])


def _meta(rows: Sequence[Row]) -> str:
    return " ".join(str(one["value"]) for one in rows)
