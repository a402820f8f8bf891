"""What a connection to one Smaregi contract must know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import TwinUrl

SALES_SCOPES = ("pos.transactions:read", "pos.stores:read")
"""What the app must be allowed to do in a contract of whichever plan."""

SCOPES = ("pos.customers:read", "pos.customers:write", *SALES_SCOPES)
"""What the app must be allowed to do in a contract whose plan has members."""


class SmaregiSettings(BaseModel):
    """One app in one contract; without ``path_secret`` and ``header_secret`` no webhook gets in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    contract_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        description="Contract id (契約ID) of the merchant, e.g. sb_abc12345 in the sandbox"
    )
    client_id: Annotated[str, Field(min_length=1)] = Field(description="Client id of the app")
    client_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Client secret of the app"
    )
    sandbox: bool = Field(
        default=False, description="Whether the contract is in the sandbox (smaregi.dev)"
    )
    members: bool = Field(
        default=True,
        description="Whether the contract's plan has members (Premium Plus, Food Business, Retail "
        "Business); where it has none, sales are read and nothing else",
    )
    header_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,60}$")] = Field(
        default="X-Renkei-Secret",
        description="Name of the header that the developer console adds to every webhook",
    )
    header_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Value of that header (empty: webhooks are refused, changes are polled only)",
    )
    old_header_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous value, while it is being changed"
    )
    path_secret: SecretStr = Field(
        default=SecretStr(""), description="Last part of the webhook's address; made for you"
    )
    page_size: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Rows asked for at once (empty: as many as Smaregi gives)"
    )
    id_url: TwinUrl = Field(
        default="", description="Another token host, on loopback, for a twin (empty: Smaregi's)"
    )
    api_url: TwinUrl = Field(
        default="", description="Another API host, on loopback, for a twin (empty: Smaregi's)"
    )

    def token_endpoint(self) -> str:
        """Where this contract's access token comes from."""
        return f"{self.id_url or f'https://id.{self._domain()}'}/app/{self.contract_id}/token"

    def address(self, path: str) -> str:
        """The URL of a path of this contract's POS API."""
        return f"{self.api_url or f'https://api.{self._domain()}'}/{self.contract_id}/pos{path}"

    def scopes(self) -> tuple[str, ...]:
        """What a token is asked for."""
        return SCOPES if self.members else SALES_SCOPES

    def page(self, most: int) -> int:
        """Rows to ask for where Smaregi gives this many at most."""
        return min(most, self.page_size or most)

    def header_secrets(self) -> tuple[str, ...]:
        """Every value the header may have; never an empty one."""
        return filled(self.header_secret, self.old_header_secret)

    def _domain(self) -> str:
        return "smaregi.dev" if self.sandbox else "smaregi.jp"
