"""What a connection to one Tryton database must know."""

from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.base import Key, Slug

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (plain or (parts.scheme == "https" and parts.hostname)):
        raise ValueError("must be https://, or http:// on this machine")
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("must be an address alone, such as https://tryton.example.jp")
    return url.rstrip("/")


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("is no time zone") from error
    return name


class TrytonSettings(BaseModel):
    """One database, read as one of its users."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_https_or_loopback)] = Field(
        description="Address of the Tryton server, e.g. https://tryton.example.jp"
    )
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = Field(
        description="Name of the database"
    )
    username: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Login of a user who may read the point of sale"
    )
    password: SecretStr = Field(description="Password of that user")
    store: Slug = Field(
        default="shop", description="The store of these tills, as `renkei terminal add` names it"
    )
    points_tender: Key = Field(
        default="Points", description="Name of the payment method that stands for points"
    )
    discount_codes: tuple[str, ...] = Field(
        default=("DISCOUNT",),
        description="Codes of the products that, sold in negative quantity, are a discount",
    )
    zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="Asia/Tokyo", description="Time zone in which the store's day begins and ends"
    )
