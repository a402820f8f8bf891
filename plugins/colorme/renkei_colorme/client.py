"""Calling the API: token, pace, addresses, canonical errors."""

from collections.abc import Mapping
from typing import Any

import httpx

from renkei_colorme import wire
from renkei_colorme.pace import own_turn
from renkei_colorme.settings import ColormeSettings
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, PayloadInvalid
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse


class ColormeClient:
    """Calls to one shop."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._http = connection.http
        self._settings = connection.settings
        self._tokens = connection.tokens

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path, query=query))

    async def rows(
        self, path: str, name: str, query: Mapping[str, str]
    ) -> tuple[list[Any], wire.Meta]:
        """Rows of a list and what the vendor says about it; every row is still to be parsed."""
        answer = await self.get(path, query)
        if not isinstance(answer, dict) or not isinstance(answer.get(name), list):
            raise PayloadInvalid(f"{path}: the answer holds no list of {name}")
        meta = parse(wire.Meta, answer.get("meta"), f"{path}: meta")
        return answer[name], meta

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
        headers = {"Authorization": f"Bearer {await self._token()}"}
        await own_turn(self._http, self._settings.calls_per_minute)
        url = self._settings.address(path)
        request = self._http.build_request(method, url, params=query, json=body, headers=headers)
        return await send(self._http, request, writes=writes)

    async def _token(self) -> str:
        """The token of the settings or of the authorization. It never expires, it is revoked."""
        if given := self._settings.access_token.get_secret_value():
            return given
        kept = await self._tokens.current()
        if kept is None:
            raise AuthenticationFailed("the shop has not authorized the app: authorize it")
        return kept.access
