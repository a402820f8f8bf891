"""Vendure on the stage: the plugin against the real software, from the webhook to the points."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import AuthenticationFailed, NotFound, SignatureInvalid
from renkei_contracts.event import Changed, MemberLeft
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import CartStage, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.twin.server import serve
from renkei_vendure import stage as staging
from renkei_vendure import sync
from renkei_vendure.check import VendureCheck
from renkei_vendure.peer.documents import (
    ADDRESS,
    PAY,
    SET_ADDRESS,
    SET_SHIPPING,
    SHIPPING_METHODS,
    TO_PAYMENT,
)
from renkei_vendure.plugin import VENDOR
from renkei_vendure.settings import VendureSettings
from renkei_vendure.stage import VendureStage
from renkei_vendure.sync import VendureBalances, VendureMembers, VendureOrders
from renkei_vendure.webhooks import VendureWebhooks

WAIT_SECONDS = 20
ONCE = Mischief()
TEA, POT = Item("TEA-1", "煎茶", 1, 1080, 800), Item("POT-1", "急須", 1, 8800, 1000)


class FakeShop:
    """What the stage asks of its runner, written down."""

    url = "http://127.0.0.1:9"
    administrator = ("superadmin", "the-s3cr3t")

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def stop(self) -> None:
        self.asked.append(("stop",))

    async def send_webhooks_to(self, url: str) -> None:
        self.asked.append(("webhooks", url))

    async def register_customer(self, email: str, first: str, last: str) -> str:
        self.asked.append(("register", email, first, last))
        return "5"

    async def refund_line(self, order: str, line: str, quantity: int) -> str:
        self.asked.append(("refund", order, line, quantity))
        return "1"

    async def cancel(self, order: str) -> None:
        self.asked.append(("cancel", order))

    async def readdress_customer(self, customer: str, email: str) -> None:
        self.asked.append(("readdress", customer, email))

    async def order(self, id: str) -> dict[str, Any]:
        goods = {"productVariant": {"sku": "TEA-1"}, "proratedUnitPriceWithTax": 108000}
        return {
            "id": id,
            "code": "ABC",
            "state": "PaymentSettled",
            "payments": [{"id": "11"}],
            "lines": [
                {
                    **goods,
                    "id": "21",
                    "quantity": 3,
                    "taxRate": 8,
                    "proratedLinePriceWithTax": 324000,
                },
                {**goods, "id": "22", "quantity": 0, "taxRate": 10, "proratedLinePriceWithTax": 0},
            ],
        }

    async def admin(self, document: str, **variables: Any) -> dict[str, Any]:
        self.asked.append(("admin", document, variables))
        return {"addFulfillmentToOrder": {"id": "31"}}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeShop:
    shop = FakeShop()

    class Runner:
        @staticmethod
        async def start(work_dir: Path, webhook_url: str | None, secret: str, port: int) -> Any:
            shop.asked.append(("start", webhook_url))
            assert len(secret) >= 32
            return shop

    monkeypatch.setattr(staging, "VendureShop", Runner)
    return shop


class TestProtocol:
    def test_the_vendor_puts_a_cart_on_stage(self, tmp_path: Path) -> None:
        assert VENDOR.peer is not None
        stage = VENDOR.peer(StageContext(tmp_path))
        assert isinstance(stage, CartStage)
        assert stage.kind == "cart"

    async def test_it_starts_without_an_address_and_is_told_it_later(
        self, fake: FakeShop, tmp_path: Path
    ) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            await stage.listen(Webhook("http://127.0.0.1:8/webhooks/shop"))
        assert fake.asked == [
            ("start", None),
            ("webhooks", "http://127.0.0.1:8/webhooks/shop"),
            ("stop",),
        ]

    async def test_its_settings_connect_the_hub(self, fake: FakeShop, tmp_path: Path) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            given = VendureSettings.model_validate(stage.settings())
        assert (given.base_url, given.trust_verified_email) == (fake.url, True)
        assert stage.address().startswith(fake.url)

    async def test_names_are_given_in_the_order_of_the_runner(
        self, fake: FakeShop, tmp_path: Path
    ) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            shopper = Shopper("hanako@example.jp", family_name="山田", given_name="花子")
            assert await stage.register(shopper) == "5"
            await stage.refund("3", "TEA-1", 2)
        assert ("register", "hanako@example.jp", "花子", "山田") in fake.asked
        assert ("refund", "3", "TEA-1", 2) in fake.asked

    async def test_a_merchant_modifies_an_order_and_puts_its_state_back(
        self, fake: FakeShop, tmp_path: Path
    ) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            await stage.edit("3", "TEA-1", 2)
            assert await stage.charged("3") == {800: 3240}
        first, (_, _, change), last = [one for one in fake.asked if one[0] == "admin"]
        assert (first[2]["state"], last[2]["state"]) == ("Modifying", "PaymentSettled")
        assert change["input"]["adjustOrderLines"] == [{"orderLineId": "21", "quantity": 1}]
        assert change["input"]["refund"]["amount"] == 216000

    async def test_a_merchant_sends_what_is_left_until_it_arrives(
        self, fake: FakeShop, tmp_path: Path
    ) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            await stage.fulfil("3")
        (_, _, parcel), *moves = [one for one in fake.asked if one[0] == "admin"]
        assert parcel["input"]["lines"] == [{"orderLineId": "21", "quantity": 3}]
        assert [move[2] for move in moves] == [
            {"id": "31", "state": "Shipped"},
            {"id": "31", "state": "Delivered"},
        ]

    async def test_a_customer_is_changed_and_deleted_by_an_administrator(
        self, fake: FakeShop, tmp_path: Path
    ) -> None:
        async with VendureStage(StageContext(tmp_path)) as stage:
            await stage.adjust("5", 100)
            await stage.rename("5", Shopper("haruko@example.jp", "佐藤", "春子"))
            await stage.withdraw("5")
            await stage.cancel("3")
        changes = [one[2] for one in fake.asked if one[0] == "admin"]
        named = {"firstName": "春子", "lastName": "佐藤", "emailAddress": "haruko@example.jp"}
        assert changes == [
            {"input": {"id": "5", "customFields": {"hubPoints": 100}}},
            {"input": {"id": "5", **named}},
            {"id": "5"},
        ]
        assert ("readdress", "5", "haruko@example.jp") in fake.asked
        assert ("cancel", "3") in fake.asked

    async def test_a_stage_that_is_not_started_says_so(self, tmp_path: Path) -> None:
        stage = VendureStage(StageContext(tmp_path))
        with pytest.raises(RuntimeError, match="not started"):
            stage.settings()
        await stage.__aexit__()


@dataclass
class Hub:
    """Receives as the hub does: verify, key, read; and keeps what was told."""

    connection: Connection[VendureSettings]
    told: asyncio.Queue[tuple[str | None, Any]] = field(default_factory=asyncio.Queue)
    forged: int = 0

    async def receive(self, request: Request) -> Response:
        delivery = Delivery(
            "shop", datetime.now(UTC), tuple(request.headers.items()), await request.body()
        )
        webhooks = VendureWebhooks(self.connection)
        try:
            webhooks.verify(delivery, datetime.now(UTC))
        except SignatureInvalid:
            self.forged += 1
            return Response(status_code=401)
        for observation in webhooks.read(delivery):
            self.told.put_nowait((webhooks.key(delivery), observation))
        return Response(status_code=200)

    async def until(self, *wanted: Any) -> None:
        """Wait until each of these was told."""
        missing = list(wanted)
        async with asyncio.timeout(WAIT_SECONDS):
            while missing:
                _, observation = await self.told.get()
                missing = [one for one in missing if one != observation]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VendureStage]:
    given = os.environ.get("RENKEI_PEERS_DIR")
    work_dir = Path(given) if given else tmp_path_factory.mktemp("peers")
    async with VendureStage(StageContext(work_dir)) as stage:
        yield stage


@asynccontextmanager
async def connected(
    stage: VendureStage, **overrides: Any
) -> AsyncIterator[Connection[VendureSettings]]:
    settings = VendureSettings.model_validate({**stage.settings(), **overrides})
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield Connection("shop", settings, http, MemoryTokens(), lambda: datetime.now(UTC))


@asynccontextmanager
async def listening(stage: VendureStage) -> AsyncIterator[Hub]:
    async with connected(stage) as connection:
        hub = Hub(connection)
        app = Starlette(routes=[Route("/webhooks/shop", hub.receive, methods=["POST"])])
        async with serve(app) as url:
            await stage.listen(Webhook(f"{url}/webhooks/shop"))
            yield hub


async def register(stage: VendureStage) -> str:
    email = f"hanako.{secrets.token_hex(8)}@example.jp"  # nobody of an earlier run
    return await stage.register(Shopper(email, "山田", "花子"))


def changed(kind: Any, id: str) -> Changed:
    return Changed(kind=kind, ref=ExternalRef(connection="shop", id=id))


def left(order: Order) -> dict[str, int]:
    return {line.sku: line.amount - line.returned_amount for line in order.lines}


@pytest.mark.peers
@pytest.mark.asyncio(loop_scope="module")
class TestRealVendure:
    async def test_a_shopper_registers_and_is_read_with_a_proven_address(
        self, real: VendureStage
    ) -> None:
        async with listening(real) as hub:
            customer = await register(real)
            await hub.until(changed("member", customer))
            member = await VendureMembers(hub.connection).fetch(customer)
        assert (member.family_name, member.given_name) == ("山田", "花子")
        grades = {one.kind: one.grade for one in member.identities}
        assert grades[IdentityKind.EMAIL] is Grade.VERIFIED
        assert hub.forged == 0

    async def test_an_order_is_told_read_and_after_a_refund_read_again_with_less(
        self, real: VendureStage
    ) -> None:
        async with listening(real) as hub:
            customer = await register(real)
            id = await real.buy(customer, [TEA, POT], ONCE)
            await hub.until(changed("order", id))
            orders = VendureOrders(hub.connection)
            before = await orders.fetch(id)
            assert (before.state, before.shipping) == (OrderState.PAID, 550)
            assert left(before) == {"TEA-1": 1080, "POT-1": 8800}
            assert [line.tax_rate for line in before.lines] == [800, 1000]
            assert before.customer == ExternalRef(connection="shop", id=customer)
            await real.refund(id, "TEA-1", 1)
            await hub.until(changed("order", id))
            after = await orders.fetch(id)
        assert left(after) == {"TEA-1": 0, "POT-1": 8800}
        assert after.changed_at >= before.changed_at
        assert (after.state, after.placed_at) == (before.state, before.placed_at)

    async def test_a_poll_finds_a_refund_that_no_webhook_told(self, real: VendureStage) -> None:
        began = datetime.now(UTC)
        customer = await register(real)
        id = await real.buy(customer, [TEA, POT], ONCE)
        await real.refund(id, "POT-1", 1)
        async with connected(real) as connection:
            # The window begins after everything that moved updatedAt.
            now = datetime.now(UTC) + timedelta(seconds=5)
            found = await read_all(VendureOrders(connection), Window(now, now))
            (order,) = [order for order in found if order.ref.id == id]
        assert left(order) == {"TEA-1": 1080, "POT-1": 0}
        assert order.placed_at > began - timedelta(seconds=1)

    async def test_paging_over_real_rows_loses_nothing(
        self, real: VendureStage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sync, "ORDER_PAGE", 2)
        monkeypatch.setattr(sync, "MEMBER_PAGE", 2)
        customers = [await register(real) for _ in range(3)]
        bought = [await real.buy(customer, [TEA], ONCE) for customer in customers for _ in "12"]
        window = Window(datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
        async with connected(real) as connection:
            orders = [one.ref.id for one in await read_all(VendureOrders(connection), window)]
            members = [one.ref.id for one in await read_all(VendureMembers(connection), window)]
        assert set(bought) <= set(orders)
        assert set(customers) <= set(members)
        assert len(orders) == len(set(orders))
        assert len(members) == len(set(members))

    async def test_the_balance_the_hub_writes_is_what_the_shopper_sees(
        self, real: VendureStage
    ) -> None:
        customer = await register(real)
        assert await real.points_shown(customer) is None
        async with connected(real) as connection:
            balances = VendureBalances(connection)
            assert await balances.read(customer) == 0
            write = BalanceWrite(
                balance=Balance(spendable=90, version=1, as_of=datetime.now(UTC)), change=90
            )
            for _ in range(2):
                assert (await balances.write(customer, write)).points == 90
            assert await balances.read(customer) == 90
            with pytest.raises(NotFound):
                await balances.write("999999", write)
        assert await real.points_shown(customer) == 90

    async def test_a_deleted_customer_is_told_and_not_found_any_more(
        self, real: VendureStage
    ) -> None:
        async with listening(real) as hub:
            customer = await register(real)
            delete = "mutation($id: ID!) { deleteCustomer(id: $id) { result } }"
            await real._running.admin(delete, id=customer)
            async with asyncio.timeout(WAIT_SECONDS):
                while not isinstance((await hub.told.get())[1], MemberLeft):
                    pass
            with pytest.raises(NotFound):
                await VendureMembers(hub.connection).fetch(customer)

    async def test_a_discount_of_the_whole_order_is_read_to_the_yen(
        self, real: VendureStage
    ) -> None:
        """Real proration: the coupon leaves fractions of a yen on the lines."""
        customer = await register(real)
        session = await real._running._customer_session(await real._running.email_of(customer))
        code = await make_coupon(real)
        variants = await real._running._variants()
        add = (
            "mutation($v: ID!) { addItemToOrder(productVariantId: $v, quantity: 1) { __typename } }"
        )
        for sku in ("CAKE-1", "CUP-1"):
            await session.ask(add, v=variants[sku])
        apply = "mutation($c: String!) { applyCouponCode(couponCode: $c) { __typename } }"
        await session.ask(apply, c=code)
        id = await check_out(session)
        async with connected(real) as connection:
            order = await VendureOrders(connection).fetch(id)
        assert sum(left(order).values()) == 1728 + 3300 - 500
        assert all(line.returned_amount == 0 for line in order.lines)

    async def test_the_check_finds_the_shop_set_up(self, real: VendureStage) -> None:
        async with connected(real) as connection:
            assert not [one for one in await VendureCheck(connection).check() if one.blocks]
        async with connected(real, points_field="loyalty") as connection:
            assert [one for one in await VendureCheck(connection).check() if one.blocks]

    async def test_a_wrong_password_is_refused(self, real: VendureStage) -> None:
        async with connected(real, password="wr0ng") as connection:
            with pytest.raises(AuthenticationFailed):
                await VendureOrders(connection).fetch("1")

    async def test_a_session_that_vendure_ended_is_renewed(self, real: VendureStage) -> None:
        async with connected(real) as connection:
            members = VendureMembers(connection)
            customer = await register(real)
            await members.fetch(customer)
            token = await connection.tokens.current()
            assert token is not None
            await connection.http.post(
                f"{connection.settings.base_url}/admin-api",
                json={"query": "mutation { logout { success } }"},
                headers={"authorization": f"Bearer {token.access}"},
            )
            assert (await members.fetch(customer)).ref.id == customer
            assert await connection.tokens.current() != token
        # Vendure ends every session of who logs out: the merchant's, too.
        await real._running._admin.log_in(*real._running.administrator)

    async def test_what_it_offers_first_is_of_both_tax_rates(self, real: VendureStage) -> None:
        first, second, *_ = await real.catalogue()
        assert {first, second} == {TEA, POT}


async def read_all(reader: Any, window: Window) -> list[Any]:
    found: list[Any] = []
    page = await reader.changed(window, None)
    found += page.items
    while page.cursor is not None:
        page = await reader.changed(window, page.cursor)
        found += page.items
    return found


async def make_coupon(stage: VendureStage) -> str:
    """¥500 off the order for whoever knows the code."""
    code = secrets.token_hex(8)
    promotion = {
        "enabled": True,
        "couponCode": code,
        "conditions": [],
        "actions": [
            {
                "code": "order_fixed_discount",
                "arguments": [{"name": "discount", "value": "50000"}],
            }
        ],
        "translations": [{"languageCode": "ja", "name": "¥500"}],
    }
    make = (
        "mutation($input: CreatePromotionInput!) { createPromotion(input: $input) { __typename } }"
    )
    await stage._running.admin(make, input=promotion)
    return code


async def check_out(session: Any) -> str:
    await session.ask(SET_ADDRESS, input=ADDRESS)
    methods = (await session.ask(SHIPPING_METHODS))["eligibleShippingMethods"]
    await session.ask(SET_SHIPPING, methods=[methods[0]["id"]])
    await session.ask(TO_PAYMENT)
    return str((await session.ask(PAY))["addPaymentToOrder"]["id"])
