"""Access tokens: what a credential gets for its secret, so that requests need not carry that."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from pydantic import Field

from renkei.services.till.terminals import TerminalAccess
from renkei.signing import Signer, seconds
from renkei.storage.sealed import KeyRing
from renkei_contracts.base import Canonical, Key

TOKEN_TYPE = "renkei-access"  # noqa: S105 - the name of a kind, no secret

TOKEN_SECONDS = 900
"""How long a token is valid: a register asks for another in time."""


class AccessClaims(Canonical):
    """``sub`` is the credential's key id; ``scope`` as RFC 9068 writes it, with spaces."""

    iss: Literal["renkei"] = "renkei"
    sub: Key
    scope: str = Field(max_length=500)
    iat: int
    exp: int
    jti: Key


def issue(
    ring: KeyRing, access: TerminalAccess, scopes: tuple[str, ...], now: datetime, jti: str
) -> str:
    """A token for some of what the credential may do."""
    at = seconds(now)
    claims = AccessClaims(
        sub=access.key_id, scope=" ".join(scopes), iat=at, exp=at + TOKEN_SECONDS, jti=jti
    )
    return Signer(ring).sign(TOKEN_TYPE, claims)


def read(ring: KeyRing, token: str) -> AccessClaims:
    """What the token says; raises SignatureInvalid. Its time is not looked at."""
    return Signer(ring).read(TOKEN_TYPE, token, AccessClaims)


def granted(access: TerminalAccess, claims: AccessClaims) -> TerminalAccess:
    """What the token gives access to: no more than its credential has now."""
    asked = set(claims.scope.split())
    return replace(access, scopes=tuple(one for one in access.scopes if one in asked))


def scopes_asked(access: TerminalAccess, asked: str | None) -> tuple[str, ...] | None:
    """The scopes of a new token: all where none are named; None: not all of them are had."""
    wanted = access.scopes if asked is None else tuple(dict.fromkeys(asked.split()))
    return wanted if wanted and set(wanted) <= set(access.scopes) else None
