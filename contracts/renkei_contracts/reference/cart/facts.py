"""The shop's own calendar as dated facts."""

from collections.abc import Sequence
from datetime import date

from renkei_contracts.capability import Fact
from renkei_contracts.connection import Connection
from renkei_contracts.reference.cart import wire
from renkei_contracts.reference.cart.client import ReferenceClient
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.toolkit.wire import parse


class ReferenceFacts:
    """Occasions of a day."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self._client = ReferenceClient(connection)

    async def facts(self, day: date) -> Sequence[Fact]:
        """What the calendar says; an occasion that is not decided is not in it."""
        rows = await self._client.get("/v1/calendar", {"day": day.isoformat()})
        found = parse(wire.Calendar, rows, "calendar").occasions
        return [Fact(one.name, one.area, day, one.value, one.source) for one in found]
