"""Who is at the other end: a register that signs, one with a token, or one that sends its secret.

What is signed: renkei_contracts/toolkit/till_signature.py.
"""

import ipaddress
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import unquote

import structlog
from pydantic import ValidationError
from starlette.requests import Request

from renkei.services.till import access_tokens, terminals
from renkei.services.till.terminals import TerminalAccess
from renkei.signing import seconds
from renkei.web.problems import refused
from renkei.web.served import ServedHub
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.toolkit.signature import hmac_sha256_base64, require_recent, same
from renkei_contracts.toolkit.till_signature import signed_text

log = structlog.get_logger(__name__)

WINDOW = timedelta(seconds=300)
KEY_ID = re.compile(r"[A-Za-z0-9_]{1,80}")
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
UNKNOWN = "-"
"""Compared against when the key is unknown. That a key is known may show by the time it takes to
refuse it: a key id is no secret, and cannot be guessed."""


@dataclass(frozen=True)
class Signed:
    """A request's claim to come from the holder of a key."""

    key_id: str
    timestamp: str
    nonce: str
    signature: str = field(repr=False)


async def authenticate(request: Request, hub: ServedHub) -> TerminalAccess:
    """The credential this request proves, and the till it is for; raises TillRefused."""
    access = await _proven(request, hub, hub.clock())
    named = _till_named(request)
    return access if named is None else await _acting(hub, access, named)


async def _proven(request: Request, hub: ServedHub, now: datetime) -> TerminalAccess:
    if (signature := request.headers.get("renkei-signature")) is not None:
        return await _by_signature(request, hub, _claim(request, signature), now)
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise refused("unauthorized")
    if credential.count(".") == 2:  # neither a key id nor a secret of ours has one
        return await _by_token(credential.strip(), hub, now)
    return await _by_secret(request, hub, credential.strip(), now)


def _till_named(request: Request) -> tuple[str, str] | None:
    """Store and till as sent; None where neither is."""
    store, till = (request.headers.get(f"renkei-{name}") for name in ("store", "till"))
    return None if store is None and till is None else (store or "", till or "")


async def _acting(hub: ServedHub, access: TerminalAccess, named: tuple[str, str]) -> TerminalAccess:
    """The access as that of the till it names; only a gateway may."""
    if not access.gateway:
        raise refused("scope_missing")
    try:
        store, till = (
            terminals.KEY.validate_python(unquote(one, errors="strict")) for one in named
        )
    except (UnicodeDecodeError, ValidationError):
        raise refused("till_unknown") from None
    return await for_till(hub, access, store, till)


async def for_till(hub: ServedHub, access: TerminalAccess, store: str, till: str) -> TerminalAccess:
    """A gateway's access as that of a till of its connection; raises TillRefused."""
    async with hub.database.begin() as conn:
        found = await terminals.by_name(conn, access.terminal.connection, store, till)
    if found is None:
        raise refused("till_unknown")
    return replace(access, terminal=found)


async def require_let_in_still(hub: ServedHub, access: TerminalAccess) -> None:
    """Raise TillRefused where the credential or the till has been shut out meanwhile."""
    now = await hub.callers.access_by(access.key_id, hub.clock())
    if now is None:
        raise refused("unauthorized")
    if access.gateway and not access.names_no_till:
        await for_till(hub, now, access.terminal.store, access.terminal.till)


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
    secret = await hub.callers.secret_of(claim.key_id, now)
    if not _signature_fits(request, claim, body, secret):
        raise refused("unauthorized")
    # Only who holds the secret can fill the table of nonces.
    known = await hub.callers.access_once(claim.key_id, claim.nonce, now)
    if known is None:
        raise refused("unauthorized")
    if not known.nonce_is_new:
        raise refused("nonce_reused")
    return known.access


def _signature_fits(request: Request, claim: Signed, body: bytes, secret: str | None) -> bool:
    scope = request.scope
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    named = _till_named(request)
    text = signed_text(scope["method"], path, query, claim.timestamp, claim.nonce, body, named)
    fits = same(hmac_sha256_base64(secret or UNKNOWN, text), claim.signature)
    return fits and secret is not None


async def _by_token(token: str, hub: ServedHub, now: datetime) -> TerminalAccess:
    try:
        claims = access_tokens.read(hub.ring, token)
    except SignatureInvalid:
        raise refused("unauthorized") from None
    if seconds(now) >= claims.exp:
        raise refused("token_expired")
    access = await hub.callers.access_by(claims.sub, now)
    if access is None:
        raise refused("unauthorized")
    return access_tokens.granted(access, claims)


async def _by_secret(
    request: Request, hub: ServedHub, credential: str, now: datetime
) -> TerminalAccess:
    key_id, _, secret = credential.partition(".")
    if not KEY_ID.fullmatch(key_id):
        raise refused("unauthorized")
    access = await hub.callers.access_by(key_id, now)
    if not same(access.secret if access else UNKNOWN, secret) or access is None:
        raise refused("unauthorized")
    if not _may_send_secret(request, access):
        log.warning("secret_from_foreign_network", terminal=access.terminal.id, key=key_id)
        raise refused("unauthorized")
    return access


PASSED_ON = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
"""What a proxy adds, one of them at least where it is set up as docs/operations.md says."""


def _may_send_secret(request: Request, access: TerminalAccess) -> bool:
    address = peer_address(request)
    return address is not None and access.may_send_secret_from(address)


def peer_address(request: Request) -> str | None:
    """The address at the other end of the socket; None where a proxy stands between.

    What a proxy says of the caller is nobody's proof, and its own address is not the caller's.
    """
    if any(name in request.headers for name in PASSED_ON):
        return None
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:  # a Unix socket
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
