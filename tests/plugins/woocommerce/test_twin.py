"""What the twin does as WooCommerce does it, and what the check makes of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from renkei_contracts.capability import CheckFinding, StockLevel
from renkei_contracts.errors import NotFound, Rejected
from renkei_contracts.event import OrderSeen
from renkei_contracts.order import OrderState
from renkei_contracts.paging import Window
from renkei_contracts.stage import Webhook
from renkei_contracts.testing.bench import Bench
from renkei_contracts.testing.lists import walk, whole_window
from renkei_contracts.testing.shop import HANAKO, enrolled, sale
from renkei_woocommerce.oauth import signed
from renkei_woocommerce.plugin import VENDOR
from renkei_woocommerce.twin import WooCommerceTwin
from renkei_woocommerce.twin_app import KEY, SECRET
from renkei_woocommerce.wire import TOPICS

NOWHERE = Webhook("http://127.0.0.1:9/nobody")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """The plugin on its twin."""
    async with Bench(VENDOR) as made:
        yield made


def twin_of(bench: Bench) -> WooCommerceTwin:
    assert isinstance(bench.twin, WooCommerceTwin)
    return bench.twin


async def checked(bench: Bench, **changed: object) -> list[CheckFinding]:
    assert VENDOR.check is not None
    connection = bench.connection(bench.settings(**changed))
    return list(await VENDOR.check(connection).check())


async def test_a_delivery_says_how_things_are_when_it_is_sent(bench: Bench) -> None:
    sent = await bench.deliveries(lambda: sale(bench.twin))
    seen = [one for delivery in sent for one in bench.webhooks().read(delivery)]
    states = [one.order.state for one in seen if isinstance(one, OrderSeen)]
    assert states == [OrderState.PAID, OrderState.PAID]
    ids = [one.header("X-WC-Webhook-Delivery-ID") for one in sent[-2:]]
    assert len({bench.webhooks().key(one) for one in sent}) == len(sent)
    assert all(ids)


async def test_two_deliveries_of_one_webhook_in_a_second_share_their_id(bench: Bench) -> None:
    async def twice() -> None:
        await bench.twin.register(HANAKO)
        await bench.twin.register(replace(HANAKO, email="other@example.jp"))

    sent = await bench.deliveries(twice)
    assert len({one.header("X-WC-Webhook-Delivery-ID") for one in sent}) == 1
    assert len({bench.webhooks().key(one) for one in sent}) == 2


async def test_the_ping_of_the_twin_is_answered(bench: Bench) -> None:
    twin = twin_of(bench)
    await bench.deliveries(lambda: bench.twin.register(HANAKO))
    (sent,) = await bench.deliveries(twin.ping)
    bench.webhooks().verify(sent, bench.clock())


async def test_a_webhook_is_disabled_silently_and_the_check_switches_it_on(bench: Bench) -> None:
    twin = twin_of(bench)
    await twin.listen(NOWHERE)
    id = await twin.register(HANAKO)
    for _ in range(6):
        await twin.rename(id, HANAKO)
    status = {hook["topic"]: hook["status"] for hook in twin.shop.webhooks.values()}
    assert status["customer.updated"] == "active"
    await twin.rename(id, HANAKO)
    status = {hook["topic"]: hook["status"] for hook in twin.shop.webhooks.values()}
    assert [topic for topic in TOPICS if status[topic] == "disabled"] == ["customer.updated"]
    told = [one.text for one in await checked(bench, delivery_url="")]
    assert ["customer.updated" in text for text in told] == [True]
    found = await checked(bench)
    assert [one.blocks for one in found] == [False]
    assert "is on again" in found[0].text
    assert await checked(bench) == []
    # What was missed is found by the poll.
    assert (await bench.members().fetch(id)).ref.id == id


async def test_the_check_makes_the_webhooks_that_are_missing(bench: Bench) -> None:
    twin = twin_of(bench)
    found = await checked(bench, delivery_url="https://hub.example.jp/webhooks/shop")
    assert [one.blocks for one in found] == [False] * len(TOPICS)
    assert {hook["topic"] for hook in twin.shop.webhooks.values()} == set(TOPICS)
    assert set(twin.app.secrets.values()) == {bench.settings()["webhook_secret"]}
    assert await checked(bench, delivery_url="https://hub.example.jp/webhooks/shop") == []


async def test_the_check_leaves_a_paused_webhook_and_says_so(bench: Bench) -> None:
    twin = twin_of(bench)
    await twin.listen(NOWHERE)
    next(iter(twin.shop.webhooks.values()))["status"] = "paused"
    found = await checked(bench)
    assert ["paused" in one.text for one in found] == [True]
    assert next(iter(twin.shop.webhooks.values()))["status"] == "paused"


async def test_the_check_blocks_another_currency_and_an_address_that_is_no_shop(
    bench: Bench,
) -> None:
    twin_of(bench).app.currency = "USD"
    assert [one.blocks for one in await checked(bench) if "JPY" in one.text] == [True]
    found = await checked(bench, base_url=f"{bench.settings()['base_url']}/blog")
    assert [one.blocks for one in found] == [True]
    assert "permalinks" in found[0].text


async def test_without_a_secret_the_check_makes_no_webhook(bench: Bench) -> None:
    found = await checked(bench, webhook_secret="", delivery_url="https://hub.example.jp/w")
    assert [one.blocks for one in found] == [False]
    assert not twin_of(bench).shop.webhooks


async def test_the_twin_refuses_a_wrong_secret_a_second_use_and_another_time(bench: Bench) -> None:
    url = f"{bench.settings()['base_url']}/wp-json/wc/v3/webhooks?page=1&per_page=100"
    now = int(bench.clock().timestamp())
    good = signed("GET", url, KEY, SECRET, now)
    wrong = [
        signed("GET", url, KEY, "cs_other", now),
        signed("POST", url, KEY, SECRET, now),
        signed("GET", url, KEY, SECRET, now - 1000),
        signed("GET", url, "ck_other", SECRET, now),
    ]
    async with httpx.AsyncClient(trust_env=False) as http:
        assert [(await http.get(each)).status_code for each in wrong] == [401] * 4
        assert [(await http.get(good)).status_code for _ in range(2)] == [200, 401]


async def test_an_order_in_the_trash_is_cancelled(bench: Bench) -> None:
    twin = twin_of(bench)
    id = await sale(twin)
    (sent,) = await bench.deliveries(lambda: twin.trash(id))
    (seen,) = bench.webhooks().read(sent)
    assert seen.type == "changed"
    assert (await bench.orders().fetch(id)).state is OrderState.CANCELLED


async def test_an_order_in_the_trash_is_found_without_a_webhook(bench: Bench) -> None:
    twin, wanted = twin_of(bench), dict[str, OrderState]()
    for number in range(12):
        wanted[id := await sale(twin)] = OrderState.PAID
        if number % 2:
            await twin.trash(id)
            wanted[id] = OrderState.CANCELLED
        bench.clock.forward(timedelta(seconds=number % 3))
    seen = await walk(bench.orders(), whole_window(bench))
    assert {one.ref.id: one.state for one in seen.items} == wanted
    assert [one.changed_at for one in seen.items] == sorted(one.changed_at for one in seen.items)
    assert (len(seen.items), seen.rejected) == (12, [])
    assert seen.pages > 2


async def test_a_count_older_than_the_products_last_change_is_refused(bench: Bench) -> None:
    sku = (await bench.twin.catalogue())[0].sku
    (level,) = await bench.stock().read([sku])
    with pytest.raises(Rejected):
        await bench.stock().write(replace(level, quantity=3, at=level.at - timedelta(hours=1)))
    with pytest.raises(NotFound):
        await bench.stock().write(StockLevel("NOBODY", "shop", 1, bench.clock()))


async def test_the_stock_of_a_variation_is_written_at_its_product(bench: Bench) -> None:
    product = next(iter(twin_of(bench).shop.products.values()))
    product.update(type="variation", parent_id=900)
    (level,) = await bench.stock().read([product["sku"]])
    await bench.stock().write(replace(level, quantity=3))
    assert bench.exchanges[-1].request.url.path.endswith(f"/900/variations/{product['id']}")
    assert product["stock_quantity"] == 3


async def test_of_a_product_with_variations_these_are_listed(bench: Bench) -> None:
    parent, *others = twin_of(bench).shop.products.values()
    parent.update(type="variable", sku="")
    for one in others[:2]:
        one.update(type="variation", parent_id=parent["id"])
    bench.clock.forward(timedelta(minutes=1))
    assert VENDOR.products is not None
    products, found, cursor = VENDOR.products(bench.connection()), list[str](), None
    while True:
        page = await products.changed(
            Window(bench.clock() - timedelta(days=1), bench.clock()), cursor
        )
        found += [one.sku for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert sorted(found) == sorted(one["sku"] for one in others)


async def test_a_guest_gives_an_address_and_is_no_customer(bench: Bench) -> None:
    buyer = await enrolled(bench.twin)
    guest = await bench.orders().fetch(await sale(bench.twin, replace(buyer, id="")))
    assert guest.customer is None
    assert [one.value for one in guest.identities] == ["guest@example.jp"]
