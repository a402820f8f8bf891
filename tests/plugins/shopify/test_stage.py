"""What can be done at the twin store, what it then sends, and what the plugin makes of it."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import pytest

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import NotFound, SignatureInvalid
from renkei_contracts.event import Changed, MemberLeft, MemberSeen, MembersMerged, OrderSeen
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_contracts.stage import STRAIGHT, Mischief, Shopper
from renkei_contracts.testing import Bench
from renkei_shopify.plugin import VENDOR
from renkei_shopify.twin import ShopifyTwin
from renkei_shopify.twin_app import TOKEN_SECONDS
from renkei_shopify.twin_shop import CATALOGUE

HANAKO = Shopper("hanako@example.com", "山田", "花子")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(VENDOR) as bench:
        yield bench
        assert bench.twin.schema.complaints == []


@pytest.fixture
def stage(bench: Bench) -> ShopifyTwin:
    return _stage(bench)


@pytest.fixture
async def sold(stage: ShopifyTwin) -> str:
    return await stage.buy(await stage.register(HANAKO), CATALOGUE[:3], STRAIGHT)


def _stage(bench: Bench) -> ShopifyTwin:
    assert isinstance(bench.twin, ShopifyTwin)
    return bench.twin


def topics(sent: list[Delivery]) -> list[str | None]:
    return [one.header("X-Shopify-Topic") for one in sent]


def owed(order: Order) -> Mapping[int, int]:
    """What the plugin says the buyer owes, by tax rate."""
    by_rate: dict[int, int] = defaultdict(int)
    for line in () if order.state is OrderState.CANCELLED else order.lines:
        by_rate[line.tax_rate] += line.amount - line.returned_amount
    return {rate: yen for rate, yen in by_rate.items() if yen}


Act = Callable[[ShopifyTwin, str, Mischief], Awaitable[None]]

ORDER_ACTIONS: dict[str, tuple[Act, list[str]]] = {
    "refund": (
        lambda stage, id, how: stage.refund(id, "CHA-03", 1, how),
        ["refunds/create", "orders/updated"],
    ),
    "edit": (
        lambda stage, id, how: stage.edit(id, "CHA-03", 1, how),
        ["orders/edited", "orders/updated"],
    ),
    "cancel": (
        lambda stage, id, how: stage.cancel(id, how),
        ["orders/cancelled", "refunds/create", "orders/updated"],
    ),
}


class TestOrders:
    @pytest.mark.parametrize("action", ORDER_ACTIONS)
    async def test_a_change_is_told_and_what_is_owed_agrees(
        self, bench: Bench, stage: ShopifyTwin, sold: str, action: str
    ) -> None:
        act, told = ORDER_ACTIONS[action]
        before = dict(await stage.charged(sold))
        sent = await bench.deliveries(lambda: act(stage, sold, STRAIGHT))
        assert topics(sent) == told
        after = await stage.charged(sold)
        assert after == owed(await bench.orders().fetch(sold))
        assert sum(after.values()) < sum(before.values())
        (seen,) = bench.webhooks().read(sent[-1])
        assert isinstance(seen, OrderSeen)
        assert owed(seen.order) == after

    @pytest.mark.parametrize("action", ORDER_ACTIONS)
    async def test_its_deliveries_may_come_twice_reversed_or_never(
        self, bench: Bench, stage: ShopifyTwin, sold: str, action: str
    ) -> None:
        act, told = ORDER_ACTIONS[action]
        twice = Mischief(times=2, reversed=True)
        assert topics(await bench.deliveries(lambda: act(stage, sold, twice))) == told[::-1] * 2

    @pytest.mark.parametrize("action", ORDER_ACTIONS)
    async def test_its_deliveries_may_be_lost(
        self, bench: Bench, stage: ShopifyTwin, sold: str, action: str
    ) -> None:
        act, _ = ORDER_ACTIONS[action]
        assert await bench.deliveries(lambda: act(stage, sold, Mischief(lost=True))) == []
        assert await stage.charged(sold) == owed(await bench.orders().fetch(sold))

    async def test_one_thing_done_has_one_event_id(
        self, bench: Bench, stage: ShopifyTwin, sold: str
    ) -> None:
        sent = await bench.deliveries(lambda: stage.cancel(sold))
        assert len({one.header("X-Shopify-Event-Id") for one in sent}) == 1
        assert len({one.header("X-Shopify-Webhook-Id") for one in sent}) == 3

    async def test_an_order_is_cancelled_once(self, stage: ShopifyTwin, sold: str) -> None:
        await stage.cancel(sold)
        with pytest.raises(ValueError, match="already"):
            await stage.cancel(sold)

    async def test_everything_is_fulfilled(
        self, bench: Bench, stage: ShopifyTwin, sold: str
    ) -> None:
        sent = await bench.deliveries(lambda: stage.fulfil(sold))
        assert topics(sent) == ["orders/fulfilled", "orders/updated"]
        assert (await bench.orders().fetch(sold)).state is OrderState.FULFILLED

    async def test_a_guest_is_nobody(self, bench: Bench, stage: ShopifyTwin) -> None:
        order = await bench.orders().fetch(await stage.buy("", CATALOGUE[:1], STRAIGHT))
        assert (order.customer, order.identities) == (None, ())

    async def test_long_orders_come_page_by_page(
        self, bench: Bench, stage: ShopifyTwin, sold: str
    ) -> None:
        assert stage.twin.page_size == 2
        assert len((await bench.orders().fetch(sold)).lines) == 3

    async def test_a_page_holds_no_more_than_the_store_gives(
        self, bench: Bench, stage: ShopifyTwin
    ) -> None:
        for _ in range(3):
            await stage.buy("", CATALOGUE[:1], STRAIGHT)
        hour = timedelta(hours=1)
        page = await bench.orders().changed(
            Window(bench.clock() - hour, bench.clock() + hour), None
        )
        assert len(page.items) == 2
        assert page.cursor is not None


class TestCustomers:
    async def test_one_without_an_address_has_none(self, bench: Bench, stage: ShopifyTwin) -> None:
        id = await stage.register(Shopper("", "山田", "花子"))
        assert [one.kind for one in (await bench.members().fetch(id)).identities] == [
            "vendor_customer"
        ]

    async def test_a_new_name_is_told(self, bench: Bench, stage: ShopifyTwin) -> None:
        id = await stage.register(HANAKO)
        sent = await bench.deliveries(
            lambda: stage.rename(id, Shopper("new@example.com", "鈴木", "花子"))
        )
        assert topics(sent) == ["customers/update"]
        (seen,) = bench.webhooks(stage.settings()).read(sent[0])
        assert isinstance(seen, MemberSeen)
        assert seen.member == await bench.members().fetch(id)
        assert seen.member.family_name == "鈴木"

    async def test_one_who_never_ordered_can_leave(self, bench: Bench, stage: ShopifyTwin) -> None:
        id = await stage.register(HANAKO)
        (sent,) = await bench.deliveries(lambda: stage.withdraw(id))
        (seen,) = bench.webhooks().read(sent)
        assert isinstance(seen, MemberLeft)
        with pytest.raises(NotFound):
            await bench.members().fetch(id)

    async def test_one_who_ordered_is_kept_as_shopify_says(
        self, stage: ShopifyTwin, sold: str
    ) -> None:
        buyer = stage.twin.shop.orders[int(sold)].customer
        assert buyer is not None
        with pytest.raises(ValueError, match="has ordered"):
            await stage.withdraw(str(buyer.id))

    async def test_two_become_one_with_all_orders(
        self, bench: Bench, stage: ShopifyTwin, sold: str
    ) -> None:
        gone = (await bench.orders().fetch(sold)).customer
        assert gone is not None
        kept = await stage.register(Shopper("taro@example.com", "鈴木", "太郎"))
        (sent,) = await bench.deliveries(lambda: stage.merge(kept, gone.id))
        merged, hint = bench.webhooks().read(sent)
        assert isinstance(merged, MembersMerged)
        assert (merged.kept.id, merged.gone.id) == (kept, gone.id)
        assert isinstance(hint, Changed)
        assert hint.ref.id == kept
        order = await bench.orders().fetch(sold)
        assert order.customer is not None
        assert order.customer.id == kept

    async def test_points_changed_by_hand_are_read_but_not_told(
        self, bench: Bench, stage: ShopifyTwin
    ) -> None:
        id = await stage.register(HANAKO)
        assert await bench.deliveries(lambda: stage.adjust(id, 77)) == []
        assert await bench.balances().read(id) == await stage.points_shown(id) == 77


class TestSecrets:
    async def test_while_it_rotates_deliveries_of_both_secrets_are_genuine(
        self, bench: Bench, stage: ShopifyTwin
    ) -> None:
        first = stage.settings()
        (old,) = await bench.deliveries(lambda: stage.register(HANAKO))
        await stage.rotate()
        (new,) = await bench.deliveries(lambda: stage.register(HANAKO))
        for delivery in (old, new):
            bench.webhooks().verify(delivery, bench.clock())
        with pytest.raises(SignatureInvalid):
            bench.webhooks(first).verify(new, bench.clock())

    @pytest.mark.parametrize(("rotations", "granted"), [(1, True), (2, False)])
    async def test_the_secret_before_still_gets_a_token(
        self, bench: Bench, stage: ShopifyTwin, rotations: int, granted: bool
    ) -> None:
        connection = bench.connection()
        for _ in range(rotations):
            await stage.rotate()
        answer = await connection.http.post(
            f"{stage.base_url}/admin/oauth/access_token",
            json={
                "client_id": connection.settings.client_id,
                "client_secret": connection.settings.client_secret.get_secret_value(),
                "grant_type": "client_credentials",
            },
        )
        assert answer.is_success is granted

    async def test_a_token_ends_by_the_twins_clock(self, bench: Bench, stage: ShopifyTwin) -> None:
        id = await stage.register(HANAKO)
        members = bench.members()
        await members.fetch(id)
        bench.clock.forward(timedelta(seconds=TOKEN_SECONDS))
        assert stage.twin.tokens["twin-token-1"] <= stage.twin.shop.clock()
        await members.fetch(id)
        assert stage.twin.granted == 2
