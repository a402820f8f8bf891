"""Calling the shop's API: token, addresses, canonical errors."""

from collections.abc import Mapping
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.reference.till import wire
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.toolkit.oauth import ClientCredentials, GrantedTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse


class TillClient:
    """Calls within one shop."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._http = connection.http
        self._base_url = connection.settings.base_url
        self._tokens = GrantedTokens(connection, _credentials(connection.settings))

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path, query=query))

    async def page(self, path: str, query: Mapping[str, str]) -> wire.Page:
        """A page of the list at the path."""
        return parse(wire.Page, await self.get(path, query), path)

    async def post(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        """The answer to a write, not yet read: it has happened, whatever the answer looks like."""
        return await self._send("POST", path, body=body)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> httpx.Response:
        async def call(token: Token) -> httpx.Response:
            request = self._http.build_request(
                method,
                self._base_url + path,
                params=query,
                json=body,
                headers={"Authorization": f"Bearer {token.access}"},
            )
            return await send(self._http, request, writes=body is not None)

        return await self._tokens.authorized(call)


def _credentials(settings: TillSettings) -> ClientCredentials:
    return ClientCredentials(
        endpoint=f"{settings.base_url}/token",
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
    )
