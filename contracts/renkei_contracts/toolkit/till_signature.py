"""How a register signs what it asks of /pos/v1 (docs/pos-v1.md).

The signature is base64 of HMAC-SHA256 under the credential's secret over six lines joined by a line
feed, none at the end::

    method              POST
    path                as in the request line, before any decoding
    query               as in the request line, without its "?"; an empty line if there is none
    Renkei-Timestamp    unix seconds, at most 300 from the hub's clock
    Renkei-Nonce        16 to 64 of A-Z a-z 0-9 - _ and never used before with this key
    body digest         hex SHA-256 of the body as sent; that of nothing if there is none

A gateway names the till it acts for, and signs that with two lines more::

    Renkei-Store        as sent: UTF-8, percent-encoded
    Renkei-Till         the same
"""

import hashlib
import secrets
from datetime import datetime

import httpx

from renkei_contracts.toolkit.signature import hmac_sha256_base64


def signed_text(
    method: str,
    path: bytes,
    query: bytes,
    timestamp: str,
    nonce: str,
    body: bytes,
    till: tuple[str, str] | None = None,
) -> bytes:
    """The bytes a register signs; ``till``: store and till that a gateway names, as sent."""
    digest = hashlib.sha256(body).hexdigest()
    lines = [method.encode(), path, query, timestamp.encode(), nonce.encode(), digest.encode()]
    lines += [name.encode("latin-1") for name in till or ()]
    return b"\n".join(lines)


def sign(request: httpx.Request, key_id: str, secret: str, at: datetime) -> None:
    """Sign a register's request, of which no byte may change any more."""
    timestamp, nonce = str(int(at.timestamp())), secrets.token_urlsafe(24)
    path, _, query = request.url.raw_path.partition(b"?")
    text = signed_text(request.method, path, query, timestamp, nonce, request.content)
    request.headers.update(
        {
            "Renkei-Key": key_id,
            "Renkei-Timestamp": timestamp,
            "Renkei-Nonce": nonce,
            "Renkei-Signature": hmac_sha256_base64(secret, text),
        }
    )
