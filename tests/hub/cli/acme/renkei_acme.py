"""A vendor nobody has: for what must hold with any plugin."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Ignored, Observation
from renkei_contracts.hookspecs import hookimpl
from renkei_contracts.toolkit.signature import require_secret
from renkei_contracts.vendor import Vendor


class AcmeSettings(BaseModel):
    """``finding`` is what the connection check finds."""

    model_config = ConfigDict(extra="forbid")

    shop: str = Field(description="the shop's name")
    api_key: SecretStr = Field(description="from the admin page")
    path_secret: SecretStr = Field(description="last part of the webhook address")
    finding: str = ""
    blocks: bool = False


class AcmeWebhooks:
    """Unsigned: the address is the secret."""

    signs_body = False
    tolerance = None

    def __init__(self, connection: Connection[AcmeSettings]) -> None:
        self._secret = connection.settings.path_secret.get_secret_value()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The last part of the address must be the secret."""
        require_secret(delivery.path_secret, self._secret, "path")

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's own id."""
        return delivery.header("x-acme-id")

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """Nothing of concern."""
        return [Ignored(reason="acme says nothing")]


class AcmeCheck:
    """Finds what the settings say."""

    def __init__(self, connection: Connection[AcmeSettings]) -> None:
        self._settings = connection.settings

    async def check(self) -> Sequence[CheckFinding]:
        """The finding of the settings, where there is one."""
        found = self._settings.finding
        return [CheckFinding(found, self._settings.blocks)] if found else []


@hookimpl
def register_vendor(register) -> None:  # type: ignore[no-untyped-def]
    """Announce it."""
    register(
        Vendor("acme", "Acme", AcmeSettings, webhooks=AcmeWebhooks, check=AcmeCheck),
    )
