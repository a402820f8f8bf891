"""Reading orders and members and mirroring points, on the twin behind Shopify's schema."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.errors import (
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, IdentityKind
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import Item, Shopper
from renkei_contracts.toolkit.wire import parse
from renkei_contracts.twin.faults import Fault
from renkei_contracts.twin.server import serve
from renkei_shopify import mapping, sync, twin_rest, wire
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.sync import ShopifyBalances, ShopifyMembers, ShopifyOrders
from renkei_shopify.twin_app import CLIENT_ID, CLIENT_SECRET, DOMAIN, TwinApp
from renkei_shopify.twin_records import TwinCustomer, TwinOrder
from renkei_shopify.twin_shop import CATALOGUE

Connect = Callable[..., Connection[ShopifySettings]]
T = TypeVar("T")

HANAKO = Shopper("hanako@example.com", "山田", "花子")
HOUR = timedelta(hours=1)


def from_webhook(order: TwinOrder) -> Order:
    sent = json.loads(json.dumps(twin_rest.order(order)), parse_float=Decimal)
    return mapping.to_order(parse(wire.Order, sent, "order"), "shop-a")


async def everything(read: Callable[[str | None], Awaitable[Page[T]]]) -> list[T]:
    """All items from the first page to the last."""
    page = await read(None)
    items = list(page.items)
    while page.cursor is not None:
        page = await read(page.cursor)
        items.extend(page.items)
    return items


@pytest.fixture
def orders(connect: Connect) -> ShopifyOrders:
    return ShopifyOrders(connect())


@pytest.fixture
def members(connect: Connect) -> ShopifyMembers:
    return ShopifyMembers(connect())


@pytest.fixture
def hanako(twin: TwinApp) -> TwinCustomer:
    return twin.shop.register(HANAKO)


@pytest.fixture
def window(now: datetime) -> Window:
    return Window(now - HOUR, now + HOUR)


def plain(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    return twin.shop.place(hanako, CATALOGUE[:2])


def guest(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(None, CATALOGUE[:1])
    order.location_id = 487838322
    return order


def discounted(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    return twin.shop.place(hanako, CATALOGUE[:2], discounts=[(500, 20), (100,)])


def many_lines(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    return twin.shop.place(hanako, [CATALOGUE[3]] * 60)


def partly_refunded(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    item = Item("CHA-01", "緑茶", 3, 1_080, 800)
    order = twin.shop.place(hanako, [item, CATALOGUE[0]], discounts=[(100,)])
    twin.shop.pay(order)
    twin.shop.refund(order, "CHA-01", 1)
    twin.shop.refund(order, "CHA-01", 1)
    return order


def refunded(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(hanako, CATALOGUE[:1])
    twin.shop.pay(order)
    twin.shop.refund(order, "KYUSU-01", 1)
    return order


def edited(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(hanako, [Item("CHA-01", "緑茶", 5, 1_080, 800)])
    twin.shop.pay(order)
    twin.shop.remove(order, "CHA-01", 2)
    twin.shop.refund(order, "CHA-01", 1)
    return order


def cancelled(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(hanako, CATALOGUE[:2])
    twin.shop.cancel(order)
    return order


def fulfilled(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(hanako, CATALOGUE[:2], test=True)
    twin.shop.pay(order)
    twin.shop.fulfil(order)
    return order


def gift_card(twin: TwinApp, hanako: TwinCustomer) -> TwinOrder:
    order = twin.shop.place(hanako, [Item("GIFT", "ギフトカード", 1, 5_000, 0)])
    order.lines[0].gift_card = True
    return order


SCENES = [
    plain,
    guest,
    discounted,
    many_lines,
    partly_refunded,
    refunded,
    edited,
    cancelled,
    fulfilled,
    gift_card,
]


class TestFetchingOrders:
    @pytest.mark.parametrize("taxes_included", [True, False], ids=["tax-in", "tax-out"])
    @pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
    async def test_api_and_webhook_tell_the_same_order(
        self,
        orders: ShopifyOrders,
        twin: TwinApp,
        scene: Callable[[TwinApp, TwinCustomer], TwinOrder],
        taxes_included: bool,
    ) -> None:
        twin.shop.taxes_included = taxes_included
        order = scene(twin, twin.shop.register(HANAKO))
        assert await orders.fetch(str(order.id)) == from_webhook(order)

    async def test_the_first_two_products_are_13200_yen_without_tax(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer
    ) -> None:
        order = await orders.fetch(str(plain(twin, hanako).id))
        net = sum(line.amount * 10_000 // (10_000 + line.tax_rate) for line in order.lines)
        assert net == 13_200

    async def test_refunds_of_an_uneven_amount_add_up_to_it(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer
    ) -> None:
        order = partly_refunded(twin, hanako)
        tea = (await orders.fetch(str(order.id))).lines[0]
        assert (tea.amount, tea.returned_quantity, tea.returned_amount) == (3140, 2, 2093)
        twin.shop.refund(order, "CHA-01", 1)
        assert (await orders.fetch(str(order.id))).lines[0].returned_amount == 3140

    async def test_lines_beyond_the_first_page_are_read(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, transport: Any
    ) -> None:
        order = await orders.fetch(str(many_lines(twin, hanako).id))
        assert len(order.lines) == 60
        assert transport.operations.count("RenkeiOrderLines") == 2

    async def test_lines_of_a_refund_beyond_its_first_page_are_read(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, transport: Any
    ) -> None:
        goods = replace(CATALOGUE[3], quantity=2)
        order = twin.shop.place(hanako, [goods] * 30)
        twin.shop.pay(order)
        refunds = [twin.shop.refund(order, goods.sku, 1) for _ in range(30)]
        parts = tuple(part for refund in refunds for part in refund.lines)
        money = sum(refund.money for refund in refunds)
        order.refunds[:] = [replace(refunds[0], lines=parts, money=money)]
        read = await orders.fetch(str(order.id))
        assert sum(line.amount - line.returned_amount for line in read.lines) == 30 * goods.yen
        assert transport.operations.count("RenkeiRefund") == 2

    async def test_the_state_follows_the_vendors_clock(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer
    ) -> None:
        order = plain(twin, hanako)
        placed = await orders.fetch(str(order.id))
        twin.shop.pay(order)
        paid = await orders.fetch(str(order.id))
        assert (placed.state, paid.state) == (OrderState.PLACED, OrderState.PAID)
        assert placed.changed_at < paid.changed_at

    @pytest.mark.parametrize("id", ["1", "abc", "", "１２３", "1/2", '1") {', "9" * 21])
    async def test_an_order_that_does_not_exist_is_not_found(
        self, orders: ShopifyOrders, id: str
    ) -> None:
        with pytest.raises(NotFound):
            await orders.fetch(id)


class TestChangedOrders:
    async def test_paging_ends_and_loses_none_of_a_shared_second(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, window: Window
    ) -> None:
        placed = {str(plain(twin, hanako).id) for _ in range(23)}
        found = await everything(lambda cursor: orders.changed(window, cursor))
        assert len(found) == 23
        assert {order.ref.id for order in found} == placed

    async def test_orders_come_oldest_change_first(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, window: Window
    ) -> None:
        first, second = plain(twin, hanako), plain(twin, hanako)
        twin.shop.pay(first)
        found = await everything(lambda cursor: orders.changed(window, cursor))
        assert [order.ref.id for order in found] == [str(second.id), str(first.id)]

    async def test_an_old_row_that_changes_between_two_pages_costs_no_other_row(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, window: Window
    ) -> None:
        placed = [plain(twin, hanako) for _ in range(sync.ORDER_PAGE + 5)]
        first = await orders.changed(window, None)
        twin.shop.pay(placed[0])
        rest = await everything(lambda cursor: orders.changed(window, cursor or first.cursor))
        seen = {order.ref.id for order in (*first.items, *rest)}
        assert seen == {str(order.id) for order in placed}
        assert rest[-1].state is OrderState.PAID

    async def test_the_window_begins_with_since_and_ends_before_until(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, now: datetime
    ) -> None:
        plain(twin, hanako)
        second = timedelta(seconds=1)
        within = await orders.changed(Window(now, now + second), None)
        before = await orders.changed(Window(now - second, now), None)
        assert (len(within.items), len(before.items)) == (1, 0)

    async def test_windows_that_meet_within_a_second_lose_nothing(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, now: datetime
    ) -> None:
        plain(twin, hanako)
        middle = now + timedelta(milliseconds=400)
        for window in (Window(now - HOUR, middle), Window(middle, now + HOUR)):
            assert len((await orders.changed(window, None)).items) == 1

    async def test_an_order_that_cannot_be_understood_is_set_aside(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, window: Window
    ) -> None:
        bad, good = plain(twin, hanako), plain(twin, hanako)
        bad.lines[0].discounts = (1_000_000,)
        page = await orders.changed(window, None)
        assert [order.ref.id for order in page.items] == [str(good.id)]
        assert [id for id, _ in page.rejected] == [str(bad.id)]

    async def test_a_throttled_page_is_left_to_the_hub(
        self, orders: ShopifyOrders, twin: TwinApp, hanako: TwinCustomer, window: Window
    ) -> None:
        plain(twin, hanako)
        twin.faults.plan([Fault("rate_limited", "RenkeiOrder")])
        with pytest.raises(RateLimited) as caught:
            await orders.changed(window, None)
        assert caught.value.retry_after is not None

    async def test_an_empty_window_gives_an_empty_last_page(
        self, orders: ShopifyOrders, window: Window
    ) -> None:
        page = await orders.changed(window, None)
        assert (page.items, page.cursor) == ((), None)


class TestMembers:
    async def test_a_customer_is_read(self, members: ShopifyMembers, hanako: TwinCustomer) -> None:
        member = await members.fetch(str(hanako.id))
        assert (member.family_name, member.given_name) == ("山田", "花子")
        assert member.ref == ExternalRef(connection="shop-a", id=str(hanako.id))

    @pytest.mark.parametrize("verified", [True, False])
    @pytest.mark.parametrize("phone", [None, "+819012345678"])
    async def test_api_and_webhook_tell_the_same_customer(
        self, connect: Connect, twin: TwinApp, verified: bool, phone: str | None
    ) -> None:
        members = ShopifyMembers(connect(trust_verified_email=True))
        customer = twin.shop.register(HANAKO, verified=verified)
        customer.phone = phone
        sent = parse(wire.Customer, twin_rest.customer(customer), "customer")
        told = mapping.to_member(sent, "shop-a", trust_verified_email=True)
        assert await members.fetch(str(customer.id)) == told

    async def test_the_setting_takes_the_proof_from_a_verified_address(
        self, connect: Connect, hanako: TwinCustomer
    ) -> None:
        member = await ShopifyMembers(connect(trust_verified_email=False)).fetch(str(hanako.id))
        grades = {one.kind: one.grade for one in member.identities}
        assert grades[IdentityKind.EMAIL] is Grade.ASSERTED

    async def test_a_customer_that_does_not_exist_is_not_found(
        self, members: ShopifyMembers
    ) -> None:
        with pytest.raises(NotFound):
            await members.fetch("1")

    async def test_paging_ends_and_loses_none_of_a_shared_second(
        self, members: ShopifyMembers, twin: TwinApp, window: Window
    ) -> None:
        known = {str(twin.shop.register(HANAKO).id) for _ in range(2 * sync.MEMBER_PAGE + 1)}
        found = await everything(lambda cursor: members.changed(window, cursor))
        assert len(found) == len(known)
        assert {member.ref.id for member in found} == known

    async def test_a_customer_that_cannot_be_understood_is_set_aside(
        self, members: ShopifyMembers, twin: TwinApp, window: Window
    ) -> None:
        bad = twin.shop.register(Shopper("x@example.com", "山" * 501, "太郎"))
        good = twin.shop.register(HANAKO)
        page = await members.changed(window, None)
        assert [member.ref.id for member in page.items] == [str(good.id)]
        assert [id for id, _ in page.rejected] == [str(bad.id)]


def points(spendable: int, now: datetime) -> BalanceWrite:
    balance = Balance(spendable=spendable, version=1, as_of=now)
    return BalanceWrite(balance=balance, change=spendable)


class TestBalances:
    async def test_nothing_written_yet_is_no_points(
        self, connect: Connect, hanako: TwinCustomer
    ) -> None:
        assert await ShopifyBalances(connect()).read(str(hanako.id)) == 0

    async def test_what_is_written_is_read(
        self, connect: Connect, hanako: TwinCustomer, now: datetime
    ) -> None:
        balances = ShopifyBalances(connect())
        assert (await balances.write(str(hanako.id), points(132, now))).points == 132
        assert await balances.read(str(hanako.id)) == 132

    async def test_the_same_write_twice_is_the_same_as_once(
        self, connect: Connect, hanako: TwinCustomer, now: datetime
    ) -> None:
        balances = ShopifyBalances(connect())
        for _ in range(2):
            await balances.write(str(hanako.id), points(132, now))
        assert await balances.read(str(hanako.id)) == 132

    async def test_without_a_namespace_the_apps_own_is_used(
        self, connect: Connect, hanako: TwinCustomer, now: datetime
    ) -> None:
        await ShopifyBalances(connect()).write(str(hanako.id), points(5, now))
        assert hanako.metafields == {("app--1", "points"): "5"}

    async def test_namespace_and_key_follow_the_settings(
        self, connect: Connect, hanako: TwinCustomer, now: datetime
    ) -> None:
        named = connect(metafield_namespace="loyalty", metafield_key="balance")
        balances = ShopifyBalances(named)
        await balances.write(str(hanako.id), points(5, now))
        assert hanako.metafields == {("loyalty", "balance"): "5"}
        assert await balances.read(str(hanako.id)) == 5

    async def test_reading_a_customer_who_is_gone_is_not_found(self, connect: Connect) -> None:
        with pytest.raises(NotFound):
            await ShopifyBalances(connect()).read("1")

    async def test_a_refused_write_says_why(self, connect: Connect, now: datetime) -> None:
        with pytest.raises(Rejected, match="Owner does not exist"):
            await ShopifyBalances(connect()).write("1", points(5, now))

    @pytest.mark.parametrize("value", ["", "1.5", "１２", "many", "-", "9" * 13])
    async def test_a_metafield_that_is_no_number_is_refused(
        self, connect: Connect, hanako: TwinCustomer, value: str
    ) -> None:
        hanako.metafields["app--1", "points"] = value
        with pytest.raises(PayloadInvalid):
            await ShopifyBalances(connect()).read(str(hanako.id))

    async def test_a_write_whose_answer_is_lost_may_have_happened(
        self, twin: TwinApp, hanako: TwinCustomer, now: datetime
    ) -> None:
        twin.faults.plan([Fault("drop_after", "RenkeiPointsWrite")])
        async with serve(twin.asgi()) as url, httpx.AsyncClient(trust_env=False) as http:
            settings = ShopifySettings(
                shop=DOMAIN, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, base_url=url
            )
            connection = Connection("shop-a", settings, http, MemoryTokens(), lambda: now)
            balances = ShopifyBalances(connection)
            with pytest.raises(OutcomeUnknown):
                await balances.write(str(hanako.id), points(132, now))
            assert await balances.read(str(hanako.id)) == 132
