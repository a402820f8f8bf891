"""The connection check."""

from collections.abc import Callable

import pytest

from renkei_contracts.connection import Connection
from renkei_shopify import topics
from renkei_shopify.check import ShopifyCheck
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import TwinApp

Connect = Callable[..., Connection[ShopifySettings]]


@pytest.fixture
def ready(twin: TwinApp) -> TwinApp:
    """A twin with every webhook subscription."""
    twin.topics = dict.fromkeys(topics.NEEDED, "https://hub.example.com/webhooks/shop-a")
    return twin


async def test_a_store_that_is_set_up_has_no_finding(connect: Connect, ready: TwinApp) -> None:
    assert await ShopifyCheck(connect()).check() == []


async def test_a_store_in_another_currency_is_blocked(connect: Connect, ready: TwinApp) -> None:
    ready.shop.currency = "USD"
    (finding,) = await ShopifyCheck(connect()).check()
    assert finding.blocks
    assert "USD" in finding.text


async def test_a_token_for_another_store_is_blocked(connect: Connect, ready: TwinApp) -> None:
    connection = connect(shop="other.myshopify.com", base_url="https://renkei-twin.myshopify.com")
    (finding,) = await ShopifyCheck(connection).check()
    assert finding.blocks
    assert "other.myshopify.com" in finding.text


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (("read_all_orders", "write_customers", "read_locations"), "read_orders"),
        (("read_all_orders", "read_orders", "read_customers", "read_locations"), "write_customers"),
        (("read_all_orders", "read_orders", "write_customers"), "read_locations"),
    ],
)
async def test_a_missing_scope_is_blocked(
    connect: Connect, ready: TwinApp, granted: tuple[str, ...], missing: str
) -> None:
    ready.scopes = granted
    (finding,) = await ShopifyCheck(connect()).check()
    assert finding.blocks
    assert finding.text.endswith(f": {missing}")


async def test_only_sixty_days_of_orders_are_a_warning(connect: Connect, ready: TwinApp) -> None:
    ready.scopes = ("read_orders", "write_customers", "read_locations")
    (finding,) = await ShopifyCheck(connect()).check()
    assert not finding.blocks


async def test_missing_subscriptions_are_a_warning(connect: Connect, ready: TwinApp) -> None:
    del ready.topics["REFUNDS_CREATE"]
    (finding,) = await ShopifyCheck(connect()).check()
    assert not finding.blocks
    assert "REFUNDS_CREATE" in finding.text


async def test_a_refused_token_is_a_finding_that_blocks(connect: Connect) -> None:
    (finding,) = await ShopifyCheck(connect(client_secret="wrong")).check()
    assert finding.blocks
