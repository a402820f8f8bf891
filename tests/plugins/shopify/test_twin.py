"""The twin on its stage: what a hub hears, what a person sees."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import Unavailable
from renkei_contracts.event import Changed, MemberSeen, OrderSeen
from renkei_contracts.member import Grade
from renkei_contracts.order import OrderState
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import CartStage, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.twin.server import serve
from renkei_contracts.vendor import PROTOCOLS, Vendor
from renkei_shopify import documents, register_vendor
from renkei_shopify.plugin import VENDOR
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.sync import ShopifyOrders
from renkei_shopify.twin import ShopifyTwin
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.twin_shop import CATALOGUE
from renkei_shopify.webhooks import ShopifyWebhooks

HANAKO = Shopper("hanako@example.com", "山田", "花子")


@dataclass
class Hub:
    """Takes deliveries and keeps them; ``failures`` are answered 500 first."""

    now: datetime
    failures: int = 0
    url: str = ""
    heard: list[Delivery] = field(default_factory=list)
    tries: list[Delivery] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        delivery = Delivery("shop-a", self.now, tuple(request.headers.items()), body)
        self.tries.append(delivery)
        if self.failures:
            self.failures -= 1
            return Response(status_code=500)
        self.heard.append(delivery)
        return Response(status_code=200)

    def topics(self) -> list[str | None]:
        return [delivery.header("X-Shopify-Topic") for delivery in self.heard]


@asynccontextmanager
async def listening(hub: Hub) -> AsyncIterator[Hub]:
    app = Starlette(routes=[Route("/webhooks/shop-a", hub.take, methods=["POST"])])
    async with serve(app) as url:
        hub.url = f"{url}/webhooks/shop-a"
        yield hub


@pytest.fixture
async def hub(now: datetime) -> AsyncIterator[Hub]:
    async with listening(Hub(now)) as heard:
        yield heard


@pytest.fixture
async def stage(tmp_path: Path, hub: Hub) -> AsyncIterator[ShopifyTwin]:
    async with ShopifyTwin(StageContext(tmp_path)) as staged:
        await staged.listen(Webhook(hub.url, {"X-Way": "hub"}))
        yield staged


@pytest.fixture
async def connection(
    stage: ShopifyTwin, now: datetime
) -> AsyncIterator[Connection[ShopifySettings]]:
    async with httpx.AsyncClient(trust_env=False) as http:
        settings = ShopifySettings.model_validate(stage.settings())
        yield Connection("shop-a", settings, http, MemoryTokens(), lambda: now)


class TestVendor:
    def test_the_hook_announces_shopify(self) -> None:
        announced: list[Vendor] = []
        register_vendor(announced.append)
        assert announced == [VENDOR]

    def test_every_capability_satisfies_its_protocol(
        self, connection: Connection[ShopifySettings]
    ) -> None:
        for name in VENDOR.capabilities():
            assert isinstance(getattr(VENDOR, name)(connection), PROTOCOLS[name])

    def test_the_twin_is_a_cart(self, tmp_path: Path) -> None:
        assert VENDOR.twin is not None
        assert isinstance(VENDOR.twin(StageContext(tmp_path)), CartStage)


class TestStage:
    async def test_registering_tells_of_a_proven_address(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings]
    ) -> None:
        id = await stage.register(HANAKO)
        trusting = replace(connection, settings=ShopifySettings.model_validate(stage.settings()))
        (seen,) = ShopifyWebhooks(trusting).read(hub.heard[0])
        assert isinstance(seen, MemberSeen)
        assert seen.member.ref.id == id
        assert seen.member.identities[1].grade is Grade.VERIFIED

    async def test_every_delivery_is_signed_as_the_settings_say(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings], now: datetime
    ) -> None:
        customer = await stage.register(HANAKO)
        await stage.buy(customer, CATALOGUE[:2], Mischief())
        assert len(hub.heard) == 3
        for delivery in hub.heard:
            ShopifyWebhooks(connection).verify(delivery, now)
            assert delivery.header("X-Way") == "hub"

    async def test_buying_tells_of_an_order_first_unpaid_then_paid(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings]
    ) -> None:
        customer = await stage.register(HANAKO)
        id = await stage.buy(customer, (await stage.catalogue())[:2], Mischief())
        hooks = ShopifyWebhooks(connection)
        first, second = (hooks.read(delivery)[0] for delivery in hub.heard[1:])
        assert isinstance(first, OrderSeen)
        assert isinstance(second, OrderSeen)
        assert (first.order.state, second.order.state) == (OrderState.PLACED, OrderState.PAID)
        assert first.order.changed_at < second.order.changed_at
        assert second.order.ref.id == id

    async def test_a_reversed_and_doubled_delivery_keeps_its_keys(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings]
    ) -> None:
        customer = await stage.register(HANAKO)
        await stage.buy(customer, CATALOGUE[:1], Mischief(times=2, reversed=True))
        assert hub.topics()[1:] == ["orders/paid", "orders/create"] * 2
        keys = [ShopifyWebhooks(connection).key(delivery) for delivery in hub.heard[1:]]
        assert keys[:2] == keys[2:]
        assert len(set(keys)) == 2

    async def test_a_lost_delivery_leaves_the_order_to_be_polled(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings]
    ) -> None:
        customer = await stage.register(HANAKO)
        id = await stage.buy(customer, CATALOGUE[:1], Mischief(lost=True))
        assert hub.topics() == ["customers/create"]
        assert VENDOR.orders is not None
        assert (await VENDOR.orders(connection).fetch(id)).state is OrderState.PAID

    async def test_a_refund_tells_a_hint_and_the_order(
        self, stage: ShopifyTwin, hub: Hub, connection: Connection[ShopifySettings]
    ) -> None:
        customer = await stage.register(HANAKO)
        id = await stage.buy(customer, CATALOGUE[:2], Mischief())
        await stage.refund(id, "CHA-03", 1)
        assert hub.topics()[3:] == ["refunds/create", "orders/updated"]
        hooks = ShopifyWebhooks(connection)
        hint, seen = (hooks.read(delivery)[0] for delivery in hub.heard[3:])
        assert isinstance(hint, Changed)
        assert isinstance(seen, OrderSeen)
        assert [line.returned_amount for line in seen.order.lines] == [0, 3240]

    async def test_more_than_was_bought_is_not_taken_back(self, stage: ShopifyTwin) -> None:
        customer = await stage.register(HANAKO)
        id = await stage.buy(customer, CATALOGUE[:1], Mischief())
        with pytest.raises(ValueError, match="KYUSU-01"):
            await stage.refund(id, "KYUSU-01", 2)

    async def test_the_shopper_sees_what_the_hub_wrote(
        self, stage: ShopifyTwin, connection: Connection[ShopifySettings], now: datetime
    ) -> None:
        customer = await stage.register(HANAKO)
        assert await stage.points_shown(customer) is None
        write = BalanceWrite(balance=Balance(spendable=132, version=1, as_of=now), change=132)
        assert VENDOR.balances is not None
        await VENDOR.balances(connection).write(customer, write)
        assert await stage.points_shown(customer) == 132
        page = (await connection.http.get(stage.address())).text
        assert "山田 花子" in page
        assert "<td>132</td>" in page

    async def test_the_page_shows_names_as_text(
        self, stage: ShopifyTwin, connection: Connection[ShopifySettings]
    ) -> None:
        await stage.register(Shopper("x@example.com", "<script>", "{domain}"))
        page = (await connection.http.get(stage.address())).text
        assert "&lt;script&gt; {domain}" in page

    async def test_a_hub_that_listens_is_subscribed(
        self, stage: ShopifyTwin, connection: Connection[ShopifySettings]
    ) -> None:
        assert VENDOR.check is not None
        assert await VENDOR.check(connection).check() == []

    async def test_a_failed_delivery_is_sent_again_as_it_was(
        self, tmp_path: Path, hub: Hub
    ) -> None:
        hub.failures = 1
        async with ShopifyTwin(StageContext(tmp_path)) as stage:
            await stage.listen(Webhook(hub.url))
            await stage.register(HANAKO)
        first, again = hub.tries
        assert (first.headers, first.body) == (again.headers, again.body)

    async def test_bodies_are_japanese_as_utf8(self, stage: ShopifyTwin, hub: Hub) -> None:
        await stage.register(HANAKO)
        assert "山田".encode() in hub.heard[0].body
        assert json.loads(hub.heard[0].body)["last_name"] == "山田"


class TestClock:
    def test_an_objects_times_never_repeat(self, twin: TwinApp) -> None:
        order = twin.shop.place(None, CATALOGUE[:1])
        times = [order.updated_at]
        for change in (twin.shop.pay, twin.shop.fulfil, twin.shop.cancel):
            change(order)
            times.append(order.updated_at)
        assert times == sorted(set(times))

    def test_times_have_whole_seconds(self, twin: TwinApp) -> None:
        twin.shop._now = lambda: datetime.fromisoformat("2026-11-26T12:00:00.999999+09:00")
        assert twin.shop.clock() == datetime.fromisoformat("2026-11-26T03:00:00+00:00")


class TestSchema:
    @pytest.fixture
    async def ask(self, twin: TwinApp) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
        twin.tokens["t"] = twin.shop.clock() + timedelta(hours=1)
        transport = httpx.ASGITransport(twin.asgi())
        headers = {"X-Shopify-Access-Token": "t"}
        async with httpx.AsyncClient(transport=transport, headers=headers) as http:

            def post(query: str, **variables: object) -> Awaitable[httpx.Response]:
                body = {"query": query, "variables": variables}
                return http.post("http://twin/admin/api/2026-07/graphql.json", json=body)

            yield post

    @pytest.mark.parametrize(
        ("query", "variables"),
        [
            ("{ shop { name } }", {}),
            ("{ shop", {}),
            (documents.CUSTOMER.text, {}),
            (documents.POINTS_WRITE.text, {"metafields": [{"key": "points"}]}),
        ],
        ids=["unknown-field", "no-document", "no-id", "no-owner"],
    )
    async def test_a_call_outside_the_schema_is_refused(
        self,
        twin: TwinApp,
        ask: Callable[..., Awaitable[httpx.Response]],
        query: str,
        variables: dict[str, object],
    ) -> None:
        answer = (await ask(query, **variables)).json()
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["undefinedField"]
        assert len(twin.log.complaints) == 1
        twin.log.complaints.clear()

    async def test_an_answer_outside_the_schema_fails_the_twin(
        self, twin: TwinApp, connect: Callable[..., Connection[ShopifySettings]]
    ) -> None:
        order = twin.shop.place(None, CATALOGUE[:1])
        order.financial_status = "a word of no schema"
        with pytest.raises(Unavailable):
            await ShopifyOrders(connect()).fetch(str(order.id))
        (wrong,) = twin.log.complaints
        assert "displayFinancialStatus" in wrong
        twin.log.complaints.clear()

    def test_every_field_of_our_own_says_where_it_is_from(self) -> None:
        file = files("renkei_shopify") / "wire.schema.json"
        definitions = json.loads(file.read_text(encoding="utf-8"))["$defs"]
        silent = [
            f"{shape}.{name}"
            for shape, definition in definitions.items()
            for name, field in definition.get("properties", {}).items()
            if not field.get("$comment")
        ]
        assert silent == []
