"""What a register's route asks before anything else: who calls, and whether they may."""

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer, OAuth2, SecurityScopes
from starlette.requests import Request
from starlette.responses import Response

from renkei.services.till.terminals import TerminalAccess
from renkei.services.till.till_terminal import Terminal
from renkei.web.body import StrictRequest
from renkei.web.problems import refused
from renkei.web.proof import authenticate
from renkei.web.served import hub_of
from renkei.web.trace import trace_of

ACCESS = "renkei.access"

SIGNED = APIKeyHeader(
    name="Renkei-Signature",
    scheme_name="signed",
    description=(
        "base64(HMAC-SHA256(secret, method \\n path \\n query \\n timestamp \\n nonce \\n "
        "hex(SHA-256(body)))), with the headers `Renkei-Key`, `Renkei-Timestamp` (unix seconds, "
        "within 300 of the hub's clock) and `Renkei-Nonce` (16 to 64 characters, used once). "
        "A gateway also signs \\n `Renkei-Store` \\n `Renkei-Till`, the till it acts for. "
        "Path, query, headers and body are taken as sent. See docs/pos-v1.md."
    ),
    auto_error=False,
)
STATIC = HTTPBearer(
    scheme_name="static",
    description="`<key id>.<secret>`, only from the networks the credential names.",
    auto_error=False,
)
TOKEN_PATH = "/pos/v1/oauth/token"  # noqa: S105 - an address, no secret
TOKEN = OAuth2(
    flows={
        "clientCredentials": {
            "tokenUrl": TOKEN_PATH,
            "scopes": {
                "till:read": "look things up",
                "till:write": "book",
                "terminals:write": "register tills",
            },
        }
    },
    scheme_name="oauth2",
    description="An access token of 15 minutes, for the credential's key id and secret.",
    auto_error=False,
)
SCHEMES = [Depends(SIGNED), Depends(STATIC), Depends(TOKEN)]


class TerminalRoute(APIRoute):
    """A route for registers: who calls is proven on the raw bytes, before anything is decoded."""

    media_type = "application/json"

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler behind the check."""
        handler = super().get_route_handler()

        async def check_then_handle(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            access = await authenticate(strict, await hub_of(strict))
            request.scope[ACCESS] = access
            tell_who(request, access)
            if await strict.body() and _media_type(strict) != self.media_type:
                raise refused("content_type_unsupported")
            _require_said_once(strict)
            return await handler(strict)

        return check_then_handle


class LinesRoute(TerminalRoute):
    """A route whose body is lines of JSON."""

    media_type = "application/x-ndjson"


def _require_said_once(request: Request) -> None:
    """Of a parameter that is repeated the framework would take the last value, and drop the others.

    Raises RequestValidationError.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    for name, times in given.items():
        if times > 1:
            why = f"is said {times} times; several values of one parameter stand between commas"
            raise RequestValidationError([{"type": "repeated", "loc": ("query", name), "msg": why}])


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def tell_who(request: Request, access: TerminalAccess) -> None:
    """Let the log say which till it is, and which gateway calls for it."""
    facts = trace_of(request.scope).facts
    facts["terminal"] = access.terminal.id
    if access.gateway:
        facts["gateway"] = access.key_id


def access_of(request: Request) -> TerminalAccess:
    """What the caller has proven."""
    access: TerminalAccess = request.scope[ACCESS]
    return access


def _allowed(request: Request, wanted: SecurityScopes) -> TerminalAccess:
    access = access_of(request)
    if not set(wanted.scopes) <= set(access.scopes):
        raise refused("scope_missing")
    return access


async def _caller(request: Request, wanted: SecurityScopes) -> Terminal:
    access = _allowed(request, wanted)
    if access.names_no_till:
        raise refused("till_not_named")
    return access.terminal


async def _registrar(request: Request, wanted: SecurityScopes) -> Terminal:
    return _allowed(request, wanted).terminal


Reader = Annotated[Terminal, Security(_caller, scopes=["till:read"])]
"""A register that may look things up."""

Writer = Annotated[Terminal, Security(_caller, scopes=["till:write"])]
"""A register that may book."""

QuoteReader = Annotated[Terminal, Security(_caller, scopes=["quotes:read"])]
"""An application that may ask what a cart earns."""

FactTeller = Annotated[Terminal, Security(_caller, scopes=["facts:write"])]
"""An application that may state facts."""

ActivityTeller = Annotated[Terminal, Security(_caller, scopes=["activities:write"])]
"""An application that may tell of activities."""

Holder = Annotated[Terminal, Security(_caller, scopes=["holds:write"])]
"""An application that may set points aside."""

OrderTeller = Annotated[Terminal, Security(_caller, scopes=["orders:write"])]
"""An application that may tell of orders."""

MemberTeller = Annotated[Terminal, Security(_caller, scopes=["members:write"])]
"""An application that may tell of its customers."""

RewardTeller = Annotated[Terminal, Security(_caller, scopes=["rewards:write"])]
"""An application that may exchange a member's points for rewards."""

Registrar = Annotated[Terminal, Security(_registrar, scopes=["terminals:write"])]
"""A gateway that may register tills of its connection; it need not name one."""
