"""Authorization by the shop's owner, who must be a system administrator (システム管理者)."""

from renkei_contracts.connection import Connection, Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.toolkit.consent import code_of, consent_url
from renkei_eccube.client import SCOPES, granted
from renkei_eccube.settings import EccubeSettings


class EccubeInstall:
    """EC-CUBE signs no callback: the state, which the hub compares, and the code prove it."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    def authorize_url(self, state: str, callback_url: str) -> str:
        """The page of consent; the address must be the one registered for the client."""
        settings = self._settings
        return consent_url(
            settings.address(f"/{settings.admin_route}/authorize"),
            settings.client_id,
            SCOPES,
            state,
            callback_url,
            registered=settings.redirect_url,
        )

    async def finish(self, callback: Delivery) -> None:
        """Exchange the code, which is good for ten minutes, and keep the tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code_of(callback),
            "redirect_uri": self._settings.redirect_url,
        }

        async def exchange(_kept: Token | None) -> Token:
            return await granted(self._connection, form)

        tokens = self._connection.tokens
        await tokens.replace(await tokens.current(), exchange)
