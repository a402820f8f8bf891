"""Who is at the other end: a register that signs each request, or one that sends its secret.

The signature (header ``Renkei-Signature``) is base64 of HMAC-SHA256 under the credential's secret
over six lines joined by a line feed, none at the end::

    method              POST
    path                as in the request line, before any decoding
    query               as in the request line, without its "?"; an empty line if there is none
    Renkei-Timestamp    unix seconds, at most 300 from the hub's clock
    Renkei-Nonce        16 to 64 of A-Z a-z 0-9 - _ and never used before with this key
    body digest         hex SHA-256 of the body as sent; that of nothing if there is none
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

import structlog
from fastapi import Depends, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBearer, SecurityScopes
from starlette.requests import Request
from starlette.responses import Response

from renkei.services import terminals
from renkei.services.terminals import TerminalAccess
from renkei.services.till import Terminal
from renkei.web.body import StrictRequest
from renkei.web.problems import refused
from renkei.web.served import ServedHub, hub_of
from renkei.web.trace import trace_of
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.toolkit.signature import hmac_sha256_base64, require_recent, same

log = structlog.get_logger(__name__)

ACCESS = "renkei.access"
WINDOW = timedelta(seconds=300)
KEY_ID = re.compile(r"[A-Za-z0-9_]{1,80}")
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
UNKNOWN = "-"
"""Compared against when the key is unknown, so that it takes as long as a wrong secret."""

SIGNED = APIKeyHeader(
    name="Renkei-Signature",
    scheme_name="signed",
    description=(
        "base64(HMAC-SHA256(secret, method \\n path \\n query \\n timestamp \\n nonce \\n "
        "hex(SHA-256(body)))), with the headers `Renkei-Key`, `Renkei-Timestamp` (unix seconds, "
        "within 300 of the hub's clock) and `Renkei-Nonce` (16 to 64 characters, used once). "
        "Path, query and body are taken as sent. See docs/pos-v1.md."
    ),
    auto_error=False,
)
STATIC = HTTPBearer(
    scheme_name="static",
    description="`<key id>.<secret>`, only from the networks the credential names.",
    auto_error=False,
)
SCHEMES = [Depends(SIGNED), Depends(STATIC)]


@dataclass(frozen=True)
class Signed:
    """A request's claim to come from the holder of a key."""

    key_id: str
    timestamp: str
    nonce: str
    signature: str = field(repr=False)


def signed_text(
    method: str, path: bytes, query: bytes, timestamp: str, nonce: str, body: bytes
) -> bytes:
    """The bytes a register signs."""
    digest = hashlib.sha256(body).hexdigest()
    lines = (method.encode(), path, query, timestamp.encode(), nonce.encode(), digest.encode())
    return b"\n".join(lines)


async def authenticate(request: Request, hub: ServedHub) -> TerminalAccess:
    """The credential this request proves; raises TillRefused."""
    now = hub.clock()
    if (signature := request.headers.get("renkei-signature")) is not None:
        return await _by_signature(request, hub, _claim(request, signature), now)
    return await _by_secret(request, hub, now)


def _claim(request: Request, signature: str) -> Signed:
    key_id, timestamp, nonce = (
        request.headers.get(f"renkei-{name}", "") for name in ("key", "timestamp", "nonce")
    )
    if not KEY_ID.fullmatch(key_id) or not NONCE.fullmatch(nonce):
        raise refused("unauthorized")
    return Signed(key_id, timestamp, nonce, signature)


async def _by_signature(
    request: Request, hub: ServedHub, claim: Signed, now: datetime
) -> TerminalAccess:
    try:
        require_recent(claim.timestamp, now, WINDOW)
    except SignatureInvalid:
        raise refused("clock_skew") from None
    body = await request.body()
    async with hub.database.begin() as conn:
        access = await terminals.by_key(conn, hub.ring, claim.key_id, now)
        if not _signature_fits(request, claim, body, access) or access is None:
            raise refused("unauthorized")
        # Only who holds the secret can fill the table of nonces.
        new = await terminals.nonce_is_new(conn, claim.key_id, claim.nonce, now)
    if not new:
        raise refused("nonce_reused")
    return access


def _signature_fits(
    request: Request, claim: Signed, body: bytes, access: TerminalAccess | None
) -> bool:
    scope = request.scope
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    text = signed_text(scope["method"], path, query, claim.timestamp, claim.nonce, body)
    secret = access.secret if access else UNKNOWN
    return same(hmac_sha256_base64(secret, text), claim.signature)


async def _by_secret(request: Request, hub: ServedHub, now: datetime) -> TerminalAccess:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    key_id, _, secret = credential.strip().partition(".")
    if scheme.lower() != "bearer" or not KEY_ID.fullmatch(key_id):
        raise refused("unauthorized")
    async with hub.database.begin() as conn:
        access = await terminals.by_key(conn, hub.ring, key_id, now)
    if not same(access.secret if access else UNKNOWN, secret) or access is None:
        raise refused("unauthorized")
    if not _may_send_secret(request, access):
        log.warning("secret_from_foreign_network", terminal=access.terminal.id, key=key_id)
        raise refused("unauthorized")
    return access


def _may_send_secret(request: Request, access: TerminalAccess) -> bool:
    address = peer_address(request)
    return address is not None and access.may_send_secret_from(address)


def peer_address(request: Request) -> str | None:
    """The address at the other end of the socket; None where a proxy stands between.

    What a proxy says of the caller is nobody's proof, and its own address is not the caller's.
    """
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return None
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:  # a Unix socket
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


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
            trace_of(request.scope).facts["terminal"] = access.terminal.id
            if await strict.body() and _media_type(strict) != self.media_type:
                raise refused("content_type_unsupported")
            return await handler(strict)

        return check_then_handle


class LinesRoute(TerminalRoute):
    """A route whose body is lines of JSON."""

    media_type = "application/x-ndjson"


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _caller(request: Request, wanted: SecurityScopes) -> Terminal:
    access: TerminalAccess = request.scope[ACCESS]
    if not set(wanted.scopes) <= set(access.scopes):
        raise refused("scope_missing")
    return access.terminal


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
