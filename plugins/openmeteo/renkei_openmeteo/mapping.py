"""From hours of precipitation to a fact, rain or none. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from renkei_contracts.capability import Fact
from renkei_contracts.errors import PayloadInvalid
from renkei_openmeteo.settings import OpenMeteoSettings
from renkei_openmeteo.wire import Forecast

RAIN = "rain"
"""The fact's name."""


def fact_of(
    area: str, forecast: Forecast, day: date, read_at: datetime, settings: OpenMeteoSettings
) -> Fact | None:
    """Whether that is a day of rain; None where hours are missing that would decide it.

    Hours are found by their time, never by their place in the list.
    """
    hours = _hours_of(forecast, settings)
    wanted = [
        f"{day.isoformat()}T{hour:02d}:00"
        for hour in range(settings.first_hour, settings.last_hour)
    ]
    found = [hours.get(time) for time in wanted]
    fallen = sum((amount for amount in found if amount is not None), Decimal(0))
    if fallen < settings.rain_mm and None in found:
        return None
    span = f"{settings.first_hour} to {settings.last_hour}"
    source = f"Open-Meteo, forecast of {read_at:%H:%M}: {fallen} mm from {span}"
    return Fact(RAIN, area, day, fallen >= settings.rain_mm, source)


def _hours_of(forecast: Forecast, settings: OpenMeteoSettings) -> Mapping[str, Decimal | None]:
    hourly = forecast.hourly
    if forecast.timezone != settings.zone or forecast.hourly_units.precipitation != "mm":
        raise PayloadInvalid("forecast: another time zone or unit than was asked for")
    if len(hourly.time) != len(hourly.precipitation):
        raise PayloadInvalid("forecast: its lists have different lengths")
    return dict(zip(hourly.time, hourly.precipitation, strict=True))
