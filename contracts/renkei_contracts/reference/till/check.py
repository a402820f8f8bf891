"""The connection check: credentials, and whether the hub may lead the points."""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed
from renkei_contracts.reference.till import wire
from renkei_contracts.reference.till.client import TillClient
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.toolkit.wire import parse


class TillCheck:
    """Whether the app may read the shop, and the register grants no points of its own."""

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._settings = connection.settings
        self._client = TillClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """Reads only; nothing is changed at the vendor."""
        try:
            shop = parse(wire.Shop, await self._client.get("/shop"), "shop")
        except AuthenticationFailed as error:
            return [CheckFinding(f"check client_id and client_secret: {error}", blocks=True)]
        return list(self._findings(shop))

    def _findings(self, shop: wire.Shop) -> Iterator[CheckFinding]:
        if shop.points_per_100_yen:
            text = "the register grants points of its own: set its points for 100 yen to 0"
            yield CheckFinding(text, blocks=True)
        if not (self._settings.header_secrets() and self._settings.path_secret.get_secret_value()):
            text = "webhooks are refused until header_secret and path_secret are set"
            yield CheckFinding(text, blocks=False)
