"""What a connection to one Shopify store must know."""

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.base import Slug
from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import LOOPBACK

Source = Annotated[str, Field(min_length=1, max_length=255)]
Shop = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")]


class ShopifySettings(BaseModel):
    """Either ``access_token``, or ``client_id`` and ``client_secret`` for the 24-hour grant."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    shop: Shop = Field(description="The store's own domain, e.g. example.myshopify.com")
    client_id: str = Field(default="", description="Client id of the app (empty: static token)")
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="Client secret of the app; its webhooks are signed by it"
    )
    old_client_secret: SecretStr = Field(
        default=SecretStr(""), description="The previous client secret, while it is being rotated"
    )
    notification_secrets: tuple[SecretStr, ...] = Field(
        default=(), description="Signing secrets of webhooks made by hand under Notifications"
    )
    access_token: SecretStr = Field(
        default=SecretStr(""), description="Static Admin API token of a legacy custom app"
    )
    api_version: Annotated[str, Field(pattern=r"^20\d\d-(01|04|07|10)$")] = Field(
        default="2026-07", description="Version of the Admin API"
    )
    metafield_namespace: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]{3,255})?$")] = Field(
        default="", description="Namespace of the points metafield (empty: the app's own)"
    )
    metafield_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        default="points", description="Key of the points metafield on the customer"
    )
    trust_verified_email: bool = Field(
        default=False,
        description="Whether Shopify's verified_email proves an address; turn it on only where no "
        "staff and no app creates customers, since Shopify marks those verified without a proof",
    )
    delivery_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = Field(
        default="",
        description="Address of this connection's webhooks: the check makes subscriptions that are "
        "missing or were removed by Shopify (empty: it only says so)",
    )
    registers: dict[Source, Slug] = Field(
        default_factory=dict,
        description="Other vendors' registers that put their sales into the store: the source name "
        "they are told with, and the connection that tells of the same sale",
    )
    base_url: str = Field(
        default="", description="Another address of the store, for a twin (empty: the store's own)"
    )

    @model_validator(mode="after")
    def _can_log_in_and_verify(self) -> Self:
        granted = self.client_id and self.client_secret.get_secret_value()
        if not granted and not self.access_token.get_secret_value():
            raise ValueError("give client_id and client_secret, or access_token")
        if not self.signing_secrets():
            raise ValueError("give client_secret or notification_secrets: webhooks are signed")
        return self

    @model_validator(mode="after")
    def _base_url_is_shopify_or_loopback(self) -> Self:
        if self.base_url and not _allowed(self.base_url):
            raise ValueError("base_url must be https://*.myshopify.com or on loopback")
        return self

    def signing_secrets(self) -> tuple[str, ...]:
        """Every secret a genuine delivery may be signed with; never an empty one."""
        return filled(self.client_secret, self.old_client_secret, *self.notification_secrets)

    def allows_file(self, url: str) -> bool:
        """Whether a file that the store names may be read: over TLS, or on this machine by a twin.

        Shopify keeps its exports with another company's servers.
        """
        parts, twin = urlsplit(url), urlsplit(self.base_url).hostname in LOOPBACK
        if parts.hostname in LOOPBACK:
            return twin and parts.scheme in ("http", "https")
        return parts.scheme == "https" and bool(parts.hostname) and parts.username is None

    def address(self, path: str) -> str:
        """The URL of a path of this store."""
        return (self.base_url.rstrip("/") or f"https://{self.shop}") + path


def _allowed(url: str) -> bool:
    parts = urlsplit(url)
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        return False
    host = parts.hostname or ""
    if host in LOOPBACK:
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and host.endswith(".myshopify.com") and parts.port is None
