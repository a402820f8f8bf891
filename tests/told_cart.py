"""An invented cart that tells of members and orders in the contracts' own words, signed.

Loaded by the tests that want deliveries and no vendor's format, and by the processes they start.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import MemberSeen, Observation, OrderSeen
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.signature import hmac_sha256_base64, require_hmac_base64
from renkei_contracts.vendor import Vendor

ID, KIND, SIGNATURE = "told-id", "told-kind", "told-signature"


class ToldSettings(BaseModel):
    """What a connection knows."""

    secret: SecretStr


class ToldWebhooks:
    """Whole members and orders."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[Any]) -> None:
        self._secret = connection.settings.secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the body."""
        require_hmac_base64(delivery.header(SIGNATURE), [self._secret], delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's id."""
        return delivery.header(ID)

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The member or order."""
        if delivery.header(KIND) == "member":
            return [MemberSeen(member=Member.model_validate_json(delivery.body))]
        return [OrderSeen(order=Order.model_validate_json(delivery.body))]


class ToldBalances:
    """Takes whatever it is told."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[Any]) -> None:
        pass

    async def read(self, id: str) -> int:
        """Nothing is shown."""
        return 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Written."""
        return BalanceWritten(points=write.balance.spendable)


def signed(secret: str, id: str, kind: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    return {ID: id, KIND: kind, SIGNATURE: hmac_sha256_base64(secret, body)}


VENDOR = Vendor("told", "Told", ToldSettings, webhooks=ToldWebhooks, balances=ToldBalances)
