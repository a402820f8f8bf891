"""Authorization by a code whose callback the vendor does not sign (RFC 6749 §4.1).

The state, which the hub compares, and the code itself prove such a callback.
"""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlencode

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import AuthenticationFailed, SettingsInvalid, SignatureInvalid

MOST_BYTES = 8_000
"""Of a callback's query; a code and a state are far shorter."""


def consent_url(
    page: str, client_id: str, scopes: Sequence[str], state: str, callback_url: str, registered: str
) -> str:
    """The vendor's page of consent; SettingsInvalid where another callback is registered there."""
    if callback_url != registered:
        raise SettingsInvalid(
            "redirect_url must be the address that is registered at the vendor, to which the "
            f"owner's browser returns: register one there, such as {callback_url}, and set it"
        )
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": callback_url,
        "scope": " ".join(scopes),
        "state": state,
    }
    return f"{page}?{urlencode(query)}"


def code_of(callback: Delivery) -> str:
    """The one code; raises AuthenticationFailed where the owner refused, or SignatureInvalid."""
    if len(callback.body) > MOST_BYTES:
        raise SignatureInvalid("the callback is too long")
    given = parse_qs(callback.body.decode("ascii", "replace"))
    if given.get("error"):
        raise AuthenticationFailed("the shop's owner did not authorize us")
    code, state = given.get("code", []), given.get("state", [])
    if len(code) != 1 or len(state) != 1:
        raise SignatureInvalid("the callback must have one code and one state")
    return code[0]
