"""What Open-Meteo answers, as it sends it: one object for one place, a list for several."""

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from renkei_contracts.errors import PayloadInvalid


class Hourly(BaseModel):
    """Parallel lists; times are local without an offset (``2026-06-10T09:00``)."""

    model_config = ConfigDict(extra="allow")

    time: list[str]
    precipitation: list[Decimal | None]


class Units(BaseModel):
    """The units of the hourly values."""

    model_config = ConfigDict(extra="allow")

    precipitation: str


class Forecast(BaseModel):
    """The forecast of one place."""

    model_config = ConfigDict(extra="allow")

    timezone: str
    hourly_units: Units
    hourly: Hourly


def forecasts_of(answer: Any, places: int) -> list[Forecast]:
    """One forecast a place, in the order asked for; raises PayloadInvalid."""
    rows = answer if isinstance(answer, list) else [answer]
    if len(rows) != places:
        raise PayloadInvalid(f"forecast: {places} places were asked for, {len(rows)} answered")
    try:
        return [Forecast.model_validate(row) for row in rows]
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise PayloadInvalid(f"forecast: {where} is missing or another type") from None
