"""What the hub signs for others to read: JSON Web Tokens with Ed25519 (RFC 7519, 9864).

The header has ``alg: Ed25519``, ``typ`` as below and ``kid``; the public keys are a JWK set at
``/.well-known/renkei-keys.json``, so that a till checks a token without asking the hub.
"""

from typing import Annotated, Literal

from pydantic import Field

from renkei_contracts.base import Canonical, Key, Points, Text

QR_TYPE = "renkei-qr"
QR_SECONDS = 60
"""How long a card's QR code is valid; the phone draws a new one in time."""

Epoch = Annotated[int, Field(strict=True, ge=0, le=7_258_118_400)]
"""Whole seconds since 1970, UTC, as JWT counts them (NumericDate)."""


class QrClaims(Canonical):
    """The card a member shows: ``sub`` is the member; each ``jti`` is accepted once."""

    iss: Literal["renkei"] = "renkei"
    sub: Key
    iat: Epoch
    exp: Epoch
    jti: Key


ALLOWANCE_TYPE = "renkei-allowance"


class AllowanceClaims(Canonical):
    """What a till may let a member use offline; ``jti`` is the allowance, ``sub`` the member.

    ``terminal`` is the only till that may, as store/till; ``points`` is for all its sales together.
    """

    iss: Literal["renkei"] = "renkei"
    jti: Key
    sub: Key
    terminal: Text
    points: Points
    iat: Epoch
    exp: Epoch
