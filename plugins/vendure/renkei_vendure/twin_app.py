"""The twin as a web application: sessions, the Admin API, and a page with what it holds."""

import html
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.faulty import refuse as refuse_plainly
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_vendure.client import API_PATH, TOKEN_HEADER
from renkei_vendure.twin_graphql import ALLOWED, Asked, run
from renkei_vendure.twin_schema import SOURCE
from renkei_vendure.twin_shop import TwinShop

USERNAME = "renkei"
PASSWORD = "twin-password"  # noqa: S105 - a twin's, known to all

SESSION = timedelta(days=365)
"""How long a session lives after its last call: the default of ``authOptions.sessionDuration``."""

CODES = {
    "unauthorized": ("You are not currently authorized to perform this action", "FORBIDDEN"),
    "forbidden": ("You are not currently authorized to perform this action", "FORBIDDEN"),
    "server_error": ("Internal server error", "INTERNAL_SERVER_ERROR"),
}
"""Vendure's refusals come with status 200, and the same for no session and no permission."""


@dataclass
class TwinApp:
    """One shop and what surrounds it. ``tell`` posts what has happened in it."""

    shop: TwinShop
    tell: Callable[[], Awaitable[None]]
    page_size: int | None = None
    permissions: tuple[str, ...] = ALLOWED
    faults: FaultScript = field(default_factory=FaultScript)
    log: SchemaLog = field(default_factory=partial(SchemaLog, SOURCE))
    sessions: dict[str, datetime] = field(default_factory=dict)

    def asgi(self) -> ASGIApp:
        """The application, with its faults."""
        routes = [
            Route("/", self._page),
            Route(API_PATH, self._admin_api, methods=["POST"]),
        ]
        return Faulty(Starlette(routes=routes), self.faults, refuse=refuse)

    async def _admin_api(self, request: Request) -> Response:
        given = await request.json()
        asked = Asked(self.shop, self._may_enter, self.log, self._known(request), self.page_size)
        name, variables = given.get("operationName"), given.get("variables") or {}
        # A call that holds no document is refused as one that cannot be read.
        status, answer = run(asked, given.get("query") or "", name, variables)
        entered = asked.entered and {TOKEN_HEADER: self._session()}
        # As in the shop, nobody who calls waits for its deliveries.
        return JSONResponse(
            answer, status, headers=entered or None, background=BackgroundTask(self.tell)
        )

    @staticmethod
    def _may_enter(username: str, password: str) -> bool:
        return username == USERNAME and same(password, PASSWORD)

    def _session(self) -> str:
        token = secrets.token_hex(32)
        self.sessions[token] = self.shop.clock() + SESSION
        return token

    def _known(self, request: Request) -> tuple[str, ...]:
        """What the session's administrator may do; nothing once the session is over."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        now = self.shop.clock()
        if self.sessions.get(token, now) <= now:
            return ()
        self.sessions[token] = now + SESSION
        return self.permissions

    async def _page(self, _request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{html.escape(one.family_name)} {html.escape(one.given_name)}</td>"
            f"<td>{html.escape(one.email)}</td>"
            f"<td>{'–' if one.points is None else one.points}</td></tr>"
            for one in self.shop.customers.values()
            if not one.deleted
        )
        orders = "".join(
            f"<tr><td>{one.code}</td><td>{one.sub_total // self.shop.unit:,} 円</td>"
            f"<td>{one.state}</td></tr>"
            for one in self.shop.orders.values()
        )
        return HTMLResponse(PAGE.format(customers=rows, orders=orders))


def refuse(fault: Fault) -> Response:
    """A refusal of Vendure, or, where there are too many calls, of the proxy before it."""
    if fault.kind not in CODES:
        return refuse_plainly(fault)
    message, code = CODES[fault.kind]
    error = {"message": message, "extensions": {"code": code}}
    return JSONResponse({"errors": [error], "data": None})


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>Vendure (twin)</title>
<h1>Vendure (twin)</h1>
<h2>お客様</h2>
<table border="1"><tr><th>氏名</th><th>メール</th><th>ポイント</th></tr>{customers}</table>
<h2>注文</h2>
<table border="1"><tr><th>番号</th><th>商品合計</th><th>状態</th></tr>{orders}</table>
</html>"""
