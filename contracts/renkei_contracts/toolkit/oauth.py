"""Access tokens by credentials or by a code: authlib's OAuth 2 client over the hub's own HTTP.

Needs the extra ``renkei-contracts[oauth]``.
"""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import AuthenticationFailed, GiveUp, PayloadInvalid, Unavailable
from renkei_contracts.toolkit.tokens import KeptTokens
from renkei_contracts.toolkit.transport import raise_for_status

with warnings.catch_warnings():
    # It prefers httpx's successor, which we do not use, and says so at every start.
    warnings.simplefilter("ignore")
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

CLIENT_CREDENTIALS: Mapping[str, str] = {"grant_type": "client_credentials"}
"""The grant for which who we are is enough."""

ERROR_CODE = re.compile(r"[a-z_]{1,40}")
"""What RFC 6749 §5.2 calls an error; anything else is not repeated in a message."""


@dataclass(frozen=True)
class ClientCredentials:
    """Who we are at a vendor's token endpoint, sent as HTTP Basic, and what we ask for."""

    endpoint: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grant:
    """A token and the scopes it was granted for; None where the vendor does not say.

    The token holds the refresh token that came with it, if one did.
    """

    token: Token
    scopes: frozenset[str] | None


class OverHubClient(httpx.AsyncBaseTransport):
    """Sends by the hub's client: authlib brings a client of its own, without our limits and logs.

    It is not closed with authlib's client.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it with the hub's time-outs, which the request already carries."""
        return await self._http.send(request)


async def fetch_grant(
    http: httpx.AsyncClient,
    credentials: ClientCredentials,
    now: datetime,
    form: Mapping[str, str] = CLIENT_CREDENTIALS,
) -> Grant:
    """Ask the token endpoint; raises AuthenticationFailed, TryLater or PayloadInvalid.

    ``form`` is the grant: by the credentials alone, by the code of an authorization, or by a
    refresh token.

    Whatever the endpoint refuses is AuthenticationFailed, 404 too: a NotFound would be taken for
    a missing order by whoever wanted to read one.
    """
    where = f"POST {httpx.URL(credentials.endpoint).path}"
    try:
        answer = await _ask(http, credentials, form, where)
    except OAuthError as error:
        code = error.error if ERROR_CODE.fullmatch(str(error.error)) else "an unknown error"
        raise AuthenticationFailed(
            f"{where}: the vendor refuses the credentials ({code})"
        ) from None
    except GiveUp as error:
        raise AuthenticationFailed(str(error)) from None
    except httpx.TransportError as error:
        raise Unavailable(f"{where}: {type(error).__name__}") from error
    except (ValueError, TypeError, OverflowError, RecursionError, httpx.HTTPStatusError):
        # Not chained: authlib's errors may hold the answer, and with it a token.
        raise PayloadInvalid(f"{where}: the answer is not a token") from None
    return _grant(answer, now, where)


async def _ask(
    http: httpx.AsyncClient, credentials: ClientCredentials, form: Mapping[str, str], where: str
) -> Mapping[str, Any]:
    def refused(response: httpx.Response) -> httpx.Response:
        # 400 and 401 with a body name an error code, which authlib reads.
        if response.status_code not in (400, 401) or not _names_error(response):
            raise_for_status(response, where, writes=False)
        return response

    client = AsyncOAuth2Client(
        credentials.client_id,
        credentials.client_secret,
        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - a method's name
        scope=" ".join(credentials.scopes) or None,
        transport=OverHubClient(http),
        timeout=http.timeout,
        trust_env=False,
    )
    client.register_compliance_hook("access_token_response", refused)
    async with client:
        token: Mapping[str, Any] = await client.fetch_token(credentials.endpoint, **form)
    return token


def _names_error(response: httpx.Response) -> bool:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "error" in body


def _grant(answer: Mapping[str, Any], now: datetime, where: str) -> Grant:
    access, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(access, str) or not access.isascii() or not access.isprintable():
        raise PayloadInvalid(f"{where}: the answer holds no usable access_token")
    if not access or str(kind).lower() != "bearer":
        raise PayloadInvalid(f"{where}: the answer holds no bearer token")
    scope = answer.get("scope")
    scopes = frozenset(scope.split()) if isinstance(scope, str) else None
    ends = _end(answer.get("expires_in"), now, where)
    return Grant(Token(access, ends, _refresh(answer.get("refresh_token"), where)), scopes)


def _refresh(token: object, where: str) -> str | None:
    if token is None:
        return None
    if not isinstance(token, str) or not token:
        raise PayloadInvalid(f"{where}: the answer holds no usable refresh_token")
    return token


def _end(seconds: object, now: datetime, where: str) -> datetime | None:
    if seconds is None:
        return None
    digits = str(seconds)
    if isinstance(seconds, bool) or not re.fullmatch(r"[0-9]{1,9}", digits):
        raise PayloadInvalid(f"{where}: expires_in is not a number of seconds")
    return now + timedelta(seconds=int(digits))


class GrantedTokens(KeptTokens):
    """A connection's token by its credentials."""

    def __init__(self, connection: Connection[Any], credentials: ClientCredentials) -> None:
        super().__init__(connection, self._by_credentials)
        self._credentials = credentials

    async def grant(self) -> Grant:
        """A new token with its scopes, kept nowhere: for a connection check."""
        return await fetch_grant(self._connection.http, self._credentials, self._connection.now())

    async def _by_credentials(self, _kept: Token | None) -> Token:
        return (await self.grant()).token
