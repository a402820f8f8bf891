"""The one call: precipitation of a day, hour by hour, for all areas at once."""

from collections.abc import Sequence
from datetime import date

from renkei_contracts.connection import Connection
from renkei_contracts.toolkit.transport import json_of, send
from renkei_openmeteo.settings import OpenMeteoSettings
from renkei_openmeteo.wire import Forecast, forecasts_of


class OpenMeteoClient:
    """Reads forecasts."""

    def __init__(self, connection: Connection[OpenMeteoSettings]) -> None:
        self._connection = connection
        self._settings = connection.settings

    async def forecasts(self, areas: Sequence[str], day: date) -> list[Forecast]:
        """One forecast an area, in their order."""
        places = [self._settings.areas[area].split(",") for area in areas]
        parameters = {
            "latitude": ",".join(latitude for latitude, _ in places),
            "longitude": ",".join(longitude for _, longitude in places),
            "hourly": "precipitation",
            "timezone": self._settings.zone,
            "start_date": day.isoformat(),
            "end_date": day.isoformat(),
        }
        if key := self._settings.api_key.get_secret_value():
            parameters["apikey"] = key
        url = f"{self._settings.address}/v1/forecast"
        request = self._connection.http.build_request("GET", url, params=parameters)
        response = await send(self._connection.http, request, writes=False)
        return forecasts_of(json_of(response), len(places))
