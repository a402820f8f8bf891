"""What a connection to one shop must know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.toolkit.wire import TwinUrl

API = "https://api.shop-pro.jp"

SCOPES = (
    "read_sales",
    "write_sales",
    "read_shop_coupons",
    "write_shop_coupons",
)
"""What the app asks for. Customers and their points have no scope of their own: they are sales."""

NEEDED = frozenset({"read_sales", "write_sales"})
"""Without these no order is read and no point is written."""


class ColormeSettings(BaseModel):
    """One app in one shop; without ``access_token`` the shop's owner must authorize it first."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    client_id: Annotated[str, Field(min_length=1)] = Field(description="Client id of the app")
    client_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Client secret of the app"
    )
    redirect_url: str = Field(
        default="",
        description="Redirect address registered for the app, to which the owner's browser returns",
    )
    access_token: SecretStr = Field(
        default=SecretStr(""),
        description="A token that was authorized elsewhere (empty: the one of our authorization)",
    )
    own_points_off: bool = Field(
        default=False,
        description="Confirms that the shop's own point rate is 0, which the API does not show",
    )
    calls_per_minute: Annotated[int, Field(ge=1, le=60_000)] = Field(
        default=90, description="Calls a minute; Color Me Shop asks for no more than 120"
    )
    api_url: TwinUrl = Field(
        default="", description="Another host, on loopback, for a twin (empty: Color Me Shop's)"
    )

    def address(self, path: str) -> str:
        """The URL of a path of the API."""
        return (self.api_url or API) + path
