"""Calling the POS part of the platform API: token, addresses, canonical errors."""

from collections.abc import Mapping
from typing import Any

import httpx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import UnsupportedFeature
from renkei_contracts.toolkit.oauth import ClientCredentials, Grant, GrantedTokens
from renkei_contracts.toolkit.transport import json_of, send
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.wire import parse_rows


class SmaregiClient:
    """Calls within one contract.

    403 (a scope or a plan is missing) looks like a refused token, so that it costs one more token
    and one more call each time.
    """

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._http = connection.http
        self._settings = connection.settings
        self._tokens = GrantedTokens(connection, _credentials(connection.settings))

    async def grant(self) -> Grant:
        """A new token with the scopes it was granted for."""
        return await self._tokens.grant()

    async def get(self, path: str, query: Mapping[str, str | int]) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path, query=query))

    async def rows(self, path: str, query: Mapping[str, str | int]) -> list[dict[str, Any]]:
        """A page of the list at the path."""
        return parse_rows(await self.get(path, query), path)

    async def post(self, path: str, body: Mapping[str, str]) -> httpx.Response:
        """The answer to a write, not yet read: it has happened, whatever the answer looks like."""
        return await self._send("POST", path, body=body)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        async def call(token: Token) -> httpx.Response:
            request = self._http.build_request(
                method,
                self._settings.address(path),
                params=query,
                json=body,
                headers={"Authorization": f"Bearer {token.access}"},
            )
            return await send(self._http, request, writes=body is not None)

        return await self._tokens.authorized(call)


def require_members(settings: SmaregiSettings) -> None:
    """Raise UnsupportedFeature in a contract whose plan has no members."""
    if not settings.members:
        raise UnsupportedFeature("the contract's plan has no members: only its sales are read")


def _credentials(settings: SmaregiSettings) -> ClientCredentials:
    return ClientCredentials(
        endpoint=settings.token_endpoint(),
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scopes=settings.scopes(),
    )
