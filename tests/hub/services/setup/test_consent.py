"""An owner authorizes us by hand: the address that the browser ended at brings the token."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from renkei.connections import store
from renkei.connections.opened import OpenConnections
from renkei.errors import UnknownConnection
from renkei.registry import Registry
from renkei.services.setup import installation
from renkei.services.setup.connect import Connecting
from renkei.services.setup.consent import ByHand
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import AuthenticationFailed, SettingsInvalid
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.settings import ReferenceSettings
from renkei_contracts.testing import Bench

HERE = "https://hub.example.jp/"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """A shop whose owner consents at once."""
    async with Bench(VENDOR) as bench:
        yield bench


@pytest.fixture
async def connecting(database: Database, ring: KeyRing) -> AsyncIterator[Connecting]:
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
    registry = Registry({VENDOR.name: VENDOR})
    opened = OpenConnections(registry, database.engine, ring, lambda: datetime.now(UTC))
    yield Connecting(registry, database, ring, opened.clock, opened.forget, opened.tokens)
    await opened.close()


async def by_browser(page: str) -> str:
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:  # noqa: S501 - a twin
        return (await browser.get(page)).headers["location"] + "\n"


async def test_a_consent_brings_the_token_that_is_kept(
    bench: Bench, connecting: Connecting
) -> None:
    await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=ByHand(by_browser, HERE))
    assert await connecting.tokens("shop").current() is not None


async def test_the_owner_is_not_asked_for_a_name_that_is_taken(
    bench: Bench, connecting: Connecting
) -> None:
    shown: list[str] = []

    async def watched(page: str) -> str:
        shown.append(page)
        return await by_browser(page)

    hand = ByHand(watched, HERE)
    await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=hand)
    with pytest.raises(SettingsInvalid, match="'shop' is there already"):
        await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=hand)
    assert len(shown) == 1


async def test_a_connection_that_is_there_is_authorized_again(
    bench: Bench, connecting: Connecting
) -> None:
    await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=ByHand(by_browser, HERE))
    before = await connecting.tokens("shop").current()
    await connecting.reconnect(VENDOR, "shop", bench.settings(), ByHand(by_browser, HERE))
    assert await connecting.tokens("shop").current() != before


@pytest.mark.parametrize("brought", ["", HERE, f"{HERE}?code=1", f"{HERE}?code=1&state=other"])
async def test_an_address_of_another_consent_connects_nothing(
    bench: Bench, connecting: Connecting, brought: str
) -> None:
    async def elsewhere(page: str) -> str:
        return brought

    with pytest.raises(AuthenticationFailed, match="begin again"):
        await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=ByHand(elsewhere, HERE))
    with pytest.raises(UnknownConnection):
        async with connecting.database.begin() as conn:
            await store.load(conn, "shop")


async def test_an_address_that_was_changed_on_its_way_is_refused(
    bench: Bench, connecting: Connecting
) -> None:
    async def changed(page: str) -> str:
        return (await by_browser(page)).replace("code=", "code=x")

    with pytest.raises(AuthenticationFailed):
        await connecting.connect(VENDOR, "shop", bench.settings(), by_hand=ByHand(changed, HERE))


class Registered(ReferenceSettings):
    """Of a vendor that sends the browser to one address only."""

    redirect_url: str = "https://registered.example.jp/"


@pytest.mark.parametrize(
    ("settings", "returns_to"),
    [(ReferenceSettings, HERE), (Registered, "https://registered.example.jp/")],
)
async def test_the_browser_returns_to_the_address_that_is_registered_at_the_vendor(
    bench: Bench, connecting: Connecting, settings: type, returns_to: str
) -> None:
    pages: list[str] = []

    async def closed(page: str) -> str:
        pages.append(page)
        return ""

    of_vendor: Any = replace(VENDOR, settings=settings)
    with pytest.raises(AuthenticationFailed):
        await connecting.connect(of_vendor, "shop", bench.settings(), by_hand=ByHand(closed, HERE))
    assert httpx.URL(pages[0]).params["redirect_uri"] == returns_to


async def test_a_vendor_that_knows_no_owner_says_so(bench: Bench, connecting: Connecting) -> None:
    other: Any = replace(VENDOR, install=None)
    with pytest.raises(SettingsInvalid, match="not authorized by an owner"):
        await connecting.connect(other, "shop", bench.settings(), by_hand=ByHand(by_browser, HERE))
