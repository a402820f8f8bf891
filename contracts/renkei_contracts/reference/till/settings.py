"""What a connection to one shop of the reference till must know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import Address


class TillSettings(BaseModel):
    """One shop; without ``header_secret`` and ``path_secret`` no webhook gets in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Address = Field(description="Address of the shop's API, e.g. https://shop.example.jp")
    client_id: Annotated[str, Field(min_length=1)] = Field(description="Client id of the app")
    client_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Client secret of the app"
    )
    header_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Value of the header X-Till-Secret that every webhook carries",
    )
    old_header_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous value, while it is being changed"
    )
    path_secret: SecretStr = Field(
        default=SecretStr(""), description="Last part of the webhook's address; made for you"
    )

    def header_secrets(self) -> tuple[str, ...]:
        """Every value the header may have; never an empty one."""
        return filled(self.header_secret, self.old_header_secret)
