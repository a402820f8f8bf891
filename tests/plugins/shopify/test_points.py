"""What holds and coupons paid, money given back for nothing named, sales of other registers."""

from collections.abc import Callable
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Changed, OrderSeen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_shopify import twin_rest
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.sync import ShopifyOrders
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.twin_records import TwinOrder, TwinRefund
from renkei_shopify.webhooks import ShopifyWebhooks

Connect = Callable[..., Connection[ShopifySettings]]
Deliver = Callable[..., Any]

HOLD = "hld-0192f0c1a2b3c4d5e6f7"
COUPON = "290000000000000017"
TEA = Item("CHA-01", "緑茶", 3, 1_080, 800)
POT = Item("KYUSU-01", "急須", 1, 11_220, 1000)


@pytest.fixture
def bought(twin: TwinApp) -> TwinOrder:
    """Three teas and a pot, paid."""
    order = twin.shop.place(twin.shop.register(HANAKO), [TEA, POT])
    twin.shop.pay(order)
    return order


@pytest.fixture
def tea(twin: TwinApp) -> TwinOrder:
    """Three teas, paid."""
    order = twin.shop.place(twin.shop.register(HANAKO), [TEA])
    twin.shop.pay(order)
    return order


async def read(connect: Connect, order: TwinOrder, **settings: Any) -> Order:
    return await ShopifyOrders(connect(**settings)).fetch(str(order.id))


def sent(connect: Connect, deliver: Deliver, order: TwinOrder, **settings: Any) -> Any:
    """What the plugin makes of orders/updated for it."""
    given = deliver("orders/updated", twin_rest.order(order))
    (seen,) = ShopifyWebhooks(connect(**settings)).read(given)
    return seen


def give_back(order: TwinOrder, money: int, shipping: int = 0) -> None:
    """A refund of money without pieces."""
    refund = TwinRefund(900 + len(order.refunds), order.created_at, (), money, shipping)
    order.refunds.append(refund)
    order.financial_status = "partially_refunded"


class TestCodes:
    async def test_a_line_is_told_as_before_the_points_that_paid_for_it(
        self, connect: Connect, bought: TwinOrder
    ) -> None:
        bought.lines[0].by_code[HOLD] = 240
        bought.lines[1].by_code[HOLD] = 760
        order = await read(connect, bought)
        assert [line.amount for line in order.lines] == [3_240, 11_220]
        assert (order.hold_codes, order.coupons) == ((HOLD,), ())

    async def test_a_coupon_of_ours_is_no_discount_of_the_shops(
        self, connect: Connect, bought: TwinOrder
    ) -> None:
        bought.lines[0].by_code |= {COUPON: 100, "SUMMER": 40}
        order = await read(connect, bought)
        assert [line.amount for line in order.lines] == [3_200, 11_220]
        assert (order.hold_codes, order.coupons) == ((), (COUPON,))

    async def test_a_code_is_known_however_it_was_typed(
        self, connect: Connect, bought: TwinOrder
    ) -> None:
        bought.lines[0].by_code[HOLD.upper()] = 240
        assert (await read(connect, bought)).hold_codes == (HOLD,)

    @pytest.mark.parametrize("code", ["hld-", "SUMMER", "2900000000000000170", "xhld-1", ""])
    async def test_another_code_is_the_shops_own_discount(
        self, connect: Connect, bought: TwinOrder, code: str
    ) -> None:
        bought.lines[0].by_code[code] = 240
        order = await read(connect, bought)
        assert (order.lines[0].amount, order.hold_codes, order.coupons) == (3_000, (), ())

    async def test_a_piece_that_comes_back_takes_its_share_of_the_price_before_points(
        self, connect: Connect, twin: TwinApp, tea: TwinOrder
    ) -> None:
        tea.lines[0].by_code[HOLD] = 300
        twin.shop.refund(tea, "CHA-01", 1)
        order = await read(connect, tea)
        assert (order.lines[0].amount, order.lines[0].returned_amount) == (3_240, 1_080)

    async def test_of_an_order_wholly_given_back_nothing_is_left(
        self, connect: Connect, twin: TwinApp, tea: TwinOrder
    ) -> None:
        tea.lines[0].by_code[HOLD] = 300
        twin.shop.refund(tea, "CHA-01", 3)
        order = await read(connect, tea)
        assert order.lines[0].returned_amount == 3_240

    def test_a_webhook_of_such_an_order_is_only_a_hint(
        self, connect: Connect, deliver: Deliver, bought: TwinOrder
    ) -> None:
        bought.lines[0].by_code[HOLD] = 240
        assert isinstance(sent(connect, deliver, bought), Changed)


class TestTill:
    """A hold that our extension of Shopify POS has placed."""

    @pytest.fixture
    def sold(self, bought: TwinOrder) -> TwinOrder:
        bought.location_id, bought.source_name = 487838322, "pos"
        return bought

    async def test_points_at_the_till_are_a_titled_discount_and_a_property_of_the_cart(
        self, connect: Connect, sold: TwinOrder
    ) -> None:
        sold.attributes["hub_hold_id"] = HOLD
        sold.lines[1].by_title |= {"ポイント利用 500P": 500, "社員割引": 1_000}
        order = await read(connect, sold)
        assert order.location == "487838322"
        assert [line.amount for line in order.lines] == [3_240, 10_220]
        assert order.hold_codes == (HOLD,)

    @pytest.mark.parametrize("named", [{}, {"hub_hold_id": "500"}, {"note": HOLD}])
    async def test_a_title_alone_claims_no_hold(
        self, connect: Connect, sold: TwinOrder, named: dict[str, str]
    ) -> None:
        sold.attributes |= named
        sold.lines[1].by_title["ポイント利用 500P"] = 500
        order = await read(connect, sold)
        assert (order.lines[1].amount, order.hold_codes) == (10_720, ())

    async def test_a_property_alone_claims_no_hold(self, connect: Connect, sold: TwinOrder) -> None:
        sold.attributes["hub_hold_id"] = HOLD
        assert (await read(connect, sold)).hold_codes == ()

    @pytest.mark.parametrize("named", [True, False])
    def test_a_webhook_that_names_a_hold_is_only_a_hint(
        self, connect: Connect, deliver: Deliver, sold: TwinOrder, named: bool
    ) -> None:
        sold.attributes |= {"hub_hold_id": HOLD} if named else {}
        kind = Changed if named else OrderSeen
        assert isinstance(sent(connect, deliver, sold), kind)

    def test_a_webhook_from_a_till_without_the_carts_properties_is_only_a_hint(
        self, connect: Connect, deliver: Deliver, sold: TwinOrder
    ) -> None:
        body = twin_rest.order(sold)
        del body["note_attributes"]
        (seen,) = ShopifyWebhooks(connect()).read(deliver("orders/updated", body))
        assert isinstance(seen, Changed)


class TestMoneyBack:
    async def test_money_for_goods_that_are_kept_lowers_what_they_cost(
        self, connect: Connect, tea: TwinOrder
    ) -> None:
        give_back(tea, 300)
        (line,) = (await read(connect, tea)).lines
        assert (line.returned_quantity, line.returned_amount) == (0, 300)

    async def test_it_is_divided_by_what_is_left_of_each_line(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        order = twin.shop.place(None, [POT, Item("BIN-02", "瓶", 1, 770, 1000)])
        twin.shop.pay(order)
        give_back(order, 1_000)
        lines = (await read(connect, order)).lines
        assert [line.returned_amount for line in lines] == [935, 65]

    async def test_beside_a_piece_only_what_exceeds_it_counts(
        self, connect: Connect, twin: TwinApp, tea: TwinOrder
    ) -> None:
        refund = twin.shop.refund(tea, "CHA-01", 1)
        tea.refunds[0] = TwinRefund(refund.id, refund.at, refund.lines, refund.money + 200)
        (line,) = (await read(connect, tea)).lines
        assert (line.returned_quantity, line.returned_amount) == (1, 1_280)

    async def test_less_money_than_the_pieces_cost_is_no_price_reduced(
        self, connect: Connect, twin: TwinApp, tea: TwinOrder
    ) -> None:
        refund = twin.shop.refund(tea, "CHA-01", 1)
        tea.refunds[0] = TwinRefund(refund.id, refund.at, refund.lines, refund.money - 200)
        assert (await read(connect, tea)).lines[0].returned_amount == 1_080

    async def test_money_for_shipping_is_none_for_goods(
        self, connect: Connect, bought: TwinOrder
    ) -> None:
        give_back(bought, 500, shipping=500)
        assert [line.returned_amount for line in (await read(connect, bought)).lines] == [0, 0]

    async def test_more_than_all_goods_cost_is_all_of_them(
        self, connect: Connect, tea: TwinOrder
    ) -> None:
        give_back(tea, 3_500)
        assert (await read(connect, tea)).lines[0].returned_amount == 3_240

    async def test_off_goods_of_two_tax_rates_it_waits_for_a_person(
        self, connect: Connect, bought: TwinOrder
    ) -> None:
        give_back(bought, 300)
        with pytest.raises(PayloadInvalid, match="without naming goods"):
            await read(connect, bought)

    async def test_off_prices_before_tax_it_waits_for_a_person(
        self, connect: Connect, tea: TwinOrder
    ) -> None:
        tea.taxes_included = False
        give_back(tea, 300)
        with pytest.raises(PayloadInvalid, match="without naming goods"):
            await read(connect, tea)

    async def test_a_cancelled_order_is_worth_nothing_whatever_was_given_back(
        self, connect: Connect, twin: TwinApp, bought: TwinOrder
    ) -> None:
        give_back(bought, 300)
        twin.shop.cancel(bought)
        assert (await read(connect, bought)).state == "cancelled"

    @pytest.mark.parametrize("status", ["pending", "failure"])
    async def test_money_that_has_not_gone_is_not_given_back(
        self, connect: Connect, deliver: Deliver, tea: TwinOrder, status: str
    ) -> None:
        give_back(tea, 300)
        body = twin_rest.order(tea)
        body["refunds"][0]["transactions"][0]["status"] = status
        (seen,) = ShopifyWebhooks(connect()).read(deliver("orders/updated", body))
        assert isinstance(seen, OrderSeen)
        assert seen.order.lines[0].returned_amount == 0

    @pytest.mark.parametrize(("money", "shipping"), [(300, 0), (500, 500)])
    def test_a_webhook_does_not_say_what_money_is_for(
        self, connect: Connect, deliver: Deliver, tea: TwinOrder, money: int, shipping: int
    ) -> None:
        give_back(tea, money, shipping)
        assert isinstance(sent(connect, deliver, tea), Changed)


class TestRegisters:
    REGISTERS = {"registers": {"smaregi": "main-street"}}  # noqa: RUF012 - read only

    @pytest.fixture
    def pushed(self, bought: TwinOrder) -> TwinOrder:
        bought.source_name, bought.source_identifier = "smaregi", "12345"
        return bought

    async def test_another_registers_sale_is_the_one_it_told_itself(
        self, connect: Connect, pushed: TwinOrder
    ) -> None:
        order = await read(connect, pushed, **self.REGISTERS)
        assert order.same_as == (ExternalRef(connection="main-street", id="12345"),)

    async def test_the_webhook_tells_the_same(
        self, connect: Connect, deliver: Deliver, pushed: TwinOrder
    ) -> None:
        seen = sent(connect, deliver, pushed, **self.REGISTERS)
        assert isinstance(seen, OrderSeen)
        assert seen.order == await read(connect, pushed, **self.REGISTERS)

    async def test_a_source_that_the_settings_do_not_name_is_the_shop_itself(
        self, connect: Connect, pushed: TwinOrder
    ) -> None:
        assert (await read(connect, pushed)).same_as == ()

    async def test_a_sale_of_another_register_without_its_number_is_refused(
        self, connect: Connect, pushed: TwinOrder
    ) -> None:
        pushed.source_identifier = None
        with pytest.raises(PayloadInvalid, match="source_identifier"):
            await read(connect, pushed, **self.REGISTERS)

    def test_a_webhook_trimmed_of_its_source_is_only_a_hint(
        self, connect: Connect, deliver: Deliver, pushed: TwinOrder
    ) -> None:
        body = twin_rest.order(pushed)
        del body["source_identifier"]
        hooks = ShopifyWebhooks(connect(**self.REGISTERS))
        (seen,) = hooks.read(deliver("orders/updated", body))
        assert isinstance(seen, Changed)
