"""A connection's token: a fixed one, or one that is granted, renewed in time and replaced."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import SecretStr

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import AuthenticationFailed

T = TypeVar("T")

EARLY = timedelta(minutes=1)
"""A token this close to its end is not used any more."""


class FixedToken:
    """A token of the settings, such as an API key: it does not end, and nothing replaces it."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    async def authorized(self, call: Callable[[Token], Awaitable[T]]) -> T:
        """Make the call with it."""
        return await call(Token(self._secret.get_secret_value(), None))


class KeptTokens:
    """A connection's token: kept by the hub, renewed before its end, replaced once refused.

    ``fetch`` gets a new one, given the one that is kept, whose refresh token it may need.
    """

    def __init__(
        self, connection: Connection[Any], fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> None:
        self._connection = connection
        self._fetch = fetch

    async def current(self) -> Token:
        """The token to use now."""
        token = await self._connection.tokens.current()
        if token is not None and not self._ends_soon(token):
            return token
        return await self._connection.tokens.replace(token, self._fetch)

    async def authorized(self, call: Callable[[Token], Awaitable[T]]) -> T:
        """Make the call, and once more with a new token where the first was refused.

        A refused call did nothing, so that repeating is safe for a write as well.
        """
        token = await self.current()
        try:
            return await call(token)
        except AuthenticationFailed:
            fresh = await self._connection.tokens.replace(token, self._fetch)
        return await call(fresh)

    def _ends_soon(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at - EARLY <= self._connection.now()
