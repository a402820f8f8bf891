"""GET /pos/v1/changes: what has changed since a cursor, for registers that keep their own copy."""

from typing import Annotated

from fastapi import APIRouter, Query

from renkei.services import feed
from renkei.web.auth import SCHEMES, Reader, TerminalRoute
from renkei.web.problems import documented
from renkei.web.served import TheHub
from renkei.web.till import ALWAYS
from renkei_contracts.base import Canonical, Instant, Key, Points, Text

TYPES = "balance"

Cursor = Annotated[
    str | None, Query(max_length=200, description="`next_cursor` of the page before; none: start")
]
Limit = Annotated[int, Query(ge=1, le=200, description="changes to look through")]
Types = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[a-z]+(,[a-z]+)*$",
        description="kinds of change, with commas; there is `balance`, others are never found",
    ),
]


class Change(Canonical):
    """A member's balance for this channel, as it is now."""

    type: Text
    member: Key
    spendable: Points
    pending: Points
    balance_version: int
    as_of: Instant


class ChangePage(Canonical):
    """Some changes; poll again with ``next_cursor``, at once while there is more."""

    data: tuple[Change, ...]
    next_cursor: Text
    has_more: bool


router = APIRouter(prefix="/pos/v1", route_class=TerminalRoute, tags=["feed"], dependencies=SCHEMES)


@router.get(
    "/changes",
    summary="Changes since a cursor",
    responses=documented(*ALWAYS, "cursor_unknown"),
)
async def changes(
    terminal: Reader,
    hub: TheHub,
    cursor: Cursor = None,
    limit: Limit = 100,
    types: Types = TYPES,
) -> ChangePage:
    """In the order of the commits, each member once; a cursor never expires."""
    wanted = frozenset(types.split(","))
    page = await feed.changes(hub.database, hub.till, terminal, cursor, limit, wanted)
    data = tuple(Change.model_validate(one) for one in page.data)
    return ChangePage(data=data, next_cursor=page.next_cursor, has_more=page.has_more)
