"""Deliveries from vendors: read bounded, verified, stored, answered; nothing is thought about."""

import re
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from renkei.errors import Busy, UnknownConnection
from renkei.web.metrics import metrics_of
from renkei.web.problems import documented, refused
from renkei.web.served import ServedHub, hub_of
from renkei.web.trace import trace_of
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Forged

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

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


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


CONNECTION = _parameter("connection", "the connection's name")
PATH_SECRET = _parameter("path_secret", "for vendors that sign nothing")
ANY_BODY = {
    "required": True,
    "description": "exactly as the vendor sends it",
    "content": {"*/*": {"schema": {}}},
}


class DeliveryRoute(APIRoute):
    """Documented like any other, but nothing is parsed or injected: the hot way in."""

    def get_route_handler(self) -> Any:
        """The endpoint as it is."""
        return self.endpoint


router = APIRouter(prefix="/webhooks", route_class=DeliveryRoute, tags=["webhooks"])


@router.post(
    "/{connection}",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION], "requestBody": ANY_BODY},
    summary="A delivery of a vendor that signs",
)
@router.post(
    "/{connection}/{path_secret}",
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
    count = metrics_of(request.app).deliveries
    try:
        outcome = await _receive(hub, connection, request)
    except UnknownConnection:
        count.labels("", "unknown").inc()
        raise refused("connection_unknown") from None
    except Forged:
        count.labels(connection, "refused").inc()
        raise refused("delivery_refused") from None
    except Busy:
        count.labels(connection, "busy").inc()
        raise
    count.labels(connection, outcome).inc()
    trace_of(request.scope).facts.update(connection=connection, outcome=outcome)
    return Response()


async def _receive(hub: ServedHub, connection: str, request: Request) -> str:
    if not SLUG.fullmatch(connection):
        raise UnknownConnection("not a connection's name")
    delivery = Delivery(
        connection=connection,
        received_at=hub.clock(),
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
        ),
        body=await request.body(),
        path_secret=request.path_params.get("path_secret", ""),
    )
    received = await hub.receiver.receive(delivery)
    return str(received)
