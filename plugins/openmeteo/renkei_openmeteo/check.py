"""The connection check: whether the forecast can be read, and whether a shop may."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, NotFound, PayloadInvalid, Rejected
from renkei_openmeteo.client import OpenMeteoClient
from renkei_openmeteo.settings import FREE, OpenMeteoSettings

NOT_FOR_SHOPS = (
    "this is the free service, for non-commercial use only: a shop needs a paid plan's api_key"
)


class OpenMeteoCheck:
    """Whether today's forecast can be read."""

    def __init__(self, connection: Connection[OpenMeteoSettings]) -> None:
        self._connection = connection
        self._client = OpenMeteoClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """One read of all areas."""
        settings = self._connection.settings
        today = self._connection.now().astimezone(ZoneInfo(settings.zone)).date()
        try:
            await self._client.forecasts(sorted(settings.areas), today)
        except AuthenticationFailed:
            return [CheckFinding("Open-Meteo does not accept the api_key", blocks=True)]
        except (Rejected, NotFound, PayloadInvalid) as error:
            text = f"{error}; check areas, zone, api_key and base_url"
            return [CheckFinding(text, blocks=True)]
        free = settings.address == FREE
        return [CheckFinding(NOT_FOR_SHOPS, blocks=False)] if free else []
