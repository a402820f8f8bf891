"""The twin as a web application: Tryton's JSON-RPC on one database, sessions, and a page.

Errors of a call come with status 200, those of the door (no session, wrong password, no such
database) as HTTP. Source: recorded answers of Tryton 8.2 (tests/plugins/tryton/payloads).
"""

import base64
import hashlib
import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.faults import Fault, FaultScript
from renkei_contracts.twin.faulty import STATUS, Faulty
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_tryton import wire
from renkei_tryton.twin_codec import decoded, encoded
from renkei_tryton.twin_goods import COMPANY, TENDERS, TILL, Row
from renkei_tryton.twin_rows import NoSuchName, matches, ordered, picked
from renkei_tryton.twin_schema import wrong_answer, wrong_call
from renkei_tryton.twin_shop import TwinShop

DATABASE = "shop"
USER_ID = 1
USER = "twin-reader"
PASSWORD = "twin-password"  # noqa: S105 - a twin's, known to all

IDLE = timedelta(seconds=300)
"""After which a session is over (``[session] timeout``); each call puts it off."""

PREFERENCES: Row = {
    "company_filter": "one",
    "employees": [],
    "companies": [COMPANY["id"]],
    "company": COMPANY["id"],
    "company.rec_name": "れんけい茶舗",
    "language": "en",
    "language_direction": "ltr",
    "administrator": False,
    "groups": [],
    "locale": {"date": "%m/%d/%Y", "grouping": [3, 3, 0], "decimal_point": "."},
}


SOURCE = "of our own, from recorded answers and the source of Tryton 8.2 (wire_schema.json)"


class Refused(Exception):
    """A UserError: what Tryton says to a person."""


@dataclass
class TwinApp:
    """One database of one shop. ``page_size``: at most so many rows in an answer, whoever asks.

    Calls and answers are compared with the wire schema; what does not fit is refused.
    """

    shop: TwinShop
    now: Callable[[], datetime]
    page_size: int | None = None
    faults: FaultScript = field(default_factory=FaultScript)
    password: str = PASSWORD
    sessions: dict[str, datetime] = field(default_factory=dict)
    logins: int = 0
    schema: SchemaLog = field(default_factory=lambda: SchemaLog(SOURCE))

    def asgi(self) -> ASGIApp:
        """The application behind its fault script; a call is known by its method's name."""
        routes = [
            Route("/", self._page),
            Route(f"/{DATABASE}/rpc/", self._rpc, methods=["POST"]),
        ]
        return Faulty(Starlette(routes=routes), self.faults, refuse=refuse, name=_method)

    async def _rpc(self, request: Request) -> Response:
        body = await request.body()
        problem = wrong_call(json.loads(body))
        if not self.schema.request(problem):
            return Response(f"outside the schema: {problem}", 400)
        call = decoded(body)
        method, params = call["method"], call["params"]
        if method == "common.db.login":
            return self._log_in(method, *params)
        if not self._known(request.headers.get("authorization", "")):
            return self._shut(Response(status_code=401))
        try:
            told = {"result": self._result(method, params)}
        except NoSuchName as name:
            told = {"error": [str(name), ""]}
        except Refused as refusal:
            told = {"error": ["UserError", [str(refusal), "", None]]}
        return self._answer(method, told)

    def _answer(self, method: str, told: Row) -> Response:
        whole = {"id": 0} | encoded(told)
        problem = wrong_answer(method, whole)
        if not self.schema.answer(problem):
            return Response(f"outside the schema: {problem}", 500)
        return Response(json.dumps(whole, ensure_ascii=False), media_type="application/json")

    def _shut(self, page: Response) -> Response:
        """The door's answers hold nothing that a schema could speak of."""
        self.schema.answer(None)
        return page

    def _log_in(self, method: str, user: str, given: Row, _language: str) -> Response:
        if user != USER or not same(given["password"], self.password):
            return self._shut(HTMLResponse("<h1>Unauthorized</h1>", 401))
        self.logins += 1
        key = hashlib.sha256(f"session {self.logins}".encode()).hexdigest()
        self.sessions[_session(key)] = self.now()
        return self._answer(method, {"result": [USER_ID, key, None]})

    def _known(self, session: str) -> bool:
        used = self.sessions.get(session)
        if used is None or self.now() - used >= IDLE:
            return False
        self.sessions[session] = self.now()
        return True

    def _result(self, method: str, params: list[Any]) -> Any:
        if method == "model.res.user.get_preferences":
            return PREFERENCES
        model, _, name = method.removeprefix("model.").rpartition(".")
        rows = self._table(model)
        if name == "search_read":
            domain, offset, limit, order, fields, context = params
            found = self._found(rows, domain, order, context)[offset:][:limit][: self.page_size]
            return [picked(row, fields) for row in found]
        ids, fields, _ = params
        by_id = {row["id"]: row for row in rows}
        if gone := [str(id) for id in ids if id not in by_id]:
            raise Refused(f'You are trying to read records "{", ".join(gone)}" that don\'t exist.')
        return [picked(by_id[id], fields) for id in ids]

    def _found(self, rows: list[Row], domain: list[Any], order: Any, context: Row) -> list[Row]:
        """Rows of a company are shown to who names it in the context; goods belong to none."""
        companies = context.get("companies", [])
        seen = [row for row in rows if "company" not in row or row["company"]["id"] in companies]
        return ordered((row for row in seen if matches(row, domain)), order)

    def _table(self, model: str) -> list[Row]:
        tables = {
            wire.SALE: self.shop.sales,
            wire.TILL: [TILL],
            wire.TENDER: list(TENDERS.values()),
            "product.product": list(self.shop.goods.values()),
        }
        if model not in tables:
            raise NoSuchName(model)
        return tables[model]

    async def _page(self, request: Request) -> Response:
        rows = "".join(
            f"<tr><td>{sale['number']}</td><td>{sale['state']}</td><td>{sale['total']}</td>"
            f"<td>{html.escape(', '.join(_paid(sale)))}</td></tr>"
            for sale in self.shop.sales
        )
        return HTMLResponse(
            f"<!doctype html><meta charset=utf-8><title>Tryton (twin)</title><h1>{TILL['name']}"
            "</h1><table border=1><tr><th>番号</th><th>状態</th><th>合計</th><th>支払</th></tr>"
            f"{rows}</table>"
        )


def refuse(fault: Fault) -> Response:
    """Tryton's own refusals are pages without anything to read in them."""
    after = None if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    return HTMLResponse(f"<h1>{fault.kind}</h1>", STATUS[fault.kind], headers=after)


def _method(request: Request, body: bytes) -> str:
    """What the fault script's paths are compared with."""
    try:
        return str(json.loads(body)["method"])
    except (ValueError, KeyError, TypeError):
        return request.url.path


def _session(key: str) -> str:
    return "Session " + base64.b64encode(f"{USER}:{USER_ID}:{key}".encode()).decode()


def _paid(sale: Row) -> list[str]:
    return [f"{one['method']['name']} {one['amount']}" for one in sale["payments"]]
