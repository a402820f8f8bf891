"""An invented cart for the faults: signed deliveries, and a cloud that shows points by HTTP."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, SecretStr

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import MemberSeen, Observation, OrderSeen
from renkei_contracts.member import Member
from renkei_contracts.order import Order
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.toolkit.rest import RestClient
from renkei_contracts.toolkit.signature import require_hmac_base64
from renkei_contracts.toolkit.tokens import FixedToken
from renkei_contracts.vendor import Vendor

ID, KIND, SIGNATURE = "acme-id", "acme-kind", "acme-signature"


class AcmeSettings(BaseModel):
    """What a connection knows."""

    secret: SecretStr
    base_url: str
    token: SecretStr


class AcmeWebhooks:
    """Whole members and orders."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[AcmeSettings]) -> None:
        self._secret = connection.settings.secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the body."""
        require_hmac_base64(delivery.header(SIGNATURE), [self._secret], delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's id."""
        return delivery.header(ID)

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The member or order, in the contracts' own words."""
        if delivery.header(KIND) == "member":
            return [MemberSeen(member=Member.model_validate_json(delivery.body))]
        return [OrderSeen(order=Order.model_validate_json(delivery.body))]


class AcmeBalances:
    """Sets the points of a customer."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[AcmeSettings]) -> None:
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


def signed(secret: str, id: str, kind: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return {ID: id, KIND: kind, SIGNATURE: base64.b64encode(digest).decode()}


VENDOR = Vendor("acme", "Acme", AcmeSettings, webhooks=AcmeWebhooks, balances=AcmeBalances)
