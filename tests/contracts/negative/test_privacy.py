"""For each check of ``privacy`` a plugin that is wrong in that way."""

import itertools
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from wrong import Around, checks_of, must_fail, wrapped

from renkei_contracts.capability import CheckFinding
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    OutcomeUnknown,
    PayloadInvalid,
    RenkeiError,
    SignatureInvalid,
    Unavailable,
)
from renkei_contracts.event import Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, NewMember
from renkei_contracts.paging import Page, Window
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.till.plugin import COPY_VENDOR
from renkei_contracts.testing import CHECKS, run_check
from renkei_contracts.vendor import Vendor

log = logging.getLogger("renkei_wrong")


class LogsWhom(Around):
    async def fetch(self, id: str) -> Member:
        member: Member = await self.right.fetch(id)
        log.info("read %s", member)
        return member


class LogsTheToken(Around):
    async def fetch(self, id: str) -> Member:
        try:
            return await self.right.fetch(id)  # type: ignore[no-any-return]
        except RenkeiError:
            token = await self.connection.tokens.current()
            log.warning("refused with %s", token and token.access)
            raise


class QuotesTheSecret(Around):
    """A failure is raised from one that holds the secret."""

    async def fetch(self, id: str) -> Member:
        try:
            return await self.right.fetch(id)  # type: ignore[no-any-return]
        except RenkeiError:
            secret = self.connection.settings.client_secret.get_secret_value()
            raise Unavailable("it failed") from ValueError({"client_secret": secret})


class RejectsByName(Around):
    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        page: Page[Member] = await self.right.changed(window, cursor)
        reasons = tuple((one.ref.id, f"who is {one.family_name}?") for one in page.items)
        return replace(page, rejected=(*page.rejected, *reasons))


class QuotesTheBody(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        try:
            return self.right.read(delivery)  # type: ignore[no-any-return]
        except PayloadInvalid:
            raise PayloadInvalid(f"not understood: {delivery.body.decode()}") from None


class QuotesTheKey(Around):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        try:
            self.right.verify(delivery, now)
        except SignatureInvalid:
            keys = self.connection.settings.signing_secrets()
            raise SignatureInvalid(f"it matches none of {keys}") from None


class ShowsItself(Around):
    def __repr__(self) -> str:
        return f"Orders({self.connection.settings.client_secret.get_secret_value()})"


class LogsDeliveries(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        log.info("received", extra={"body": delivery.body.decode()})
        return self.right.read(delivery)  # type: ignore[no-any-return]


class AsksByName(Around):
    """Puts a name where nobody looks for one."""

    async def fetch(self, id: str) -> Member:
        member: Member = await self.right.fetch(id)
        query = {"q": member.family_name}
        await self.connection.http.get(self.connection.settings.address("/"), params=query)
        return member


class QuotesTheCard(Around):
    async def create(self, member: NewMember) -> ExternalRef:
        try:
            return await self.right.create(member)  # type: ignore[no-any-return]
        except OutcomeUnknown:
            raise OutcomeUnknown(f"the card {member.card} may be known there") from None


class QuotesTheToken(Around):
    """In an error of the capability's last call."""

    async def told(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except RenkeiError as error:
            token = await self.connection.tokens.current()
            raise type(error)(f"refused with {token and token.access}") from None


class RevokesAloud(QuotesTheToken):
    async def revoke(self, code: str) -> None:
        await self.told(self.right.revoke(code))


class ChecksAloud(QuotesTheToken):
    async def check(self) -> Sequence[CheckFinding]:
        return await self.told(self.right.check())  # type: ignore[no-any-return]


class InstallsAloud(Around):
    async def finish(self, callback: Delivery) -> None:
        try:
            await self.right.finish(callback)
        except RenkeiError:
            secret = self.connection.settings.client_secret.get_secret_value()
            raise Unavailable(f"not with {secret}") from None


class NewSecretEachTime(ReferenceTwin):
    """A vendor that gives every connection a secret of its own."""

    given = itertools.count(1)

    def settings(self) -> Mapping[str, object]:
        return {**super().settings(), "old_webhook_secret": f"secret-5e1f-{next(self.given)}"}


class QuotesTheOldSecret(Around):
    async def fetch(self, id: str) -> Member:
        try:
            return await self.right.fetch(id)  # type: ignore[no-any-return]
        except RenkeiError:
            secret = self.connection.settings.old_webhook_secret.get_secret_value()
            raise Unavailable(f"it failed with {secret}") from None


class ShowsTheOldSecret(Around):
    def authorize_url(self, state: str, callback_url: str) -> str:
        secret = self.connection.settings.old_webhook_secret.get_secret_value()
        return f"{self.right.authorize_url(state, callback_url)}&old={secret}"


class FindsTheOldSecret(Around):
    async def check(self) -> Sequence[CheckFinding]:
        secret = self.connection.settings.old_webhook_secret.get_secret_value()
        return [
            CheckFinding(f"{one.text} ({secret})", one.blocks) for one in await self.right.check()
        ]


def members(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "members", wrap)


def hooks(wrap: Any) -> Vendor:
    return wrapped(VENDOR, "webhooks", wrap)


WRONG: dict[str, Vendor] = {
    "no log of a day that is well tells a secret or a person": members(LogsWhom),
    "no log of a fault tells a secret or a person": members(LogsTheToken),
    "no error of a call tells a secret or a person": members(QuotesTheSecret),
    "no rejected row tells a person": members(RejectsByName),
    "no error of a delivery tells a person": hooks(QuotesTheBody),
    "no refused delivery tells the secret": hooks(QuotesTheKey),
    "no repr tells a secret": wrapped(VENDOR, "orders", ShowsItself),
    "no log of a delivery tells a secret or a person": hooks(LogsDeliveries),
    "a recorded exchange is scrubbed": members(AsksByName),
}

TABLE = {f"privacy: {name}": vendor for name, vendor in WRONG.items()}


def test_every_check_has_a_wrong_plugin() -> None:
    assert set(TABLE) == checks_of("privacy")


@pytest.mark.parametrize("id", TABLE)
async def test_the_wrong_plugin_fails(id: str) -> None:
    await must_fail(TABLE[id], id)


ALOUD: dict[str, tuple[str, Vendor]] = {
    "creating a member": ("a card", wrapped(COPY_VENDOR, "member_creation", QuotesTheCard)),
    "revoking a coupon": ("an access token", wrapped(VENDOR, "coupons", RevokesAloud)),
    "checking the connection": ("an access token", wrapped(VENDOR, "check", ChecksAloud)),
    "finishing an authorization": (
        "the setting client_secret",
        wrapped(VENDOR, "install", InstallsAloud),
    ),
}
"""Calls whose errors must be looked at as well, with what a wrong plugin says in them."""


@pytest.mark.parametrize("call", ALOUD)
async def test_the_errors_of_every_call_are_looked_at(call: str) -> None:
    what, vendor = ALOUD[call]
    check = CHECKS["privacy: no error of a call tells a secret or a person"]
    outcome = await run_check(vendor, check)
    told = f"{call}: the error (or what it was raised from) must not hold {what}"
    assert (outcome.status, outcome.text) == ("failed", told)


@pytest.mark.parametrize(
    ("id", "capability", "wrap"),
    [
        (
            "privacy: no error of a call tells a secret or a person",
            "members",
            QuotesTheOldSecret,
        ),
        ("install: the address of consent holds no secret", "install", ShowsTheOldSecret),
        ("check: a finding says what is wrong and shows no secret", "check", FindsTheOldSecret),
    ],
)
async def test_the_secrets_of_the_connection_in_use_are_looked_for(
    id: str, capability: str, wrap: Any
) -> None:
    """They are others than those of a connection that is made now."""
    vendor = replace(VENDOR, twin=NewSecretEachTime)
    assert (await run_check(vendor, CHECKS[id])).status == "passed"
    await must_fail(wrapped(vendor, capability, wrap), id)
