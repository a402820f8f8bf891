"""POST /pos/v1/oauth/token: OAuth 2 client credentials (RFC 6749, 4.4), with authlib's errors.

No more of authlib: its server asks for the client synchronously, fails at a Basic header that is
not UTF-8, and writes tokens into the debug log.
"""

import base64
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    InvalidScopeError,
    OAuth2Error,
    UnsupportedGrantTypeError,
)
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from renkei.services.till.access_tokens import TOKEN_SECONDS, issue, scopes_asked
from renkei.services.till.terminals import TerminalAccess
from renkei.web.problems import documented
from renkei.web.proof import KEY_ID, UNKNOWN
from renkei.web.served import ServedHub, TheHub
from renkei.web.trace import trace_of
from renkei_contracts.toolkit.signature import same

GRANT = "client_credentials"
FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 20


class AccessToken(BaseModel):
    """An access token (RFC 6749, 5.1); `scope` is what it may do."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token
    expires_in: int = Field(TOKEN_SECONDS, description="seconds")
    scope: str


class TokenRefused(BaseModel):
    """Why there is none (RFC 6749, 5.2)."""

    error: Literal["invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"]
    error_description: str | None = None


ASKED: dict[str, Any] = {
    "required": True,
    "content": {
        FORM: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"const": GRANT},
                    "scope": {"type": "string", "description": "some of its scopes; none: all"},
                    "client_id": {"type": "string", "description": "key id, unless by Basic"},
                    "client_secret": {"type": "string", "description": "secret, unless by Basic"},
                },
            }
        }
    },
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": TokenRefused, "description": "What is asked for cannot be given"},
    401: {"model": TokenRefused, "description": "Not who it says, or not any more"},
}

router = APIRouter(prefix="/pos/v1", tags=["credentials"])


@router.post(
    "/oauth/token",
    name="token",
    summary="An access token for a credential",
    response_model=AccessToken,
    responses=REFUSALS | documented("body_timeout", "body_too_large", "internal", "unavailable"),
    openapi_extra={"requestBody": ASKED},
)
async def token(request: Request, hub: TheHub) -> Response:
    """OAuth 2 client credentials: the key id and the secret, by Basic or in the form."""
    try:
        answer = await _token(request, hub)
    except OAuth2Error as error:
        trace_of(request.scope).code = error.error
        shown = {name: value for name, value in error.get_headers() if name == "WWW-Authenticate"}
        return JSONResponse(dict(error.get_body()), error.status_code, headers=shown)
    return JSONResponse(answer.model_dump())


async def _token(request: Request, hub: ServedHub) -> AccessToken:
    form = _form(request, await request.body())
    key_id, secret = _credential(request, form)
    now = hub.clock()
    access = await _proven(hub, key_id, secret)
    trace_of(request.scope).facts["terminal"] = access.terminal.id
    if form.get("grant_type") is None:
        raise InvalidRequestError("grant_type is missing")
    if form["grant_type"] != GRANT:
        raise UnsupportedGrantTypeError(GRANT)
    scopes = scopes_asked(access, form.get("scope"))
    if scopes is None:
        raise InvalidScopeError("the credential has not every scope that is asked for")
    issued = issue(hub.ring, access, scopes, now, hub.till.booking.new_id("tok"))
    return AccessToken(access_token=issued, scope=" ".join(scopes))


async def _proven(hub: ServedHub, key_id: str, secret: str) -> TerminalAccess:
    access = None
    if KEY_ID.fullmatch(key_id):
        access = await hub.callers.access_by(key_id, hub.clock())
    if not same(access.secret if access else UNKNOWN, secret) or access is None:
        raise _not_the_client()
    return access


def _not_the_client() -> Exception:
    """Always 401: also who sends the secret in the form learns that Basic is welcome."""
    error: Exception = InvalidClientError(
        status_code=401, description="key id and secret belong to no credential that is valid now"
    )
    return error


def _form(request: Request, body: bytes) -> dict[str, str]:
    """The form's fields; an empty one counts as not there."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"the body must be {FORM}")
    try:
        pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidRequestError("the form cannot be read") from None
    if len(pairs) != len(dict(pairs)):
        raise InvalidRequestError("a parameter is repeated")
    return dict(pairs)


def _credential(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Key id and secret, by one way only."""
    kind, _, coded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise InvalidRequestError("the secret is sent twice: by Basic and in the form")
    try:
        key_id, _, secret = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise _not_the_client() from None
    return unquote(key_id), unquote(secret)
