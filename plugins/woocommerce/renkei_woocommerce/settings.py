"""What a connection to one WooCommerce shop must know."""

from collections.abc import Iterator
from html import unescape
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.toolkit.wire import LOOPBACK


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with https:// (or http://, see plain_http)")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must hold neither a password nor a query")
    return url.rstrip("/")


Status = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]


class WooCommerceSettings(BaseModel):
    """One shop, a REST API key of it, and the secret of its webhooks."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: Annotated[str, AfterValidator(_web_address)] = Field(
        description="Address of the shop, e.g. https://shop.example.jp"
    )
    plain_http: bool = Field(
        default=False,
        description="Whether base_url may be http://: calls are signed then, but anybody on the "
        "way can read orders and customers",
    )
    consumer_key: Annotated[str, Field(pattern=r"^ck_[A-Za-z0-9]{1,64}$")] = Field(
        description="Consumer key of a REST API key with Read/Write access"
    )
    consumer_secret: Annotated[SecretStr, Field(min_length=1)] = Field(
        description="Consumer secret of the key"
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Secret of the webhooks (empty: they are refused, changes are polled only)",
    )
    old_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous secret, while it is being rotated"
    )
    delivery_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        default="",
        description="Address of this connection's webhooks: the check makes those that are "
        "missing and switches on what the shop has disabled (empty: it only says so)",
    )
    points_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        default="_renkei_points", description="Key of the customer's meta that shows the points"
    )
    paid_statuses: tuple[Status, ...] = Field(
        default=(), description="Statuses of other plugins that mean a paid order"
    )
    poll_customers: bool = Field(
        default=True,
        description="Whether polls read the customers, too: WooCommerce lists all of them each "
        "time; turn it off in a shop with very many, whose customers then come by webhook only",
    )
    trust_email: bool = Field(
        default=False,
        description="Whether the shop proves the addresses of its customers, e.g. by a plugin; "
        "WooCommerce itself does not",
    )

    @model_validator(mode="after")
    def _plain_http_is_chosen(self) -> Self:
        parts = urlsplit(self.base_url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.plain_http:
            raise ValueError("base_url must be https://, unless plain_http is on")
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        """Every key a genuine delivery may be signed with; never an empty one.

        WooCommerce decodes HTML entities in a secret before it signs (class-wc-webhook.php), and
        whether its form has encoded it before cannot be seen: both readings are accepted.
        """
        return tuple(dict.fromkeys(filter(None, self._readings())))

    def _readings(self) -> Iterator[str]:
        for secret in (self.webhook_secret, self.old_webhook_secret):
            yield secret.get_secret_value()
            yield unescape(secret.get_secret_value())

    def address(self, path: str) -> str:
        """The URL of a path of the REST API v3."""
        return f"{self.base_url}/wp-json/wc/v3{path}"
