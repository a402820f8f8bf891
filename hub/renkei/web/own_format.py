"""/till/{connection}/…: registers that dictate the format, through their vendor's plugin.

Every answer is in the vendor's format, refusals too, and then 200: what happened is in the body, as
such registers take any other status for a broken line. Only who is not let in, and whose request is
cut off, is told by the status besides.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from renkei.connections.calling import ask
from renkei.connections.opened import OpenConnection
from renkei.connections.store import SLUG
from renkei.errors import TillRefused, UnknownConnection
from renkei.services.flow.receive import require_genuine
from renkei.services.till.own_format import obey, scope_for, terminal_of, till_said
from renkei.services.till.terminals import TerminalAccess
from renkei.services.till.till_terminal import Terminal
from renkei.web.access import tell_bug
from renkei.web.auth import tell_who
from renkei.web.failures import refusal_of
from renkei.web.problems import documented, refused
from renkei.web.proof import authenticate
from renkei.web.served import ServedHub, hub_of
from renkei.web.trace import trace_of
from renkei.web.webhooks import ANY_BODY, CONNECTION, DeliveryRoute, headers_of, parameter
from renkei_contracts import capability
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Forged, RenkeiError, SignatureInvalid
from renkei_contracts.till import TillAnswer

log = structlog.get_logger(__name__)

CUT_OFF = frozenset({408, 413})
"""The rest of the body is never read."""

TOLD_BY_STATUS = CUT_OFF | {401}

IN_ITS_FORMAT: dict[str, Any] = {"*/*": {"schema": {}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The answer or refusal in the vendor's format", "content": IN_ITS_FORMAT},
    401: {"description": "Not from whom it should be, in that format", "content": IN_ITS_FORMAT},
    408: {"description": "The body did not come in time, in that format", "content": IN_ITS_FORMAT},
    413: {"description": "The body is too large", "content": IN_ITS_FORMAT},
    500: {"description": "The plugin cannot say its answer; no body"},
    503: {"description": "The plugin is missing or not set up; no body"},
    **documented("connection_unknown"),
}
REST = parameter("path", "whatever follows in the vendor's format")


@dataclass(frozen=True)
class _Asking:
    """One request of a register, and the plugin that understands it."""

    hub: ServedHub
    request: Request
    opened: OpenConnection
    till: capability.Till

    def delivery(self, body: bytes) -> Delivery:
        """The request for the plugin."""
        request, path = self.request, self.request.path_params.get("path", "")
        return Delivery(
            connection=self.opened.id,
            received_at=self.hub.clock(),
            headers=headers_of(request),
            body=body,
            path_secret=path.rpartition("/")[2],
            method=request.method,
            path=path,
            query=request.scope["query_string"].decode("latin-1"),
        )

    async def answered(self, delivery: Delivery) -> TillAnswer:
        """What the hub says to it; raises what refusal_of() understands."""
        access = await self._counted(delivery)
        what = f"connection {self.opened.id}: a request of a register"
        command = ask(what, lambda: self.till.command(delivery))
        if access is not None and scope_for(command) not in access.scopes:
            raise refused("scope_missing")
        named = till_said(what, self.till, delivery, command)
        terminal = await self._terminal(access, named)
        trace_of(self.request.scope).facts["terminal"] = terminal.id
        return await obey(self.hub.till, terminal, command)

    async def _counted(self, delivery: Delivery) -> TerminalAccess | None:
        """Who is let in; counted as a delivery is, so that many refused ones raise an alarm."""
        count = partial(self.hub.receiver.counts.add, self.opened.id, delivery.received_at)
        try:
            access = await self._let_in(delivery)
        except (Forged, TillRefused) as error:
            if refusal_of(self.request, error).problem.code == "unauthorized":
                count(genuine=False)
            raise
        count(genuine=True)
        return access

    async def _let_in(self, delivery: Delivery) -> TerminalAccess | None:
        """The credential it shows; None: the plugin says that it is the vendor's."""
        webhooks = self.opened.webhooks
        if webhooks is not None and not _shows_credential(self.request):
            require_genuine(webhooks, delivery, self.hub.clock())
            return None
        access = await authenticate(self.request, self.hub)
        if access.terminal.connection != self.opened.id:
            raise SignatureInvalid("the credential is of another connection")
        tell_who(self.request, access)
        return access

    async def _terminal(
        self, access: TerminalAccess | None, named: tuple[str, str] | None
    ) -> Terminal:
        if access is not None and not access.names_no_till:
            return access.terminal
        async with self.hub.database.begin() as conn:
            return await terminal_of(conn, self.opened.id, named)

    def told(self, delivery: Delivery, answer: TillAnswer, status: int) -> Response:
        """The answer in the vendor's format; a plugin that fails at it leaves an empty one."""
        what = f"connection {self.opened.id}: an answer to a register"
        try:
            body, kind = ask(what, lambda: self.till.answer(delivery, answer))
            headers = {"content-type": kind} | (
                {"connection": "close"} if status in CUT_OFF else {}
            )
            return Response(body, status, headers=headers)
        except Exception as error:
            if not isinstance(error, RenkeiError):  # what it gave is no body or content type
                tell_bug(self.request.scope, error)
        trace_of(self.request.scope).code = "internal"
        return Response(status_code=500)


def _shows_credential(request: Request) -> bool:
    """One of ours; whatever else stands in Authorization is between vendor and plugin."""
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    return "renkei-signature" in request.headers or (
        kind.lower() == "bearer" and shown.lstrip().startswith("key_")
    )


router = APIRouter(prefix="/till", route_class=DeliveryRoute, tags=["own format"])


@router.get(
    "/{connection}",
    name="ask_shortly",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION]},
    summary="A question of a register in its vendor's format, without more of an address",
)
@router.post(
    "/{connection}",
    name="tell_shortly",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION], "requestBody": ANY_BODY},
    summary="A register's request in its vendor's format, without more of an address",
)
@router.get(
    "/{connection}/{path:path}",
    name="ask_in_own_format",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION, REST]},
    summary="A question of a register in its vendor's format",
)
@router.post(
    "/{connection}/{path:path}",
    name="tell_in_own_format",
    response_class=Response,
    responses=ANSWERS,
    openapi_extra={"parameters": [CONNECTION, REST], "requestBody": ANY_BODY},
    summary="A register's request in its vendor's format",
)
async def answer_in_own_format(request: Request) -> Response:
    """By the same services as /pos/v1; the connection's plugin translates both ways."""
    hub = await hub_of(request)
    try:
        opened, till = await _opened(hub, request.path_params["connection"])
    except UnknownConnection:
        raise refused("connection_unknown") from None
    except RenkeiError as error:
        log.error("register_not_answered", reason=str(error))
        return Response(status_code=503)
    except SQLAlchemyError as error:
        return Response(status_code=refusal_of(request, error).status)
    trace_of(request.scope).facts["connection"] = opened.id
    return await _answer(_Asking(hub, request, opened, till))


async def _opened(hub: ServedHub, connection: str) -> tuple[OpenConnection, capability.Till]:
    if not SLUG.fullmatch(connection):
        raise UnknownConnection("no name of a connection")
    opened = await hub.connections.get(connection)
    if opened.till is None:
        raise UnknownConnection(f"connection {opened.id} has no registers with a format of its own")
    return opened, opened.till


async def _answer(asking: _Asking) -> Response:
    delivery = asking.delivery(b"")
    try:
        delivery = asking.delivery(await asking.request.body())
        return asking.told(delivery, await asking.answered(delivery), 200)
    except ClientDisconnect:
        raise
    except Exception as error:
        refusal = refusal_of(asking.request, error)
    trace_of(asking.request.scope).code = refusal.problem.code
    status = refusal.status if refusal.status in TOLD_BY_STATUS else 200
    return asking.told(delivery, refusal.problem, status)
