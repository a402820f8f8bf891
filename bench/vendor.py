"""A shop for the bench: its deliveries are signed and hold a whole order; it takes any balance.

Where its settings name a twin (bench/twin.py), a balance is shown there, by HTTP.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Observation, OrderSeen
from renkei_contracts.order import Order
from renkei_contracts.pace import Limit
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.signature import hmac_sha256_base64, require_hmac_base64
from renkei_contracts.toolkit.transport import send
from renkei_contracts.vendor import Vendor

ID, SIGNATURE = "bench-id", "bench-signature"


class BenchSettings(BaseModel):
    """What a connection knows: where its balances are shown, and how many calls a second it takes.

    Without an address what calling a vendor costs is left out.
    """

    secret: SecretStr
    shows_at: str = ""
    a_second: float | None = None


class BenchWebhooks:
    """Whole orders."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[BenchSettings]) -> None:
        self._secret = connection.settings.secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the body."""
        require_hmac_base64(delivery.header(SIGNATURE), [self._secret], delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's id."""
        return delivery.header(ID)

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The order."""
        return [OrderSeen(order=Order.model_validate_json(delivery.body))]


class BenchBalances:
    """Takes what it is told."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[BenchSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    async def read(self, id: str) -> int:
        """Nothing is shown."""
        return 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Written, in its turn."""
        if self._settings.a_second is not None:
            await self._connection.pace.turn(Limit(every=1 / self._settings.a_second))
        if self._settings.shows_at:
            await self._show(id, write.balance.version)
        return BalanceWritten()

    async def _show(self, id: str, version: int) -> None:
        http = self._connection.http
        address = f"{self._settings.shows_at}/{self._connection.id}/{id}"
        await send(http, http.build_request("PUT", address, json=version), writes=True)


def signed(secret: str, id: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {ID: id, SIGNATURE: hmac_sha256_base64(secret, body)}


VENDOR = Vendor("bench", "Bench", BenchSettings, webhooks=BenchWebhooks, balances=BenchBalances)
