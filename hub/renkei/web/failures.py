"""From exceptions to problems; whatever is not known here is a bug and becomes ``internal``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from renkei.errors import (
    BookingRefused,
    Busy,
    DatabaseUnreachable,
    RequestInvalid,
    TillRefused,
    fault_words,
)
from renkei.storage.committer import LostRace, brief, passes
from renkei.web.access import tell_bug
from renkei.web.problems import BY_STATUS, Fault, refused, respond
from renkei.web.trace import trace_of
from renkei_contracts.errors import Forged, PayloadInvalid

log = structlog.get_logger(__name__)

FAULTS_SHOWN = 20
CLIENT_CLOSED = 499
"""What the log calls a request whose caller hung up; nobody reads the answer."""


def register(app: FastAPI) -> None:
    """Let the application answer with problems."""
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def answer(request: Request, error: Exception) -> Response:
    """The problem that an error comes to; raises what is a bug."""
    for kind in type(error).__mro__:
        if kind in HANDLERS:
            return await HANDLERS[kind](request, error)
    raise error


async def _till_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TillRefused)
    return respond(request.scope, error)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = respond(request.scope, refused(BY_STATUS.get(error.status_code, "bad_request")))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(one) for one in error.errors()[:FAULTS_SHOWN]]
    return respond(request.scope, refused("request_invalid"), faults)


async def _implausible(request: Request, error: Exception) -> Response:
    """Well formed, but nothing the books can take: a time in the future."""
    assert isinstance(error, RequestInvalid)
    fault = Fault(detail=error.why, pointer=pointer_to(error.field.split(".")))
    return respond(request.scope, refused("request_invalid"), [fault])


async def _not_bookable(request: Request, error: Exception) -> Response:
    """Well formed, but the books cannot hold it: a sum beyond any amount."""
    fault = Fault(detail=str(error), pointer=pointer_to(()))
    return respond(request.scope, refused("request_invalid"), [fault])


async def _busy(request: Request, error: Exception) -> Response:
    assert isinstance(error, Busy)
    return respond(request.scope, refused("busy"), retry_after=error.retry_after)


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("unavailable", reason=type(error).__name__)
    return respond(request.scope, refused("unavailable"))


async def _database_error(request: Request, error: Exception) -> Response:
    """A lost connection or race passes; anything else is a bug."""
    assert isinstance(error, SQLAlchemyError)
    if not passes(error):
        raise error
    log.warning("unavailable", reason=brief(error))
    return respond(request.scope, refused("unavailable"))


async def _hung_up(request: Request, error: Exception) -> Response:
    trace_of(request.scope).code = "client_closed"
    return Response(status_code=CLIENT_CLOSED)


HANDLERS: dict[type, Callable[[Request, Exception], Awaitable[Response]]] = {
    TillRefused: _till_refused,
    HTTPException: _http_exception,
    RequestValidationError: _invalid,
    RequestInvalid: _implausible,
    BookingRefused: _not_bookable,
    Busy: _busy,
    DatabaseUnreachable: _unavailable,
    LostRace: _unavailable,
    SQLAlchemyError: _database_error,
    ClientDisconnect: _hung_up,
}
"""Who answers which error."""


def refusal_of(request: Request, error: Exception) -> TillRefused:
    """What an error comes to where the answer has a form of its own; a bug is logged."""
    match error:
        case TillRefused():
            return error
        case Forged():
            return refused("unauthorized")
        case RequestInvalid() | BookingRefused() | PayloadInvalid():
            return refused("request_invalid")
        case Busy():
            return refused("busy")
        case DatabaseUnreachable() | LostRace():
            return refused("unavailable")
    if isinstance(error, SQLAlchemyError) and passes(error):
        return refused("unavailable")
    tell_bug(request.scope, error)
    return refused("internal")


def _fault(error: dict[str, Any]) -> Fault:
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        detail = f"no JSON: {error['ctx']['error']} (character {path[0]})"
        return Fault(detail=detail, pointer=pointer_to(()))
    detail = fault_words(error)
    if place == "body":
        return Fault(detail=detail, pointer=pointer_to(path))
    return Fault(detail=detail, parameter=str(path[0]) if path else str(place))


def pointer_to(path: Sequence[object]) -> str:
    """The JSON pointer to this place, as a fragment."""
    steps = (str(step)[:100].replace("~", "~0").replace("/", "~1") for step in path)
    return "#" + "".join(f"/{step}" for step in steps)
