"""The invented cart with a cloud that shows points by HTTP."""

from pydantic import SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.rest import RestClient
from renkei_contracts.toolkit.tokens import FixedToken
from renkei_contracts.vendor import Vendor
from told_cart import ToldBalances, ToldSettings, ToldWebhooks


class CloudSettings(ToldSettings):
    """What a connection knows."""

    base_url: str
    token: SecretStr


class CloudBalances(ToldBalances):
    """Sets the points of a customer."""

    def __init__(self, connection: Connection[CloudSettings]) -> None:
        settings = connection.settings
        self._client = RestClient(connection.http, settings.base_url, FixedToken(settings.token))

    async def read(self, id: str) -> int:
        """What the cloud shows."""
        return int((await self._client.get(f"/points/{id}"))["points"])

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Show this balance."""
        points = write.balance.spendable
        await self._client.write("PUT", f"/points/{id}", {"points": points})
        return BalanceWritten(points=points)


VENDOR = Vendor("acme", "Acme", CloudSettings, webhooks=ToldWebhooks, balances=CloudBalances)
