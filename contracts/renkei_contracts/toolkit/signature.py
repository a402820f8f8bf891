"""Checking webhook signatures: raw bytes, constant time, several keys, closed when empty."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pydantic import SecretStr

from renkei_contracts.errors import SignatureInvalid


def filled(*secrets: SecretStr) -> tuple[str, ...]:
    """What the secrets of the settings hold, without those that are empty."""
    return tuple(filter(None, (secret.get_secret_value() for secret in secrets)))


def hmac_sha256_base64(key: str, message: bytes) -> str:
    """base64(HMAC-SHA256(key as UTF-8, message))."""
    return base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha256)).decode()


def hmac_sha256_hex(key: str, message: bytes) -> str:
    """HMAC-SHA256(key as UTF-8, message) in small hexadecimal digits."""
    return hmac.digest(key.encode(), message, hashlib.sha256).hex()


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in constant time, for any characters."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))


def require_hmac_base64(given: str | None, keys: Iterable[str], message: bytes) -> None:
    """Raise SignatureInvalid unless ``given`` is the signature of ``message`` under one key.

    Empty keys never match: an endpoint without a secret is closed, not open.
    """
    _require(hmac_sha256_base64, given, keys, message)


def require_hmac_hex(given: str | None, keys: Iterable[str], message: bytes) -> None:
    """The same for a vendor that writes its signature in small hexadecimal digits."""
    _require(hmac_sha256_hex, given, keys, message)


def _require(
    signed: Callable[[str, bytes], str], given: str | None, keys: Iterable[str], message: bytes
) -> None:
    usable = [key for key in keys if key]
    if not usable:
        raise SignatureInvalid("no signing secret is configured: set it on the connection")
    if given is None:
        raise SignatureInvalid("the signature header is missing")
    matches = [same(signed(key, message), given) for key in usable]
    if not any(matches):
        raise SignatureInvalid("the signature does not match the body")


def require_secret(given: str | None, expected: str, what: str) -> None:
    """Raise SignatureInvalid unless ``given`` equals a configured, non-empty secret."""
    if not expected:
        raise SignatureInvalid(f"no {what} is configured: set it on the connection")
    if given is None or not same(given, expected):
        raise SignatureInvalid(f"the {what} does not match")


def require_recent(given: str | None, now: datetime, within: timedelta) -> None:
    """Raise SignatureInvalid unless ``given`` (unix seconds) lies within the window around now."""
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 12:
        raise SignatureInvalid("the timestamp header is missing or not a number of seconds")
    if abs(now.timestamp() - int(given)) > within.total_seconds():
        raise SignatureInvalid("the timestamp is outside the accepted window")
