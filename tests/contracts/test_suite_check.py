"""The suite ``check``: for each check a plugin that is wrong in just that way, and is caught."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import RenkeiError
from renkei_contracts.reference.cart.check import ReferenceCheck
from renkei_contracts.reference.cart.plugin import VENDOR
from renkei_contracts.testing import CHECKS, run_check

IDS = [id for id, check in CHECKS.items() if check.suite == "check"]


class Strict(ReferenceCheck):
    """Finds fault with a shop that is set up well."""

    async def check(self) -> Sequence[CheckFinding]:
        return [*await super().check(), CheckFinding("the shop is too small", blocks=True)]


class Trusting(ReferenceCheck):
    """Looks at the settings only."""

    async def check(self) -> Sequence[CheckFinding]:
        return []


class Lenient(ReferenceCheck):
    """Says that the key is refused, and lets the connection through."""

    async def check(self) -> Sequence[CheckFinding]:
        return [CheckFinding(one.text, blocks=False) for one in await super().check()]


class Hasty(ReferenceCheck):
    """Takes a vendor that is down for one that is set up wrong."""

    async def check(self) -> Sequence[CheckFinding]:
        try:
            return await super().check()
        except RenkeiError as error:
            return [CheckFinding(f"the shop cannot be used: {error}", blocks=True)]


class Abroad(ReferenceCheck):
    """Lets a shop through that sells in another currency."""

    async def check(self) -> Sequence[CheckFinding]:
        return [one for one in await super().check() if "JPY" not in one.text]


class Talkative(ReferenceCheck):
    """Shows the secret that was refused."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection)
        self._secret = connection.settings.client_secret.get_secret_value()

    async def check(self) -> Sequence[CheckFinding]:
        found = await super().check()
        return [CheckFinding(f"{one.text} ({self._secret})", one.blocks) for one in found]


WRONG = {
    "check: a connection that is set up well is let through": Strict,
    "check: the vendor is asked": Trusting,
    "check: credentials that are refused block": Lenient,
    "check: a vendor that is down is no finding": Hasty,
    "check: a shop that does not sell in yen is not let through": Abroad,
    "check: a finding says what is wrong and shows no secret": Talkative,
}


def test_every_check_has_a_plugin_that_it_catches() -> None:
    assert list(WRONG) == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_wrong_plugin_is_caught_and_told_what_it_must_do(id: str) -> None:
    outcome = asyncio.run(run_check(replace(VENDOR, check=WRONG[id]), CHECKS[id]))
    assert outcome.status == "failed"
    assert "must" in outcome.text
    assert "raised" not in outcome.text


@pytest.mark.parametrize("id", IDS)
def test_the_reference_cart_passes(id: str) -> None:
    assert asyncio.run(run_check(VENDOR, CHECKS[id])).status == "passed"
