"""A shop's owner authorizes us by hand: from a page of consent, and back to us."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import AuthenticationFailed, SettingsInvalid, SignatureInvalid
from renkei_contracts.toolkit.signature import same
from renkei_contracts.vendor import Vendor

REDIRECT_URL = "redirect_url"
"""A vendor that knows one address only, to which the browser returns, has this setting for it."""


@dataclass(frozen=True)
class ByHand:
    """``bring`` shows a person the page of consent, and gives the address the browser ended at.

    Nothing need answer at that address: what counts is what it says. ``callback_url`` is where the
    browser is sent, unless the settings name the address that is registered at the vendor.
    """

    bring: Callable[[str], Awaitable[str]]
    callback_url: str

    async def obtain(self, vendor: Vendor, connection: Connection[Any]) -> None:
        """Get the connection a token; raises SettingsInvalid, AuthenticationFailed or TryLater."""
        if vendor.install is None:
            raise SettingsInvalid(f"{vendor.name} is not authorized by an owner: its settings do")
        install, state = vendor.install(connection), secrets.token_urlsafe(24)
        registered = getattr(connection.settings, REDIRECT_URL, "") or self.callback_url
        brought = await self.bring(install.authorize_url(state, registered))
        query = urlsplit(brought.strip()).query
        given = parse_qs(query).get("state", [])
        if len(given) != 1 or not same(given[0], state):
            raise AuthenticationFailed(
                "that is not the address at which this consent ended: copy all of it from the "
                "browser, and begin again"
            )
        answer = Delivery(connection.id, connection.now(), (), query.encode("utf-8", "replace"))
        try:
            await install.finish(answer)
        except SignatureInvalid as error:
            raise AuthenticationFailed(f"the consent is not from the vendor: {error}") from error
