"""Authorization by the shop's owner, who must be a system administrator (システム管理者)."""

from urllib.parse import parse_qs, urlencode

from renkei_contracts.connection import Connection, Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import AuthenticationFailed, SettingsInvalid, SignatureInvalid
from renkei_eccube.client import SCOPES, granted
from renkei_eccube.settings import EccubeSettings

MOST_BYTES = 8_000


class EccubeInstall:
    """EC-CUBE signs no callback: the state, which the hub compares, and the code prove it."""

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    def authorize_url(self, state: str, callback_url: str) -> str:
        """The page of consent; the address must be the one registered for the client."""
        if callback_url != self._settings.redirect_url:
            raise SettingsInvalid(
                "redirect_url is another address than this hub's callback: register it for the "
                "client and set it"
            )
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": callback_url,
            "scope": " ".join(SCOPES),
            "state": state,
        }
        path = f"/{self._settings.admin_route}/authorize"
        return f"{self._settings.address(path)}?{urlencode(query)}"

    async def finish(self, callback: Delivery) -> None:
        """Exchange the code, which is good for ten minutes, and keep the tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": _code(callback),
            "redirect_uri": self._settings.redirect_url,
        }

        async def exchange(_kept: Token | None) -> Token:
            return await granted(self._connection, form)

        tokens = self._connection.tokens
        await tokens.replace(await tokens.current(), exchange)


def _code(callback: Delivery) -> str:
    if len(callback.body) > MOST_BYTES:
        raise SignatureInvalid("the callback is too long")
    given = parse_qs(callback.body.decode("ascii", "replace"))
    if given.get("error"):
        raise AuthenticationFailed("the shop's owner did not authorize us")
    code, state = given.get("code", []), given.get("state", [])
    if len(code) != 1 or len(state) != 1:
        raise SignatureInvalid("the callback must have one code and one state")
    return code[0]
