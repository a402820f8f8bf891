"""Calling the shop's API: token, addresses, canonical errors."""

from collections.abc import Mapping

from renkei_contracts.connection import Connection
from renkei_contracts.reference.till import wire
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.toolkit.oauth import ClientCredentials, GrantedTokens
from renkei_contracts.toolkit.rest import RestClient
from renkei_contracts.toolkit.wire import parse


class TillClient(RestClient):
    """Calls within one shop."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        tokens = GrantedTokens(connection, _credentials(connection.settings))
        super().__init__(connection.http, connection.settings.base_url, tokens)

    async def page(self, path: str, query: Mapping[str, str]) -> wire.Page:
        """A page of the list at the path."""
        return parse(wire.Page, await self.get(path, query), path)


def _credentials(settings: TillSettings) -> ClientCredentials:
    return ClientCredentials(
        endpoint=f"{settings.base_url}/token",
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
    )
