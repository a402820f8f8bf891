"""Calling the POS part of the platform API: token, addresses, canonical errors."""

from typing import Any

from renkei_contracts.connection import Connection
from renkei_contracts.errors import UnsupportedFeature
from renkei_contracts.toolkit.oauth import ClientCredentials, Grant, GrantedTokens
from renkei_contracts.toolkit.rest import Query, RestClient
from renkei_smaregi.settings import SmaregiSettings
from renkei_smaregi.wire import parse_rows


class SmaregiClient(RestClient):
    """Calls within one contract.

    403 (a scope or a plan is missing) looks like a refused token, so that it costs one more token
    and one more call each time.
    """

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._granted = GrantedTokens(connection, _credentials(connection.settings))
        super().__init__(connection.http, connection.settings.address(""), self._granted)

    async def grant(self) -> Grant:
        """A new token with the scopes it was granted for."""
        return await self._granted.grant()

    async def rows(self, path: str, query: Query) -> list[dict[str, Any]]:
        """A page of the list at the path."""
        return parse_rows(await self.get(path, query), path)


def require_members(settings: SmaregiSettings) -> None:
    """Raise UnsupportedFeature in a contract whose plan has no members."""
    if not settings.members:
        raise UnsupportedFeature("the contract's plan has no members: only its sales are read")


def _credentials(settings: SmaregiSettings) -> ClientCredentials:
    return ClientCredentials(
        endpoint=settings.token_endpoint(),
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        scopes=settings.scopes(),
    )
