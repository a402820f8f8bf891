"""The suite ``storefront``: an invented shop that passes browsers on, and wrong plugins of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.ids import ExternalRef
from renkei_contracts.reference.cart.plugin import VENDOR
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.toolkit.signature import hmac_sha256_hex, require_hmac_hex, require_recent

IDS = [id for id, check in CHECKS.items() if check.suite == "storefront"]


class Mall(ReferenceTwin):
    """Signs the whole query, with who it is and when."""

    def passed_on(self, customer: str, asked: Mapping[str, str]) -> Delivery:
        now = self.context.now()
        query = urlencode({**asked, "who": customer, "at": int(now.timestamp())})
        signed = hmac_sha256_hex(self._secrets[-1], query.encode())
        return Delivery("", now, (), b"", method="GET", query=f"{query}&signed={signed}")


class Front:
    """The right one."""

    def __init__(self, connection: Connection[ReferenceSettings]) -> None:
        self.id, self.settings = connection.id, connection.settings

    def secrets(self) -> tuple[str, ...]:
        return self.settings.signing_secrets()

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        query, _, signed = delivery.query.rpartition("&signed=")
        require_hmac_hex(signed, self.secrets(), query.encode())
        asked = dict(parse_qsl(query, keep_blank_values=True))
        require_recent(asked.get("at"), now, timedelta(minutes=5))
        return self.found(asked["who"])

    def found(self, who: str) -> ExternalRef | None:
        return ExternalRef(connection=self.id, id=who) if who else None


class OfAnother(Front):
    def found(self, who: str) -> ExternalRef | None:
        return ExternalRef(connection="another", id=who) if who else None


class RefusesStrangers(Front):
    def found(self, who: str) -> ExternalRef | None:
        if not who:
            raise SignatureInvalid("nobody is signed in")
        return super().found(who)


class SignedBefore(Front):
    """Believes whatever has the form of a signature."""

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        asked = dict(parse_qsl(delivery.query, keep_blank_values=True))
        if not {"signed", "at", "who"} <= set(asked):
            raise SignatureInvalid("unsigned")
        require_recent(asked["at"], now, timedelta(minutes=5))
        return self.found(asked["who"])


class FirstPartOnly(Front):
    """Checks what comes first, and believes what comes last."""

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        query, _, rest = delivery.query.partition("&signed=")
        signed, _, more = rest.partition("&")
        require_hmac_hex(signed, self.secrets(), query.encode())
        asked = dict(parse_qsl(f"{query}&{more}", keep_blank_values=True))
        require_recent(asked.get("at"), now, timedelta(minutes=5))
        return self.found(asked["who"])


class OpenWithoutAnything(Front):
    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        return super().shopper(delivery, now) if delivery.query else None


class ForEver(Front):
    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        asked = dict(parse_qsl(delivery.query, keep_blank_values=True))
        at = asked.get("at", "")
        signed_at = datetime.fromtimestamp(int(at), now.tzinfo) if at.isdigit() else now
        return super().shopper(delivery, signed_at)


class NewSecretOnly(Front):
    def secrets(self) -> tuple[str, ...]:
        return super().secrets()[:1]


WRONG: dict[str, Any] = {
    "storefront: who is signed in is named": OfAnother,
    "storefront: who is not signed in is nobody": RefusesStrangers,
    "storefront: a request that was changed is refused": SignedBefore,
    "storefront: a request with something added is refused": FirstPartOnly,
    "storefront: an empty request is refused": OpenWithoutAnything,
    "storefront: a request of long ago is refused": ForEver,
    "storefront: while a secret is replaced the shop stays open": NewSecretOnly,
}


def test_every_check_has_a_plugin_that_it_catches() -> None:
    assert list(WRONG) == IDS


@pytest.mark.parametrize("id", IDS)
def test_a_wrong_plugin_is_caught_and_told_what_it_must_do(id: str) -> None:
    wrong = replace(VENDOR, twin=Mall, storefront=WRONG[id])
    outcome = asyncio.run(run_check(wrong, CHECKS[id]))
    assert outcome.status == "failed"
    assert "must" in outcome.text
    assert "raised" not in outcome.text


@pytest.mark.parametrize("id", IDS)
def test_the_right_plugin_passes(id: str) -> None:
    right = replace(VENDOR, twin=Mall, storefront=Front)
    assert asyncio.run(run_check(right, CHECKS[id])).status == "passed"
