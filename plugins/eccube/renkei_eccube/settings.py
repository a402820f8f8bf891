"""What a connection to one EC-CUBE 4 shop must know."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import Address

Points = Literal["none", "companion"]
"""Where the shop has its points: nowhere that we could write, or in our companion's hands."""

StatusId = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}$")]


class EccubeSettings(BaseModel):
    """One shop, read and written by one client of its Web API plugin.

    The shop's owner authorizes it, or gives a ``refresh_token`` that was authorized by hand.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Address = Field(description="Address of the shop, e.g. https://shop.example.jp")
    admin_route: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")] = Field(
        default="admin", description="The part of the address under which the shop is administered"
    )
    client_id: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        description="Client id of the OAuth client made in the shop's administration"
    )
    client_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Client secret of the OAuth client"
    )
    redirect_url: str = Field(
        default="",
        description="Redirect URI registered for the client, to which the owner's browser returns",
    )
    refresh_token: SecretStr = Field(
        default=SecretStr(""),
        description="A refresh token that was authorized by hand; it is good for one use (empty: "
        "the owner authorizes us)",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret of the shop's webhook (empty: webhooks are refused)",
    )
    old_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous secret, while it is being changed"
    )
    points: Points = Field(
        default="none",
        description="Where the shop shows points: none (read only), or companion once our plugin "
        "for EC-CUBE is installed there",
    )
    own_points_off: bool = Field(
        default=False,
        description="Confirms, where the companion cannot say so, that EC-CUBE's own points are "
        "turned off: its API does not show it",
    )
    paid_statuses: tuple[StatusId, ...] = Field(
        default=(),
        description="Ids of order statuses of the shop's own that mean a paid order",
    )
    trust_email: bool = Field(
        default=False,
        description="Whether registering proves the e-mail address: EC-CUBE's provisional "
        "membership is on and nobody else makes customers or changes their addresses",
    )
    page_size: Annotated[int, Field(ge=1, le=100)] = Field(
        default=50, description="Rows asked for at once"
    )

    @model_validator(mode="after")
    def _leaves_the_vendors_own_statuses(self) -> Self:
        if any(int(id) <= LAST_OF_CORE for id in self.paid_statuses):
            raise ValueError(f"paid_statuses: the statuses 1 to {LAST_OF_CORE} are EC-CUBE's own")
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        """Every secret a genuine delivery may be signed with; never an empty one."""
        return filled(self.webhook_secret, self.old_webhook_secret)

    def address(self, path: str) -> str:
        """The URL of a path of the shop."""
        return f"{self.base_url}{path}"


LAST_OF_CORE = 9
"""Order statuses up to this one are EC-CUBE's own."""
