"""For each check of ``manifest`` a plugin that is wrong in that way."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from pydantic import ConfigDict, Field
from wrong import Around, checks_of, must_fail, wrapped

from renkei_contracts.order import Order
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import Item
from renkei_contracts.twin.actions import NoActions
from renkei_contracts.vendor import Vendor


class Undescribed(ReferenceSettings):
    more: str = ""


class Lax(ReferenceSettings):
    model_config = ConfigDict(extra="ignore")


class OpenSecret(ReferenceSettings):
    api_token: str = Field(default="", description="A token for all to see")


class ShowsSecrets(ReferenceSettings):
    def __repr__(self) -> str:
        return f"settings with {self.client_secret.get_secret_value()}"


class RepeatsInput(ReferenceSettings):
    model_config = ConfigDict(hide_input_in_errors=False)


class Undocumented(ReferenceSettings):
    __module__ = ReferenceSettings.__module__

    more: str = Field(default="", description="Something that the README does not name")


class OfABarePackage(ReferenceSettings):
    __module__ = "bare_plugin.settings"


class NotAsync(Around):
    def fetch(self, id: str) -> Order:
        raise NotImplementedError


class SaysRename(ReferenceTwin):
    rename = NoActions.rename


class SaysTill(ReferenceTwin):
    kind: Literal["cart", "till"] = "till"


class OneRate(ReferenceTwin):
    async def catalogue(self) -> Sequence[Item]:
        return [replace(item, tax_rate=1000) for item in await super().catalogue()]


def settings(model: Any) -> Vendor:
    return replace(VENDOR, settings=model)


def twin(kind: Callable[..., Any]) -> Vendor:
    return replace(VENDOR, twin=kind)


WRONG: dict[str, Vendor] = {
    "the name is a slug": replace(VENDOR, name="Reference Cart"),
    "the title is for people": replace(VENDOR, title=""),
    "the settings say what each is": settings(Undescribed),
    "the settings refuse what they do not know": settings(Lax),
    "secrets are secret settings": settings(OpenSecret),
    "the settings show no secret": settings(ShowsSecrets),
    "a wrong setting is not repeated in its error": settings(RepeatsInput),
    "every capability keeps its protocol": wrapped(VENDOR, "orders", NotAsync),
    "the readme names every setting": settings(Undocumented),
    "the readme names every capability": replace(VENDOR, member_creation=Around),
    "quality toml names checks and reasons": settings(OfABarePackage),
    "the package says that it is typed": settings(OfABarePackage),
    "the twin does what it says it can": twin(SaysRename),
    "the twin is a stage of its kind": twin(SaysTill),
    "the twin sells at both tax rates": twin(OneRate),
}

TABLE = {f"manifest: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("manifest")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)
