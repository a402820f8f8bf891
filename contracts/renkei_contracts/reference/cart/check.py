"""The connection check: whether the shop answers and the hub may lead the points."""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.client import ReferenceClient
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.wire import parse


class ReferenceCheck:
    """Reads how the shop is set up; nothing is changed there."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._settings = connection.settings
        self._client = ReferenceClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """One call; refused credentials are themselves a finding."""
        try:
            answer = await self._client.get("/v1/shop")
        except AuthenticationFailed as error:
            text = f"the shop does not let us in: {error}; check client_id and client_secret"
            return [CheckFinding(text, blocks=True)]
        return list(self._findings(parse(wire.Shop, answer, "shop")))

    def _findings(self, shop: wire.Shop) -> Iterator[CheckFinding]:
        if shop.currency != "JPY":
            yield CheckFinding("the shop does not sell in JPY, which is all we know", blocks=True)
        if shop.own_points:
            text = "the shop grants points of its own: turn that off, since the hub leads them"
            yield CheckFinding(text, blocks=True)
        if not (shop.webhook_url and self._settings.signing_secrets()):
            text = (
                "no webhooks until the shop has our address and we its secret: changes are polled"
            )
            yield CheckFinding(text, blocks=False)
