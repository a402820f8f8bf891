"""The cloud of the invented cart: what it shows, whom it lets in, whether it is there at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from renkei_contracts.twin.server import serve


@dataclass
class Cloud:
    """``refused`` counts the calls that were not let in, ``missed`` those while it was away."""

    token: str = "first"
    away: bool = False
    url: str = ""
    points: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    missed: int = 0

    async def called(self, request: Request) -> Response:
        """Show or tell a customer's points."""
        if self.away:
            self.missed += 1
            return Response(status_code=503)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            self.refused += 1
            return Response(status_code=401)
        customer = request.path_params["customer"]
        if request.method == "PUT":
            self.points[customer] = (await request.json())["points"]
        return JSONResponse({"points": self.points.get(customer, 0)})


@asynccontextmanager
async def open_cloud() -> AsyncIterator[Cloud]:
    """A cloud that listens on this machine."""
    cloud = Cloud()
    route = Route("/points/{customer}", cloud.called, methods=["GET", "PUT"])
    async with serve(Starlette(routes=[route])) as cloud.url:
        yield cloud
