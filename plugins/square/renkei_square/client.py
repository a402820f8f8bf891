"""Calling the Square API: token, version, canonical errors."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import AuthenticationFailed, GiveUp
from renkei_contracts.toolkit.tokens import KeptTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import M, parse
from renkei_square.settings import SquareSettings
from renkei_square.wire import Granted

TOKEN = "/oauth2/token"  # noqa: S105 - a path
LONGEST_KEY = 45
"""Characters of an idempotency key that every call takes."""

Body = Mapping[str, Any]


class SquareClient:
    """Calls as one seller, and the token they need."""

    def __init__(self, connection: Connection[SquareSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._tokens = KeptTokens(connection, self._refreshed)

    async def get(self, model: type[M], path: str, query: Mapping[str, str] | None = None) -> M:
        """What is at the path."""
        answer = await self._send("GET", path, query=query)
        return parse(model, json_of(answer), path)

    async def find(self, model: type[M], path: str, body: Body) -> M:
        """The answer to a search, which changes nothing."""
        return parse(model, json_of(await self._send("POST", path, body=body)), path)

    async def write(self, path: str, body: Body) -> httpx.Response:
        """The answer to a write, not yet read: it has happened, whatever the answer looks like."""
        return await self._send("POST", path, body=body, writes=True)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        writes: bool = False,
    ) -> httpx.Response:
        async def call(token: Token) -> httpx.Response:
            request = self._connection.http.build_request(
                method,
                self._settings.address(path),
                params=query,
                json=body,
                headers={
                    "Authorization": f"Bearer {token.access}",
                    "Square-Version": self._settings.api_version,
                },
            )
            return await send(self._connection.http, request, writes=writes)

        if static := self._settings.access_token.get_secret_value():
            return await call(Token(static, None))
        return await self._tokens.authorized(call)

    async def _refreshed(self, kept: Token | None) -> Token:
        """A new access token, by the refresh token that came last, or else by the settings'."""
        given = self._settings.refresh_token.get_secret_value()
        if kept is None or kept.refresh in (None, given):
            return await self._granted(given)
        try:
            return await self._granted(kept.refresh or given)
        except AuthenticationFailed:
            # The seller may have authorized the application once more.
            return await self._granted(given)

    async def _granted(self, refresh: str) -> Token:
        settings = self._settings
        body = {
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
            "grant_type": "refresh_token",
            "refresh_token": refresh,
        }
        headers = {"Square-Version": settings.api_version}
        request = self._connection.http.build_request(
            "POST", settings.address(TOKEN), json=body, headers=headers
        )
        try:
            answer = await send(self._connection.http, request, writes=False)
        except GiveUp as error:
            # A NotFound would be taken for a missing order by whoever wanted to read one.
            raise AuthenticationFailed(f"no token: {error}") from None
        granted = parse(Granted, json_of(answer), "the token")
        return Token(granted.access_token, granted.expires_at, granted.refresh_token)


def once(*parts: object) -> str:
    """An idempotency key: the same for the same parts, another for any other."""
    named = "\n".join(str(part) for part in parts)
    return hashlib.sha256(named.encode()).hexdigest()[:LONGEST_KEY]


def moment(at: datetime) -> str:
    """A moment as Square writes it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
