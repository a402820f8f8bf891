"""/storefront/{connection}/…: shoppers' browsers, as the vendor of the shop passes them on.

What is asked stands in the address alone: that is what vendors vouch for. Nothing is kept by
whoever is on the way.
"""

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from renkei.connections.calling import ask
from renkei.connections.opened import OpenConnection
from renkei.connections.store import SLUG
from renkei.errors import UnknownConnection
from renkei.services.apps import storefront
from renkei.services.till.till_terminal import Terminal
from renkei.web.problems import documented, refused
from renkei.web.served import ServedHub, TheHub
from renkei.web.trace import trace_of
from renkei.web.webhooks import headers_of
from renkei_contracts import capability
from renkei_contracts.base import Key
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Forged, RenkeiError
from renkei_contracts.ids import ExternalRef
from renkei_contracts.storefront import ShopperCode, ShopperHold, ShopperPoints

log = structlog.get_logger(__name__)

ALWAYS = (
    "delivery_refused",
    "connection_unknown",
    "request_invalid",
    "body_timeout",
    "body_too_large",
    "internal",
    "unavailable",
)

Points = Annotated[int, Query(ge=1, le=999_999_999, description="how many to use")]
WishKey = Annotated[
    str,
    Query(pattern=r"^[A-Za-z0-9-]{8,64}$", description="made by the browser, one for each wish"),
]
HoldName = Annotated[Key, Query(description="as the answer to the wish named it")]


@dataclass(frozen=True)
class Visit:
    """A shopper's browser at a connection's shop; ``shopper`` None: nobody is signed in."""

    hub: ServedHub
    opened: OpenConnection
    shopper: ExternalRef | None

    @property
    def caller(self) -> Terminal:
        """The shop."""
        return storefront.caller_of(self.opened.id)


async def visit(connection: str, request: Request, hub: TheHub) -> Visit:
    """Who it is, as the vendor says; refused where the vendor does not vouch for it."""
    opened, front = await _opened(hub, connection)
    trace_of(request.scope).facts["connection"] = opened.id
    told = Delivery(
        connection=opened.id,
        received_at=hub.clock(),
        headers=headers_of(request),
        body=b"",
        method=request.method,
        query=request.scope["query_string"].decode("latin-1"),
    )
    what = f"connection {opened.id}: a request of a shopper"
    try:
        shopper = ask(what, lambda: front.shopper(told, hub.clock()))
    except Forged:
        raise refused("delivery_refused") from None
    if shopper is not None and shopper.connection != opened.id:
        raise refused("delivery_refused")
    return Visit(hub, opened, shopper)


async def _opened(hub: ServedHub, connection: str) -> tuple[OpenConnection, capability.Storefront]:
    if not SLUG.fullmatch(connection):
        raise refused("connection_unknown")
    try:
        opened = await hub.connections.get(connection)
        front = opened.storefront
    except UnknownConnection:
        raise refused("connection_unknown") from None
    except RenkeiError as error:  # its plugin or its settings are broken
        log.error("shopper_not_answered", connection=connection, reason=str(error))
        raise refused("unavailable") from None
    if front is None:
        raise refused("connection_unknown")
    return opened, front


Visited = Annotated[Visit, Depends(visit)]

router = APIRouter(prefix="/storefront/{connection}", tags=["storefront"])


@router.get(
    "/points",
    name="shopper_points",
    summary="What the shopper may use",
    responses=documented(*ALWAYS, "member_not_active"),
)
async def points(at: Visited) -> ShopperPoints:
    """Nothing for who is not signed in, or is no member."""
    return await storefront.points(at.hub.till, at.caller, at.shopper)


@router.post(
    "/holds",
    name="shopper_hold",
    summary="A code for some of the shopper's points",
    responses=documented(
        *ALWAYS,
        "member_not_found",
        "insufficient_points",
        "points_not_usable",
        "codes_exhausted",
        "key_reused",
        "busy",
    ),
)
async def hold(at: Visited, points: Points, key: WishKey) -> ShopperHold:
    """The same key again gives the first code again."""
    hub = at.hub
    wish = storefront.Wish(points, key)
    return await storefront.use(hub.till, hub.connections, at.caller, at.shopper, wish, hub.clock())


@router.get(
    "/holds",
    name="shopper_code",
    summary="How a code stands",
    responses=documented(*ALWAYS, "hold_not_found", "busy"),
)
async def look(at: Visited, hold: HoldName) -> ShopperCode:
    """Of the shopper's own; ask again until it is issued."""
    return await storefront.look(at.hub.till, at.caller, at.shopper, hold)


@router.post(
    "/holds/release",
    name="shopper_gives_back",
    summary="Give the points of a code back",
    responses=documented(*ALWAYS, "hold_not_found", "busy"),
)
async def give_back(at: Visited, hold: HoldName) -> ShopperCode:
    """Again is the same as once."""
    return await storefront.give_back(at.hub.till, at.caller, at.shopper, hold)
