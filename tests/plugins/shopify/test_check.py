"""The connection check."""

from collections.abc import Callable

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.twin.faults import Fault
from renkei_shopify import topics
from renkei_shopify.check import WISHED, ShopifyCheck
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import SCOPES, TwinApp

Connect = Callable[..., Connection[ShopifySettings]]

HERE = "https://hub.example.com/webhooks/shop-a"


@pytest.fixture
def ready(twin: TwinApp) -> TwinApp:
    """A twin with every webhook subscription."""
    twin.topics = dict.fromkeys((*topics.NEEDED, topics.MERGES), HERE)
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
    ("dropped", "missing"),
    [
        ("read_orders", "read_orders"),
        ("write_customers", "read_customers, write_customers"),
        ("read_locations", "read_locations"),
    ],
)
async def test_a_missing_scope_is_blocked(
    connect: Connect, ready: TwinApp, dropped: str, missing: str
) -> None:
    ready.scopes = tuple(one for one in SCOPES if one != dropped)
    (finding,) = await ShopifyCheck(connect()).check()
    assert finding.blocks
    assert finding.text.endswith(f": {missing}")


@pytest.mark.parametrize("scope", WISHED)
async def test_what_one_can_do_without_is_a_warning(
    connect: Connect, ready: TwinApp, scope: str
) -> None:
    ready.scopes = tuple(one for one in SCOPES if one != scope)
    (finding,) = await ShopifyCheck(connect()).check()
    assert not finding.blocks
    assert scope in finding.text


async def test_missing_subscriptions_are_a_warning(connect: Connect, ready: TwinApp) -> None:
    del ready.topics["REFUNDS_CREATE"]
    (finding,) = await ShopifyCheck(connect()).check()
    assert not finding.blocks
    assert "REFUNDS_CREATE" in finding.text


async def test_a_subscription_that_shopify_has_removed_is_made_again(
    connect: Connect, ready: TwinApp
) -> None:
    del ready.topics["REFUNDS_CREATE"]
    (finding,) = await ShopifyCheck(connect(delivery_url=HERE)).check()
    assert not finding.blocks
    assert finding.text == "the subscription REFUNDS_CREATE was missing: it is made"
    assert ready.topics["REFUNDS_CREATE"] == HERE
    assert await ShopifyCheck(connect(delivery_url=HERE)).check() == []


async def test_a_subscription_with_another_address_is_none_of_ours(
    connect: Connect, ready: TwinApp
) -> None:
    ready.topics["ORDERS_PAID"] = "https://elsewhere.example.com/"
    (finding,) = await ShopifyCheck(connect(delivery_url=HERE)).check()
    assert "ORDERS_PAID" in finding.text


async def test_in_another_store_nothing_is_subscribed(connect: Connect, ready: TwinApp) -> None:
    ready.topics.clear()
    connection = connect(
        shop="other.myshopify.com",
        base_url="https://renkei-twin.myshopify.com",
        delivery_url=HERE,
    )
    (finding,) = await ShopifyCheck(connection).check()
    assert finding.blocks
    assert ready.topics == {}


async def test_without_the_scope_merges_are_not_subscribed_to(
    connect: Connect, ready: TwinApp
) -> None:
    ready.scopes = tuple(one for one in SCOPES if one != "read_customer_merge")
    ready.topics.clear()
    await ShopifyCheck(connect(delivery_url=HERE)).check()
    assert set(ready.topics) == set(topics.NEEDED)


async def test_a_subscription_that_is_refused_is_a_warning(
    connect: Connect, ready: TwinApp
) -> None:
    del ready.topics["REFUNDS_CREATE"]
    ready.faults.plan(
        [Fault("forbidden", "RenkeiSubscribe"), Fault("forbidden", "RenkeiSubscribe")]
    )
    (finding,) = await ShopifyCheck(connect(delivery_url=HERE)).check()
    assert not finding.blocks
    assert "cannot be made" in finding.text


async def test_a_refused_token_is_a_finding_that_blocks(connect: Connect) -> None:
    (finding,) = await ShopifyCheck(connect(client_secret="wrong")).check()
    assert finding.blocks
