"""What a connection to one shop must know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import Address


class ReferenceSettings(BaseModel):
    """One shop and our app in it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Address = Field(description="Address of the shop, e.g. https://shop.example.jp")
    shop: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = Field(
        description="Name of the shop, which its deliveries carry"
    )
    client_id: Annotated[str, Field(min_length=1)] = Field(description="Client id of the app")
    client_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Client secret of the app"
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret that signs webhooks (empty: they are refused, changes are polled only)",
    )
    old_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous secret, while it is being rotated"
    )

    def signing_secrets(self) -> tuple[str, ...]:
        """Every secret a genuine delivery may be signed with; never an empty one."""
        return filled(self.webhook_secret, self.old_webhook_secret)

    def address(self, path: str) -> str:
        """The URL of a path of this shop."""
        return self.base_url + path
