"""What a connection to one Vendure shop must know."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import Origin


class VendureSettings(BaseModel):
    """One shop, read and written as one of its administrators."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Origin = Field(
        description="Address of the Vendure server, e.g. https://vendure.example.jp"
    )
    username: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="Login of an administrator who may read orders, and read and update customers"
    )
    password: SecretStr = Field(description="Password of that administrator")
    webhook_secret: SecretStr = Field(
        description="Secret with which the shop's emitter signs its deliveries"
    )
    old_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous secret, while it is being rotated"
    )
    points_field: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")] = Field(
        default="hubPoints", description="Custom field of the customer that shows the points"
    )
    trust_verified_email: bool = Field(
        default=False,
        description="Whether a verified user proves the e-mail address; turn it on only where "
        "requireVerification is on and no administrator or import creates users or changes their "
        "addresses",
    )

    @model_validator(mode="after")
    def _can_log_in_and_verify(self) -> Self:
        for name, secret in (("password", self.password), ("webhook_secret", self.webhook_secret)):
            if not secret.get_secret_value():
                raise ValueError(f"{name} must not be empty")
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        """Every secret a genuine delivery may be signed with; never an empty one."""
        return filled(self.webhook_secret, self.old_webhook_secret)
