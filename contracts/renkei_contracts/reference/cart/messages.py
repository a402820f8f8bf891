"""Messages to customers, which the shop sends by mail."""

from renkei_contracts.connection import Connection
from renkei_contracts.ids import ExternalRef
from renkei_contracts.reference.cart.client import ReferenceClient
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.transport import path_id


class ReferenceMessages:
    """A message sent twice is read twice, so that a broken call is OutcomeUnknown."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._client = ReferenceClient(connection)

    async def send(self, ref: ExternalRef, text: str) -> None:
        """Hand it to the shop."""
        path = f"/v1/customers/{path_id(ref.id, 'customer')}/messages"
        await self._client.write("POST", path, {"text": text})
