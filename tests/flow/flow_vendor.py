"""An invented cart for the flow's tests: signed deliveries of whole members and orders."""

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
from renkei_contracts.toolkit.signature import require_hmac_base64
from renkei_contracts.vendor import Vendor

ID, KIND, SIGNATURE = "flow-id", "flow-kind", "flow-signature"


class FlowSettings(BaseModel):
    """What a connection knows."""

    secret: SecretStr


class FlowWebhooks:
    """Whole members and orders, in the contracts' own words."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[FlowSettings]) -> None:
        self._secret = connection.settings.secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        require_hmac_base64(delivery.header(SIGNATURE), [self._secret], delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        return delivery.header(ID)

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        if delivery.header(KIND) == "member":
            return [MemberSeen(member=Member.model_validate_json(delivery.body))]
        return [OrderSeen(order=Order.model_validate_json(delivery.body))]


class FlowBalances:
    """Takes whatever it is told."""

    mode: Literal["absolute", "delta"] = "absolute"
    idempotent = True
    shows_expiry = False

    def __init__(self, connection: Connection[FlowSettings]) -> None:
        pass

    async def read(self, id: str) -> int:
        return 0

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        return BalanceWritten(points=write.balance.spendable)


def signed(secret: str, id: str, kind: str, body: bytes) -> dict[str, str]:
    """The headers of a delivery."""
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return {ID: id, KIND: kind, SIGNATURE: base64.b64encode(digest).decode()}


VENDOR = Vendor("flow", "Flow", FlowSettings, webhooks=FlowWebhooks, balances=FlowBalances)
