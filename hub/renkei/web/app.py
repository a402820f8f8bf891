"""The web application: routers, failures, what surrounds every request, and its own description."""

import asyncio
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.types import Lifespan

from renkei import __version__
from renkei.web import (
    aftersale,
    allowances,
    batches,
    failures,
    feed,
    health,
    metrics,
    oauth,
    own_format,
    reconciliation,
    storefront,
    terminals,
    till,
    v1,
    webhooks,
)
from renkei.web.access import Access
from renkei.web.body import BoundedBody
from renkei.web.metrics import Metrics
from renkei.web.problems import Problem
from renkei.web.room import room_for, together_for
from renkei.web.served import ServedHub

PARTS = (
    webhooks,
    own_format,
    till,
    aftersale,
    batches,
    allowances,
    reconciliation,
    v1,
    storefront,
    feed,
    oauth,
    terminals,
    health,
    metrics,
)
"""Whatever is served has a router here, in the order of the description."""

TITLE = "Renkei"
DESCRIPTION = """One ledger for the members and points of every cart and till.

Points are whole points, amounts whole yen, instants carry their zone. Every refusal is a problem
document (RFC 9457) with a stable `code` and a Japanese `message` for the cashier; docs/errors.md
lists them, docs/pos-v1.md says how a caller signs."""

NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False}
"""A webhook's address may hold its secret; spans would carry it out."""


class _Application(FastAPI):
    """Describes itself with problem documents, which the framework does not know."""

    def openapi(self) -> dict[str, Any]:
        """OpenAPI 3.1."""
        if not self.openapi_schema:
            schema = get_openapi(
                title=self.title,
                version=self.version,
                description=self.description,
                routes=self.routes,
            )
            _add_problem(schema["components"]["schemas"])
            self.openapi_schema = schema
        return self.openapi_schema


def _add_problem(schemas: dict[str, Any]) -> None:
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}


def _operation_id(route: APIRoute) -> str:
    return route.name


def build_app(hub: ServedHub, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """The application that serves this hub; whoever opened the hub closes it.

    Once its state's ``leaving`` is set it is not ready any more, and ends connections and waits.
    """
    app = _Application(
        title=TITLE,
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=NO_TELEMETRY,
        generate_unique_id_function=_operation_id,
    )
    app.state.hub = hub
    app.state.metrics = Metrics()
    app.state.leaving = asyncio.Event()
    app.state.room = room_for(hub.settings.body_limit_bytes)
    for part in PARTS:
        app.include_router(part.router)
    failures.register(app)
    app.add_middleware(webhooks.WayIn)
    limit = hub.settings.body_limit_bytes
    app.add_middleware(BoundedBody, limit=limit, together=together_for(limit))
    # added last: outermost
    app.add_middleware(Access, metrics=app.state.metrics, leaving=app.state.leaving)
    return app
