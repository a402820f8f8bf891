"""What a connection to one shop must know."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not (plain or (parts.scheme == "https" and parts.hostname)) or parts.username is not None:
        raise ValueError("must be https://, or http:// on this machine, without a password in it")
    return url.rstrip("/")


class ReferenceSettings(BaseModel):
    """One shop and our app in it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_https_or_loopback)] = Field(
        description="Address of the shop, e.g. https://shop.example.jp"
    )
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
        secrets = (self.webhook_secret, self.old_webhook_secret)
        return tuple(filter(None, (secret.get_secret_value() for secret in secrets)))

    def address(self, path: str) -> str:
        """The URL of a path of this shop."""
        return self.base_url + path
