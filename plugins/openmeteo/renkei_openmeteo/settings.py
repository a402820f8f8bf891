"""What a connection to Open-Meteo must know: areas, what counts as rain, and a key for shops."""

import re
from decimal import Decimal
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.base import Slug
from renkei_contracts.toolkit.wire import LOOPBACK, Zone

FREE = "https://api.open-meteo.com"
PAID = "https://customer-api.open-meteo.com"
MOST_AREAS = 100
"""All in one call, of which the service counts each place by itself."""

COORDINATES = re.compile(r"-?\d{1,2}(\.\d{1,6})?,-?\d{1,3}(\.\d{1,6})?")


def _on_earth(text: str) -> str:
    plain = text.replace(" ", "")
    if not COORDINATES.fullmatch(plain):
        raise ValueError("must be latitude,longitude such as 35.01,135.77")
    latitude, longitude = (abs(Decimal(part)) for part in plain.split(","))
    if latitude > 90 or longitude > 180:
        raise ValueError("is no place on earth")
    return plain


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if url and not (plain or (parts.scheme == "https" and parts.hostname)):
        raise ValueError("must be https://, or http:// on this machine")
    return url.rstrip("/")


Hour = Annotated[int, Field(ge=0, le=24)]


class OpenMeteoSettings(BaseModel):
    """Areas with a place for each, and what counts as a day of rain there."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    areas: Annotated[
        dict[Slug, Annotated[str, AfterValidator(_on_earth)]],
        Field(min_length=1, max_length=MOST_AREAS),
    ] = Field(description='Areas as stores name them, as JSON: {"kyoto": "35.01,135.77"}')
    rain_mm: Annotated[Decimal, Field(ge=Decimal("0.1"), le=500, decimal_places=1)] = Field(
        default=Decimal("1.0"), description="From how many millimetres on it is a day of rain"
    )
    first_hour: Hour = Field(default=9, description="The first hour of the day that counts")
    last_hour: Hour = Field(default=21, description="The hour at which the day ends that counts")
    zone: Zone = Field(default="Asia/Tokyo", description="Time zone of these hours")
    api_key: SecretStr = Field(
        default=SecretStr(""), description="Key of a paid plan; the free service is not for shops"
    )
    base_url: Annotated[str, AfterValidator(_https_or_loopback)] = Field(
        default="", description="Another address; else the service's own, free or paid"
    )

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.first_hour >= self.last_hour:
            raise ValueError("first_hour must lie before last_hour")
        return self

    @property
    def address(self) -> str:
        """Where to ask."""
        return self.base_url or (PAID if self.api_key.get_secret_value() else FREE)
