"""Calling the API: token, pace, addresses, canonical errors."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from renkei_colorme import wire
from renkei_colorme.settings import ColormeSettings
from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import AuthenticationFailed, PayloadInvalid
from renkei_contracts.pace import Limit
from renkei_contracts.toolkit.rest import Query, RestClient
from renkei_contracts.toolkit.wire import parse

T = TypeVar("T")

AT_ONCE = 10
"""Calls that may follow each other without a wait, after a time of quiet."""


class ColormeClient(RestClient):
    """Calls to one shop."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        base_url = connection.settings.address("")
        super().__init__(connection.http, base_url, _PacedToken(connection))

    async def rows(self, path: str, name: str, query: Query) -> tuple[list[Any], wire.Meta]:
        """Rows of a list and what the vendor says about it; every row is still to be parsed."""
        answer = await self.get(path, query)
        if not isinstance(answer, dict) or not isinstance(answer.get(name), list):
            raise PayloadInvalid(f"{path}: the answer holds no list of {name}")
        meta = parse(wire.Meta, answer.get("meta"), f"{path}: meta")
        return answer[name], meta


class _PacedToken:
    """The token of the settings or of the authorization. It never expires, it is revoked."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._connection = connection
        self._limit = Limit(60 / connection.settings.calls_per_minute, AT_ONCE)

    async def authorized(self, call: Callable[[Token], Awaitable[T]]) -> T:
        """Make the call in its turn."""
        token = await self._current()
        await self._connection.pace.turn(self._limit)
        return await call(token)

    async def _current(self) -> Token:
        if given := self._connection.settings.access_token.get_secret_value():
            return Token(given, None)
        kept = await self._connection.tokens.current()
        if kept is None:
            raise AuthenticationFailed("the shop has not authorized the app: authorize it")
        return kept
