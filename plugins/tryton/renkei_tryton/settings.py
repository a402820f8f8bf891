"""What a connection to one Tryton database must know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.base import Key, Slug
from renkei_contracts.toolkit.wire import Origin, Zone


class TrytonSettings(BaseModel):
    """One database, read as one of its users."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Origin = Field(
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
    zone: Zone = Field(
        default="Asia/Tokyo", description="Time zone in which the store's day begins and ends"
    )
