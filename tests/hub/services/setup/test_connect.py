"""Connecting a shop, and giving a connection new settings."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from renkei.connections import store
from renkei.connections.opened import OpenConnections
from renkei.errors import UnknownConnection
from renkei.registry import Registry
from renkei.services.setup import installation
from renkei.services.setup.connect import Connecting
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Token
from renkei_contracts.errors import AuthenticationFailed, SettingsInvalid
from renkei_contracts.vendor import Vendor


class Settings(BaseModel):
    api_key: SecretStr
    path_secret: SecretStr


class Check:
    """Lets everybody in whose key is not ``wrong``."""

    def __init__(self, connection: Any) -> None:
        self._key = connection.settings.api_key.get_secret_value()

    async def check(self) -> list[CheckFinding]:
        return [CheckFinding("the key is refused", blocks=True)] if self._key == "wrong" else []


class Grants:
    """Lets in who has an authorization: by a refresh token that is good once and brings another."""

    used: ClassVar[list[str]] = []

    def __init__(self, connection: Any) -> None:
        self._given = connection.settings.api_key.get_secret_value()
        self._tokens = connection.tokens

    async def check(self) -> list[CheckFinding]:
        await self._tokens.replace(await self._tokens.current(), self._next)
        return []

    async def _next(self, kept: Token | None) -> Token:
        refresh = kept.refresh if kept and kept.refresh else self._given
        if refresh in self.used:
            raise AuthenticationFailed("a refresh token is good once")
        self.used.append(refresh)
        return Token(f"access-{refresh}", None, f"{refresh}+")


def webhooks(_connection: Any) -> Any:
    return None


ACME = Vendor("acme", "Acme", Settings, webhooks=webhooks, check=Check)
OTHER = Vendor("other", "Other", Settings, webhooks=webhooks)
ONCE = Vendor("once", "Once", Settings, check=Grants, install=webhooks)


@pytest.fixture
async def connecting(database: Database, ring: KeyRing) -> AsyncIterator[Connecting]:
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
    registry = Registry({"acme": ACME, "other": OTHER, "once": ONCE})
    opened = OpenConnections(registry, database.engine, ring, lambda: datetime.now(UTC))
    yield Connecting(registry, database, ring, opened.clock, opened.forget, opened.tokens)
    await opened.close()


async def row_of(connecting: Connecting) -> store.ConnectionRow:
    async with connecting.database.begin() as conn:
        return await store.load(conn, "shop")


async def lock_out(connecting: Connecting) -> None:
    async with connecting.database.begin() as conn:
        await store.set_state(conn, "shop", "needs_authorization", "the key was withdrawn")


async def test_a_name_is_taken_once(connecting: Connecting) -> None:
    await connecting.connect(ACME, "shop", {"api_key": "k1"})
    with pytest.raises(SettingsInvalid, match="--replace"):
        await connecting.connect(ACME, "shop", {"api_key": "k1"})


async def test_a_change_is_told_at_once(connecting: Connecting) -> None:
    told: list[str] = []
    telling = replace(connecting, on_change=lambda: told.append("changed"))
    with pytest.raises(SettingsInvalid):
        await telling.connect(ACME, "shop", {"api_key": "wrong"})
    assert told == []
    await telling.connect(ACME, "shop", {"api_key": "k1"})
    await telling.reconnect(ACME, "shop", {"api_key": "k2"})
    assert told == ["changed", "changed"]


@pytest.mark.parametrize("name", ["", "Shop", "a b", "-a", "a" * 64, "店"])
async def test_a_name_must_be_fit_for_an_address(connecting: Connecting, name: str) -> None:
    with pytest.raises(SettingsInvalid, match="is no name"):
        await connecting.connect(ACME, name, {"api_key": "k1"})


async def test_what_is_wrong_with_the_settings_is_said_without_them(
    connecting: Connecting,
) -> None:
    with pytest.raises(SettingsInvalid, match="api_key") as caught:
        await connecting.connect(ACME, "shop", {"api_key": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


async def test_a_finding_that_blocks_adds_nothing(connecting: Connecting) -> None:
    with pytest.raises(SettingsInvalid, match=r"the key is refused"):
        await connecting.connect(ACME, "shop", {"api_key": "wrong"})
    assert "shop" not in [line.id for line in await connecting.lines()]


async def test_the_connection_of_tills_is_listed_too_and_has_no_vendor(
    connecting: Connecting,
) -> None:
    (line,) = await connecting.lines()
    assert (line.id, line.vendor, line.webhook_path) == ("pos", "", None)


async def test_where_an_owner_must_authorize_us_it_is_said_how(connecting: Connecting) -> None:
    owned = replace(ACME, install=webhooks)
    with pytest.raises(SettingsInvalid, match=r"the key is refused.*--authorize"):
        await connecting.connect(owned, "shop", {"api_key": "wrong"})


async def test_new_settings_let_a_connection_work_again(connecting: Connecting) -> None:
    made = await connecting.connect(ACME, "shop", {"api_key": "k1"})
    await lock_out(connecting)
    again = await connecting.reconnect(ACME, "shop", {"api_key": "k2"})
    row = await row_of(connecting)
    assert again.webhook_path == made.webhook_path
    assert row.state == "active"
    assert row.settings(connecting.ring)["api_key"] == "k2"


async def test_new_settings_that_are_refused_change_nothing(connecting: Connecting) -> None:
    await connecting.connect(ACME, "shop", {"api_key": "k1"})
    await lock_out(connecting)
    with pytest.raises(SettingsInvalid, match=r"the key is refused"):
        await connecting.reconnect(ACME, "shop", {"api_key": "wrong"})
    row = await row_of(connecting)
    assert row.state == "needs_authorization"
    assert row.settings(connecting.ring)["api_key"] == "k1"


async def test_a_connection_stays_with_its_vendor(connecting: Connecting) -> None:
    await connecting.connect(ACME, "shop", {"api_key": "k1"})
    with pytest.raises(SettingsInvalid, match="to acme, not to other"):
        await connecting.reconnect(OTHER, "shop", {"api_key": "k1"})


async def test_what_is_not_there_cannot_be_replaced(connecting: Connecting) -> None:
    with pytest.raises(UnknownConnection):
        await connecting.reconnect(ACME, "nowhere", {"api_key": "k1"})


async def test_a_refresh_token_that_the_check_used_up_leaves_the_next_one(
    connecting: Connecting,
) -> None:
    await connecting.connect(ONCE, "shop", {"api_key": "r1"})
    kept = await connecting.tokens("shop").current()
    assert kept is not None
    assert kept.refresh == "r1+"
    await connecting.reconnect(ONCE, "shop", {"api_key": "r1"})
    kept = await connecting.tokens("shop").current()
    assert kept is not None
    assert kept.refresh == "r1++"


async def test_a_name_that_is_taken_keeps_its_token(connecting: Connecting) -> None:
    await connecting.connect(ONCE, "shop", {"api_key": "r7"})
    with pytest.raises(SettingsInvalid, match="--replace"):
        await connecting.connect(ONCE, "shop", {"api_key": "r8"})
    kept = await connecting.tokens("shop").current()
    assert kept is not None
    assert kept.refresh == "r7+"
