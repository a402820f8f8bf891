"""The capability ``facts``: rain in each area on a day."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from renkei_contracts.capability import Fact
from renkei_contracts.connection import Connection
from renkei_openmeteo.client import OpenMeteoClient
from renkei_openmeteo.mapping import fact_of
from renkei_openmeteo.settings import OpenMeteoSettings


class OpenMeteoFacts:
    """Reads the forecast as it is now."""

    def __init__(self, connection: Connection[OpenMeteoSettings]) -> None:
        self._connection = connection
        self._client = OpenMeteoClient(connection)

    async def facts(self, day: date) -> Sequence[Fact]:
        """Rain or none in every area; an area whose forecast does not decide it is left out."""
        settings = self._connection.settings
        areas = sorted(settings.areas)
        forecasts = await self._client.forecasts(areas, day)
        read_at = self._connection.now().astimezone(ZoneInfo(settings.zone))
        found = (
            fact_of(area, forecast, day, read_at, settings)
            for area, forecast in zip(areas, forecasts, strict=True)
        )
        return [fact for fact in found if fact is not None]
