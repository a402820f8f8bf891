"""Authorization by the merchant: OAuth 2 code, with a callback that the shop signs."""

from urllib.parse import parse_qs, urlencode

from renkei_contracts.connection import Connection, Token
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.reference.cart.client import credentials
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.oauth import fetch_grant
from renkei_contracts.toolkit.signature import require_hmac_base64


def callback_message(code: str, state: str) -> bytes:
    """The bytes under a callback's signature."""
    return urlencode({"code": code, "state": state}).encode()


class ReferenceInstall:
    """The first token comes by the merchant's consent, later ones by the app's credentials."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    def authorize_url(self, state: str, callback_url: str) -> str:
        """The shop's page of consent."""
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": callback_url,
            "state": state,
        }
        return f"{self._settings.address('/oauth/authorize')}?{urlencode(query)}"

    async def finish(self, callback: Delivery) -> None:
        """Check who calls, then exchange the code and keep the token."""
        form = {
            "grant_type": "authorization_code",
            "code": _checked_code(callback, self._settings.client_secret.get_secret_value()),
        }

        async def exchange(_kept: Token | None) -> Token:
            http, now = self._connection.http, self._connection.now()
            return (await fetch_grant(http, credentials(self._settings), now, form)).token

        tokens = self._connection.tokens
        await tokens.replace(await tokens.current(), exchange)


def _checked_code(callback: Delivery, secret: str) -> str:
    """The code of a callback that the shop signed, together with its state."""
    given = parse_qs(callback.body.decode("ascii", "replace"))
    found = [given.get(name, []) for name in ("code", "state", "signature")]
    if any(len(values) != 1 for values in found):
        raise SignatureInvalid("the callback must have one code, one state and one signature")
    code, state, signature = (values[0] for values in found)
    require_hmac_base64(signature, [secret], callback_message(code, state))
    return code
