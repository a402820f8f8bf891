"""Calling the cart: token, addresses, canonical errors."""

from datetime import UTC, datetime

from renkei_contracts.connection import Connection
from renkei_contracts.paging import Window
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.oauth import ClientCredentials, GrantedTokens
from renkei_contracts.toolkit.rest import RestClient
from renkei_contracts.toolkit.wire import parse

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret


class ReferenceClient(RestClient):
    """Calls to one shop."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        tokens = GrantedTokens(connection, credentials(connection.settings))
        super().__init__(connection.http, connection.settings.base_url, tokens)

    async def page(self, path: str, window: Window, cursor: str | None) -> wire.Rows:
        """Rows that changed within the window, oldest change first, from the cursor on."""
        query = {"from": iso(window.since), "to": iso(window.until)}
        rows = await self.get(path, query if cursor is None else {**query, "cursor": cursor})
        return parse(wire.Rows, rows, path)


def credentials(settings: ReferenceSettings) -> ClientCredentials:
    """Who we are at the token endpoint."""
    return ClientCredentials(
        endpoint=settings.address(TOKEN_PATH),
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
    )


def iso(at: datetime) -> str:
    """A moment as the cart wants it: in UTC."""
    return at.astimezone(UTC).isoformat()
