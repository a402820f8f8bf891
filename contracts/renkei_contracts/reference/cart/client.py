"""Calling the cart: token, addresses, canonical errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.paging import Window
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.oauth import ClientCredentials, GrantedTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret


class ReferenceClient:
    """Calls to one shop."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._http = connection.http
        self._settings = connection.settings
        self._tokens = GrantedTokens(connection, credentials(connection.settings))

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path, query=query))

    async def page(self, path: str, window: Window, cursor: str | None) -> wire.Rows:
        """Rows that changed within the window, oldest change first, from the cursor on."""
        query = {"from": iso(window.since), "to": iso(window.until)}
        rows = await self.get(path, query if cursor is None else {**query, "cursor": cursor})
        return parse(wire.Rows, rows, path)

    async def write(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """The answer to a write, not yet read: it has happened, whatever the answer looks like."""
        return await self._send(method, path, body=body, writes=True)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        writes: bool = False,
    ) -> httpx.Response:
        async def call(token: Token) -> httpx.Response:
            url = self._settings.address(path)
            headers = {"Authorization": f"Bearer {token.access}"}
            request = self._http.build_request(
                method, url, params=query, json=body, headers=headers
            )
            return await send(self._http, request, writes=writes)

        return await self._tokens.authorized(call)


def credentials(settings: ReferenceSettings) -> ClientCredentials:
    """Who we are at the token endpoint."""
    return ClientCredentials(
        endpoint=settings.address(TOKEN_PATH),
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
    )


def iso(at: datetime) -> str:
    """A moment as the cart wants it: in UTC."""
    return at.astimezone(UTC).isoformat()
