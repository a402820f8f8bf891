"""How a call proves who makes it: HTTP Basic over TLS, a signature over plain HTTP.

OAuth 1.0a with one leg and HMAC-SHA256, its parameters in the query, without ``oauth_version``
(source: the documentation, Authentication over HTTP). The rules of RFC 5849 are authlib's.
"""

import base64
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from authlib.common.security import generate_token
from authlib.oauth1.rfc5849.parameters import prepare_request_uri_query
from authlib.oauth1.rfc5849.signature import construct_base_string
from authlib.oauth1.rfc5849.util import escape

from renkei_contracts.toolkit.signature import hmac_sha256_base64


def basic(key: str, secret: str) -> Mapping[str, str]:
    """The header of HTTP Basic."""
    both = base64.b64encode(f"{key}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


def signed(method: str, url: str, key: str, secret: str, timestamp: int) -> str:
    """The URL with the parameters of OAuth; ``timestamp`` is in seconds, as the hub's clock says.

    A body is not signed: it is JSON.
    """
    given = [
        ("oauth_consumer_key", key),
        ("oauth_nonce", generate_token(32)),
        ("oauth_signature_method", "HMAC-SHA256"),
        ("oauth_timestamp", str(timestamp)),
    ]
    query = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    base = construct_base_string(method, url, [*query, *given])
    signature = hmac_sha256_base64(f"{escape(secret)}&", base.encode())
    return str(prepare_request_uri_query([*given, ("oauth_signature", signature)], url))
