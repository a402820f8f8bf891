"""The twin's shop as a web application: tokens, lists in pages, and a page to look at."""

import base64
import html
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from renkei_contracts.reference.till import twin_pos
from renkei_contracts.reference.till.twin_pos import Pos, PosMember, PosSale, Refused, Taken
from renkei_contracts.stage import Shopper
from renkei_contracts.toolkit.signature import same
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog

CLIENT_ID = "twin-client"
CLIENT_SECRET = "twin-client-secret"  # noqa: S105 - a twin's, known to all
TOKEN_SECONDS = 3600
MOST_ROWS = 100

SCHEMA = JsonSchema(json.loads(files(__package__).joinpath("wire.schema.json").read_text("utf-8")))

CALLS = (
    Call("POST", "/token", body="TokenRequest", answer="Token"),
    Call("GET", "/shop", answer="Shop"),
    Call("GET", "/sales", query="ListQuery", answer="Sales"),
    Call("GET", "/sales/{id}", answer="Sale"),
    Call("GET", "/members", query="ListQuery", answer="Members"),
    Call("POST", "/members", body="NewMember", answer="Member"),
    Call("GET", "/members/{id}", answer="Member"),
    Call("POST", "/members/{id}/points", body="Change", answer="Points"),
)

Handler = Callable[[Request], Awaitable[object]]


@dataclass
class TillApp:
    """The shop and what surrounds it."""

    pos: Pos
    page_size: int | None = None
    tokens: dict[str, datetime] = field(default_factory=dict)
    log: SchemaLog = field(
        default_factory=lambda: SchemaLog("wire.schema.json of the reference till")
    )

    def asgi(self) -> ASGIApp:
        """The application, with every call and every answer under the schema."""
        app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/token", self._token, methods=["POST"]),
                self._route("/shop", self._shop),
                self._route("/sales", self._sales),
                self._route("/sales/{id}", self._sale),
                self._route("/members", self._members),
                self._route("/members", self._create, "POST"),
                self._route("/members/{id}", self._member),
                self._route("/members/{id}/points", self._points, "POST"),
            ]
        )
        return Checked(app, SCHEMA, CALLS, refusal="Refusal", log=self.log)

    def _route(self, path: str, handler: Handler, method: str = "GET") -> Route:
        async def guarded(request: Request) -> Response:
            return await self._guarded(request, handler)

        return Route(path, guarded, methods=[method], name=f"{method} {path}")

    async def _guarded(self, request: Request, handler: Handler) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, self.pos.clock()) <= self.pos.clock():
            return _refusal(401, "the token is unknown or over")
        try:
            return JSONResponse(await handler(request))
        except KeyError:
            return _refusal(404, "no such thing")
        except Taken:
            return _refusal(409, "the card is another member's")
        except Refused as refusal:
            return _refusal(422, str(refusal))

    async def _token(self, request: Request) -> Response:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not same(request.headers.get("authorization", ""), f"Basic {expected}"):
            return JSONResponse({"error": "invalid_client", "reason": "unknown client"}, 401)
        token = f"twin-token-{len(self.tokens) + 1}"
        self.tokens[token] = self.pos.clock() + timedelta(seconds=TOKEN_SECONDS)
        answer = {"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token}
        return JSONResponse(answer)

    async def _shop(self, _request: Request) -> object:
        return {"points_per_100_yen": self.pos.points_per_100_yen}

    async def _sales(self, request: Request) -> object:
        return self._listed(request, self.pos.sales.values(), twin_pos.sale_row)

    async def _sale(self, request: Request) -> object:
        return twin_pos.sale_row(self.pos.sales[request.path_params["id"]])

    async def _members(self, request: Request) -> object:
        if card := request.query_params.get("card"):
            holder = self.pos.by_card(card)
            return {"rows": [twin_pos.member_row(holder)] if holder else [], "next": None}
        return self._listed(request, self.pos.members.values(), twin_pos.member_row)

    async def _create(self, request: Request) -> object:
        given = json.loads(await request.body())
        names = (given["family_name"], given["given_name"])
        return twin_pos.member_row(self.pos.register(Shopper("", *names, card=given["card"])))

    async def _member(self, request: Request) -> object:
        return twin_pos.member_row(self.pos.members[request.path_params["id"]])

    async def _points(self, request: Request) -> object:
        given = json.loads(await request.body())
        member = self.pos.change_points(request.path_params["id"], given["change"])
        return {"points": member.points}

    def _listed(
        self,
        request: Request,
        things: Iterable[PosSale] | Iterable[PosMember],
        row: Callable[[Any], dict[str, Any]],
    ) -> object:
        """What changed from ``since`` to before ``until``, oldest change first, in pages."""
        query = request.query_params
        since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        found = [one for one in things if since <= one.updated_at < until]
        if cursor := query.get("after"):
            found = twin_pos.after(found, cursor)
        found.sort(key=twin_pos.place_of)
        size = self.page_size or MOST_ROWS
        page, more = found[:size], len(found) > size
        next = twin_pos.cursor_of(page[-1]) if more else None
        return {"rows": [row(one) for one in page], "next": next}

    async def _page(self, _request: Request) -> Response:
        members = "".join(
            f"<tr><td>{html.escape(one.card)}</td>"
            f"<td>{html.escape(one.family_name)} {html.escape(one.given_name)}</td>"
            f"<td>{one.points}</td></tr>"
            for one in self.pos.members.values()
        )
        sales = "".join(
            f"<tr><td>{one.id}</td><td>{html.escape(one.card or '–')}</td>"
            f"<td>{one.owed:,} 円</td><td>{one.points_used}</td></tr>"
            for one in self.pos.sales.values()
        )
        return HTMLResponse(PAGE.format(members=members, sales=sales))


PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8"><title>twin</title>
<h1>Reference till (twin)</h1>
<h2>会員</h2>
<table border="1"><tr><th>カード</th><th>氏名</th><th>ポイント</th></tr>{members}</table>
<h2>売上</h2>
<table border="1"><tr><th>取引</th><th>カード</th><th>合計</th><th>使用ポイント</th></tr>{sales}
</table></html>"""


def _refusal(status: int, reason: str) -> Response:
    return JSONResponse({"reason": reason}, status)
