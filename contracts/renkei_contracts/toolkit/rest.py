"""A vendor's JSON over HTTP, with a bearer token: what most clients of a REST API need."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import httpx

from renkei_contracts.connection import Token
from renkei_contracts.toolkit.transport import json_of, send

T = TypeVar("T")

Query = Mapping[str, str | int]


class Tokens(Protocol):
    """Whoever has the token for a call: KeptTokens, FixedToken, or the vendor's own way."""

    async def authorized(self, call: Callable[[Token], Awaitable[T]]) -> T:
        """Make the call with it."""
        ...


class RestClient:
    """Calls to one API; every failure ends in a canonical error."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, tokens: Tokens) -> None:
        self._http = http
        self._base_url = base_url
        self._tokens = tokens

    async def get(self, path: str, query: Query | None = None) -> Any:
        """What is at the path."""
        return json_of(await self._send("GET", path, query=query))

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
        query: Query | None = None,
        body: Mapping[str, object] | None = None,
        writes: bool = False,
    ) -> httpx.Response:
        async def call(token: Token) -> httpx.Response:
            url, headers = self._base_url + path, {"Authorization": f"Bearer {token.access}"}
            request = self._http.build_request(
                method, url, params=query, json=body, headers=headers
            )
            return await send(self._http, request, writes=writes)

        return await self._tokens.authorized(call)
