"""GET /pos/v1/changes and /snapshot: for registers that keep a copy of their own."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from renkei.services.till.feed import Feed, cursor_of
from renkei.services.till.till_terminal import Terminal
from renkei.web.auth import SCHEMES, Reader, TerminalRoute, access_of
from renkei.web.feed_table import table
from renkei.web.problems import documented
from renkei.web.proof import require_let_in_still
from renkei.web.served import Leaving, ServedHub, TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.feed import KINDS, ChangePage, SnapshotPage

LONGEST_WAIT = 55
"""Seconds; below what proxies let a request last."""


def _known_kinds(types: str) -> str:
    """A misspelt kind would be found never, and the register would not hear why."""
    unknown = [one for one in types.split(",") if one not in KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no kind of change; there are {', '.join(KINDS)}")
    return types


Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; none: start")
]
Limit = Annotated[int, Query(ge=1, le=200, description="things to tell of, at most")]
Types = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[a-z]+(,[a-z]+)*$",
        description=f"kinds of change, with commas: {', '.join(KINDS)}",
    ),
    AfterValidator(_known_kinds),
]
Wait = Annotated[
    int, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait while there is nothing new")
]
Format = Annotated[
    Literal["json", "csv"], Query(description="`csv`: a table, its cursor in `Renkei-Cursor`")
]
Charset = Annotated[Literal["utf-8", "cp932"], Query(description="of a table")]
ETag = Annotated[str | None, Header(alias="If-None-Match", description="the last answer's `ETag`")]

Responses = dict[int | str, dict[str, Any]]

EVERYTHING = ",".join(KINDS)
TABLE: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
NOTHING_NEW: Responses = {304: {"description": "Nothing of these types since this `ETag`"}}

router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["feed"], dependencies=SCHEMES)


def _feed(hub: ServedHub, terminal: Terminal, types: str) -> Feed:
    return Feed(hub.database, hub.ring, terminal, frozenset(types.split(",")), hub.feed_head)


def _tag(cursor: str) -> str:
    """The answer with which a register knows all up to this cursor."""
    return f'"{cursor}"'


def _tags(said: str) -> list[str]:
    """The cursors in a header; a proxy that compresses makes tags weak (RFC 9110 §13.1.2)."""
    return [one.strip().removeprefix("W/").strip('"') for one in said.split(",")]


@router.get(
    "/changes",
    summary="Changes since a cursor",
    response_model=ChangePage,
    responses=documented(*ALWAYS, "cursor_unknown") | NOTHING_NEW | TABLE,
)
async def changes(
    request: Request,
    terminal: Reader,
    hub: TheHub,
    leaving: Leaving,
    cursor: Cursor = None,
    limit: Limit = 100,
    types: Types = EVERYTHING,
    wait: Wait = 0,
    format: Format = "json",
    charset: Charset = "utf-8",
    known: ETag = None,
) -> Response:
    """In the order of the commits, each thing once and as it is now; a cursor never expires."""
    feed = _feed(hub, terminal, types)
    if wait:
        await feed.wait(cursor, wait, hub.wakers, leaving)
        await require_let_in_still(hub, access_of(request))
    if known is not None and feed.knows_all(cursor, _tags(known)):
        return Response(status_code=304, headers={"ETag": _tag(cursor or cursor_of(0))})
    page = await feed.changes(cursor, limit)
    headers = {} if page.has_more else {"ETag": _tag(page.next_cursor)}
    if format == "csv":
        more = {"Renkei-Cursor": page.next_cursor, "Renkei-More": str(page.has_more).lower()}
        return table(page.data, charset, headers | more)
    return JSONResponse(page.model_dump(mode="json"), headers=headers)


@router.get(
    "/snapshot",
    summary="Everything, to begin with",
    response_model=SnapshotPage,
    responses=documented(*ALWAYS, "cursor_unknown") | TABLE,
)
async def snapshot(
    terminal: Reader,
    hub: TheHub,
    page: Annotated[str | None, Query(max_length=500, description="`next` of the page before")] = (
        None
    ),
    limit: Limit = 100,
    types: Types = EVERYTHING,
    format: Format = "json",
    charset: Charset = "utf-8",
) -> Response:
    """Members in pages of `limit` with what belongs to them; then poll from `cursor`."""
    part = await _feed(hub, terminal, types).snapshot(page, limit)
    if format == "csv":
        leads_on = {} if part.next is None else {"Renkei-Next": part.next}
        return table(part.data, charset, {"Renkei-Cursor": part.cursor} | leads_on)
    return JSONResponse(part.model_dump(mode="json"))
