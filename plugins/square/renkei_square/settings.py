"""What a connection to one Square seller must know."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei_contracts.toolkit.signature import filled
from renkei_contracts.toolkit.wire import TwinUrl

PointsBy = Literal["none", "rewards", "discount"]
"""How points are spent at the register: not at all, by Square Loyalty, or by a named discount."""


SquareId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class SquareSettings(BaseModel):
    """Either ``access_token``, or ``client_id``, ``client_secret`` and ``refresh_token``.

    Without ``signature_key`` and ``notification_url`` no webhook gets in.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    merchant_id: SquareId = Field(description="Id of the seller (merchant_id) at Square")
    location_ids: Annotated[tuple[SquareId, ...], Field(min_length=1, max_length=10)] = Field(
        description="Ids of the locations whose sales are read, at most ten, as JSON: "
        '["L1234", "L5678"]'
    )
    access_token: SecretStr = Field(
        default=SecretStr(""), description="Personal access token of the seller's own application"
    )
    client_id: str = Field(default="", description="Application id, for the OAuth refresh grant")
    client_secret: SecretStr = Field(
        default=SecretStr(""), description="Application secret, for the OAuth refresh grant"
    )
    refresh_token: SecretStr = Field(
        default=SecretStr(""), description="Refresh token that the seller's authorization gave"
    )
    sandbox: bool = Field(default=False, description="Whether the seller is in Square's sandbox")
    api_version: Annotated[str, Field(pattern=r"^20\d\d-\d\d-\d\d$")] = Field(
        default="2025-08-20", description="Version of the API (Square-Version) to call"
    )
    signature_key: SecretStr = Field(
        default=SecretStr(""),
        description="Signature key of the webhook subscription (empty: webhooks are refused)",
    )
    old_signature_key: SecretStr = Field(
        default=SecretStr(""), description="The previous signature key, while it is being rotated"
    )
    notification_url: str = Field(
        default="",
        description="The subscription's URL as it is registered at Square, byte for byte: it is "
        "part of what is signed",
    )
    card_in_reference: bool = Field(
        default=False,
        description="Whether customers' reference_id holds nothing but card numbers of this shop; "
        "only then does it prove who somebody is",
    )
    points: PointsBy = Field(
        default="none",
        description="How points are spent at the register: none, rewards (Square Loyalty shows the "
        "hub's balance) or discount (the cashier keys in a discount of that name)",
    )
    discount_name: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        default="ポイント値引",
        description="Name of the discount that pays by points, 1 point 1 yen",
    )
    never_sold: tuple[SquareId, ...] = Field(
        default=(),
        description="Catalog ids (an item variation or a category) that are never sold: a loyalty "
        "program that grants points for nothing else grants none",
    )
    page_size: Annotated[int, Field(ge=1, le=100)] = Field(
        default=100, description="Rows asked for at once"
    )
    api_url: TwinUrl = Field(
        default="", description="Another API host, on loopback, for a twin (empty: Square's)"
    )

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        granted = self.client_id and all(
            secret.get_secret_value() for secret in (self.client_secret, self.refresh_token)
        )
        if not granted and not self.access_token.get_secret_value():
            raise ValueError("give access_token, or client_id, client_secret and refresh_token")
        return self

    def signature_keys(self) -> tuple[str, ...]:
        """Every key a genuine delivery may be signed with; never an empty one."""
        return filled(self.signature_key, self.old_signature_key)

    def address(self, path: str) -> str:
        """The URL of a path of the API."""
        host = "connect.squareupsandbox.com" if self.sandbox else "connect.squareup.com"
        return f"{self.api_url or f'https://{host}'}{path}"
