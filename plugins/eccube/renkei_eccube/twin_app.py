"""The twin as a web application: consent and tokens, the Web API, and a page with what it holds."""

import html
import json
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_eccube.client import API, TOKEN
from renkei_eccube.twin_graphql import Asked, run
from renkei_eccube.twin_oauth import TwinOAuth
from renkei_eccube.twin_shop import TwinShop

SOURCE = "wire_schema.graphql, companion.graphql and wire.schema.json of renkei-eccube, 2026-11-27"

CALLS = (Call("POST", TOKEN, body="tokenAsked", answer="token"),)


@cache
def json_schema() -> JsonSchema:
    """Tokens and deliveries, each with its source."""
    file = files("renkei_eccube") / "wire.schema.json"
    return JsonSchema(json.loads(file.read_text("utf-8")))


class TwinApp:
    """One shop and what surrounds it.

    ``tell`` sends what has happened in it; ``companion``: whether our companion is installed.
    """

    def __init__(self, shop: TwinShop, tell: Callable[[], Awaitable[None]]) -> None:
        self.shop = shop
        self.faults = FaultScript()
        self.log = SchemaLog(SOURCE)
        self.oauth = TwinOAuth(shop.now)
        self.companion = True
        self._tell = tell

    def asgi(self, admin_route: str = "admin") -> ASGIApp:
        """The application, under its schema, with its faults around it."""
        routes = [
            Route("/", self._page),
            Route(f"/{admin_route}/authorize", self.oauth.consent),
            Route(TOKEN, self.oauth.token, methods=["POST"]),
            Route(API, self._api, methods=["POST"]),
        ]
        checked = Checked(Starlette(routes=routes), json_schema(), CALLS, "refusal", self.log)
        return Faulty(checked, self.faults)

    async def _api(self, request: Request) -> Response:
        if not self.oauth.lets_in(request):
            self.log.request(None)
            self.log.answer(None)
            return JSONResponse({"message": "The resource server rejected the request."}, 401)
        given = await request.json()
        asked = Asked(self.shop, self.log, self.oauth.scopes, self.companion)
        answer = run(asked, given.get("query"), given.get("variables") or {})
        # As in the shop, nobody who calls waits for its deliveries.
        return JSONResponse(answer, background=BackgroundTask(self._tell))

    async def _page(self, _request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one.shopper.family_name)} "
            f"{html.escape(one.shopper.given_name)}</td><td>{one.point:,}</td></tr>"
            for one in self.shop.customers.values()
            if one.status == "2"
        )
        orders = "".join(
            f"<tr><td>{one.id}</td><td>{one.sum():,} 円</td><td>{one.status}</td></tr>"
            for one in self.shop.orders.values()
        )
        return HTMLResponse(PAGE.format(customers=rows, orders=orders))


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>EC-CUBE (twin)</title>
<h1>EC-CUBE (twin)</h1>
<h2>会員</h2>
<table border="1"><tr><th>氏名</th><th>ポイント</th></tr>{customers}</table>
<h2>受注</h2>
<table border="1"><tr><th>番号</th><th>合計</th><th>対応状況</th></tr>{orders}</table>
</html>"""
