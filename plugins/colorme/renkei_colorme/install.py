"""Authorization by the shop's owner: OAuth 2 code; the token does not expire."""

from renkei_colorme import wire
from renkei_colorme.settings import NEEDED, SCOPES, ColormeSettings
from renkei_contracts.connection import Connection, Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import AuthenticationFailed, GiveUp
from renkei_contracts.toolkit.consent import code_of, consent_url
from renkei_contracts.toolkit.transport import json_of, send
from renkei_contracts.toolkit.wire import parse


class ColormeInstall:
    """Color Me Shop signs no callback: the state, which the hub compares, and the code prove it."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    def authorize_url(self, state: str, callback_url: str) -> str:
        """The page of consent; the address must be the one registered for the app."""
        settings = self._settings
        return consent_url(
            settings.address("/oauth/authorize"),
            settings.client_id,
            SCOPES,
            state,
            callback_url,
            registered=settings.redirect_url,
        )

    async def finish(self, callback: Delivery) -> None:
        """Exchange the code, which is good once and for ten minutes, and keep the token."""
        code = code_of(callback)

        async def exchange(_kept: Token | None) -> Token:
            return await self._exchange(code)

        tokens = self._connection.tokens
        await tokens.replace(await tokens.current(), exchange)

    async def _exchange(self, code: str) -> Token:
        form = {
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret.get_secret_value(),
            "redirect_uri": self._settings.redirect_url,
            "grant_type": "authorization_code",
            "code": code,
        }
        http = self._connection.http
        request = http.build_request("POST", self._settings.address("/oauth/token"), data=form)
        try:
            answer = await send(http, request, writes=False)
        except GiveUp as error:
            # NotFound would be taken for a missing order by whoever wanted to read one.
            raise AuthenticationFailed(f"the code brings no token: {error}") from None
        told = parse(wire.Token, json_of(answer), "access token")
        missing = NEEDED - set(told.scope.split()) if told.scope is not None else set()
        if missing:
            lacking = ", ".join(sorted(missing))
            raise AuthenticationFailed(f"the app was not granted {lacking}: authorize it again")
        return Token(access=told.access_token, expires_at=None)
