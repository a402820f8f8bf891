"""Deliveries from vendors: read bounded, verified, stored, answered; nothing is thought about."""

from typing import Any, NamedTuple

import structlog
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from renkei.connections.store import SLUG
from renkei.errors import Busy, TillRefused, UnknownConnection
from renkei.tracing import Origin
from renkei.web.body import announced
from renkei.web.failures import answer
from renkei.web.metrics import metrics_of
from renkei.web.problems import documented, refused
from renkei.web.room import room_of
from renkei.web.served import ServedHub, hub_of
from renkei.web.trace import trace_of
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Forged, RenkeiError

log = structlog.get_logger(__name__)

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Stored, now or before", "content": {}},
    **documented(
        "delivery_refused",
        "connection_unknown",
        "body_timeout",
        "body_too_large",
        "busy",
        "internal",
        "unavailable",
    ),
}


def parameter(name: str, description: str) -> dict[str, Any]:
    """A part of a path, described."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


CONNECTION = parameter("connection", "the connection's name")
PATH_SECRET = parameter("path_secret", "for vendors that sign nothing")
ANY_BODY = {
    "required": True,
    "description": "exactly as the vendor sends it",
    "content": {"*/*": {"schema": {}}},
}


class DeliveryRoute(APIRoute):
    """Documented like any other, but nothing is parsed or injected."""

    def get_route_handler(self) -> Any:
        """The endpoint as it is."""
        return self.endpoint


class DeliveryPath(NamedTuple):
    """Stands for the route of a delivery that was taken before the framework looked for it."""

    path: str


PREFIX = "/webhooks"
SIGNED, SECRET = "/{connection}", "/{connection}/{path_secret}"
TEMPLATES = {1: DeliveryPath(f"{PREFIX}{SIGNED}"), 2: DeliveryPath(f"{PREFIX}{SECRET}")}
"""By the number of parts behind the prefix."""


class WayIn:
    """Takes deliveries straight to their handler: the framework's routing, and what it puts around
    every handler, would be a sixth of an acknowledgement.

    The routes below lead to the same handler. They describe it, and refuse other methods.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        parts = _parts(scope)
        if not parts:
            await self._app(scope, receive, send)
            return
        scope["route"] = TEMPLATES[len(parts)]
        scope["path_params"] = dict(zip(("connection", "path_secret"), parts, strict=False))
        request = Request(scope, receive, send)
        try:
            response = await deliver(request)
        except Exception as error:
            response = await answer(request, error)
        await response(scope, receive, send)


def _parts(scope: Scope) -> list[str]:
    """The connection, and the secret where there is one; nothing for what is no delivery."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return []
    prefix, _, rest = scope["path"].partition(f"{PREFIX}/")
    parts = rest.split("/")
    return parts if not prefix and len(parts) in TEMPLATES and all(parts) else []


router = APIRouter(prefix=PREFIX, route_class=DeliveryRoute, tags=["webhooks"])


@router.post(
    SIGNED,
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION], "requestBody": ANY_BODY},
    summary="A delivery of a vendor that signs",
)
@router.post(
    SECRET,
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION, PATH_SECRET], "requestBody": ANY_BODY},
    summary="A delivery of a vendor that is known by the address it calls",
    operation_id="deliver_to_secret_path",
)
async def deliver(request: Request) -> Response:
    """Verify and store one delivery; the same one again is stored once and answered alike."""
    hub = await hub_of(request)
    connection = request.path_params["connection"]
    outcome, told = await _take(request, hub, connection)
    known = "" if outcome == "unknown" else connection  # no label for what is made up
    metrics_of(request.app).deliveries.labels(known, outcome).inc()
    if isinstance(told, Exception):
        raise told
    trace_of(request.scope).facts.update(
        connection=known, outcome=outcome, delivery=told.delivery, trace=told.trace
    )
    return Response()


async def _take(
    request: Request, hub: ServedHub, connection: str
) -> tuple[str, Origin | Exception]:
    """What became of it, and its name, or how to say that it was not stored.

    Whether there is room is asked before the body is read, and whether there is such a connection.
    """
    if not SLUG.fullmatch(connection):
        return "unknown", refused("connection_unknown")
    size = announced(request.scope)
    most = hub.settings.body_limit_bytes if size is None else size
    try:
        with room_of(request.app).place(connection, most) as place:
            await hub.connections.require(connection)
            delivery = await _delivery(request, hub)
            place.shrink(len(delivery.body))
            return await hub.receiver.receive(delivery)
    except UnknownConnection:
        return "unknown", refused("connection_unknown")
    except Forged:
        return "refused", refused("delivery_refused")
    except Busy as error:
        return "busy" if hub.connections.knows(connection) else "unknown", error
    except TillRefused:  # of the body, which is too large or too slow
        raise
    except RenkeiError as error:
        # The plugin is missing or broken: nobody can say whether it is genuine, so it may not be
        # lost either. The vendor sends it again.
        log.error("delivery_not_taken", connection=connection, reason=str(error))
        return "failed", refused("unavailable")


async def _delivery(request: Request, hub: ServedHub) -> Delivery:
    return Delivery(
        connection=request.path_params["connection"],
        received_at=hub.clock(),
        headers=headers_of(request),
        body=await request.body(),
        path_secret=request.path_params.get("path_secret", ""),
    )


def headers_of(request: Request) -> tuple[tuple[str, str], ...]:
    """The headers as they came."""
    return tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
