"""What can be done at the twin's register, and what the plugin makes of it."""

from datetime import datetime, timedelta

import httpx
import pytest

from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, UnsupportedFeature
from renkei_contracts.event import Changed, MembersMerged
from renkei_contracts.member import NewMember
from renkei_contracts.order import OrderState
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import STRAIGHT, Shopper
from renkei_contracts.testing import Bench
from renkei_contracts.testing.bench import OnTheWay
from renkei_contracts.testing.spoiling import with_text
from renkei_contracts.twin.shop import CATALOGUE
from renkei_square.plugin import VENDOR
from renkei_square.sync_members import SquareBalances, SquareMemberCreation
from renkei_square.twin import SquareTwin
from renkei_square.twin_app import TOKEN_LIFE
from renkei_square.twin_rows import Row

HANAKO = Shopper("hanako@example.jp", "山田", "花子", card="2100000000012")
TARO = Shopper("taro@example.jp", "鈴木", "太郎", card="2100000000029")
NEW = NewMember(member="mem_1", card="2100000000036", given_name="さくら")
POT, TEA, *_ = CATALOGUE
HOUR = timedelta(hours=1)
ELSEWHERE = "LTWIN02"
"""A location that the settings do not name."""


def write(bench: Bench, change: int, version: int = 1) -> BalanceWrite:
    balance = Balance(spendable=500, version=version, as_of=bench.clock())
    return BalanceWrite(balance=balance, change=change)


def window(bench: Bench) -> Window:
    return Window(bench.clock() - HOUR, bench.clock() + HOUR)


def renamed(path: str, id: str) -> OnTheWay:
    """Square answers on this path about another customer than this one."""
    other = with_text(id.encode(), b"SOMEBODY")

    def answer(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        return other(request, response) if request.url.path == path else response

    return answer


class TestSales:
    async def test_a_sale_paid_by_a_reward_is_before_points_and_comes_back_so(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        await stage.adjust(id, 1_000)
        sold = await stage.sell(HANAKO.card, [POT, TEA], 1_000, STRAIGHT)
        order = await bench.orders().fetch(sold)
        assert (order.points_used, order.points_value) == (1_000, 1_000)
        assert [one.amount for one in order.lines] == [POT.yen, TEA.yen]
        assert await stage.points_shown(HANAKO.card) == 0
        await stage.refund(sold, TEA.sku, 1)
        order = await bench.orders().fetch(sold)
        assert [one.returned_amount for one in order.lines] == [0, TEA.yen]
        assert await stage.charged(sold) == {POT.tax_rate: POT.yen}

    async def test_a_return_is_read_as_the_sale_it_is_of(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        sent = await bench.deliveries(lambda: stage.refund(sold, TEA.sku, 1))
        told = [seen for one in sent for seen in bench.webhooks().read(one)]
        ids = {one.ref.id for one in told if isinstance(one, Changed)}
        assert len(ids) == 2
        assert {(await bench.orders().fetch(id)).ref.id for id in ids} == {sold}

    async def test_a_refund_under_way_takes_nothing_back_and_a_failed_one_neither(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        (refund,) = stage.twin.books.refunds.values()
        for status, back in (("PENDING", 0), ("FAILED", 0), ("COMPLETED", TEA.yen)):
            refund["status"] = status
            order = await bench.orders().fetch(sold)
            assert order.lines[1].returned_amount == back

    async def test_a_return_that_is_refunded_in_parts_counts_when_the_last_of_them_was_made(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        books = stage.twin.books
        (first,) = books.refunds.values()
        yen = first["amount_money"]["amount"]
        first["amount_money"] = {"amount": yen - 1, "currency": "JPY"}
        rest = {"id": "REST", "amount_money": {"amount": 1, "currency": "JPY"}}
        books.refunds["REST"] = second = {**first, **rest, "status": "PENDING"}
        failed = {**second, "id": "FAILED", "status": "FAILED"}
        books.refunds["FAILED"] = failed
        (payment,) = books.payments.values()
        payment["refund_ids"] += ["REST", "FAILED"]
        for status, back in (("PENDING", 0), ("COMPLETED", TEA.yen)):
            second["status"] = status
            order = await bench.orders().fetch(sold)
            assert order.lines[1].returned_amount == back

    async def test_a_return_that_no_refund_names_is_set_aside(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        (refund,) = stage.twin.books.refunds.values()
        back, refund["order_id"] = refund["order_id"], sold
        page = await bench.orders().changed(window(bench), None)
        assert {id for id, _ in page.rejected} == {sold, back}

    async def test_an_exchange_is_set_aside_and_the_sale_is_listed_by_its_own_row(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        exchange = await later_return(bench, stage, sold)
        exchange["line_items"] = stage.twin.books.orders[sold]["line_items"][:1]
        page = await bench.orders().changed(window(bench), None)
        (order,) = page.items
        assert (order.ref.id, order.lines[1].returned_amount) == (sold, TEA.yen)
        ((id, reason),) = page.rejected
        assert id == exchange["id"]
        assert "sells others" in reason

    async def test_a_sale_whose_goods_came_back_later_is_listed_once(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        back = await later_return(bench, stage, sold)
        until = datetime.fromisoformat(back["updated_at"])
        first = await bench.orders().changed(Window(until - HOUR, until), None)
        assert first.items == ()
        second = await bench.orders().changed(Window(until, until + HOUR), None)
        assert [one.ref.id for one in second.items] == [sold]
        assert first.rejected == second.rejected == ()

    async def test_a_part_of_a_sale_that_is_missing_is_no_missing_sale(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT], 0, STRAIGHT)
        stage.twin.books.payments.clear()
        with pytest.raises(PayloadInvalid, match="missing"):
            await bench.orders().fetch(sold)

    async def test_a_refund_of_a_tender_that_names_only_itself_is_seen(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        tenders = stage.twin.books.orders[sold]["tenders"]
        payment = tenders[0].pop("payment_id")
        cash = {**stage.twin.books.payments[payment], "id": "CASH"}
        stage.twin.books.payments["CASH"] = {
            key: cash[key] for key in cash.keys() - {"refund_ids", "refunded_money"}
        }
        tenders.append({**tenders[0], "id": "CASH", "payment_id": "CASH"})
        order = await bench.orders().fetch(sold)
        assert [one.returned_amount for one in order.lines] == [0, TEA.yen]
        del tenders[0]["id"]
        with pytest.raises(PayloadInvalid, match="missing"):
            await bench.orders().fetch(sold)

    async def test_a_draft_is_not_found_and_a_sale_that_nobody_paid_is_refused(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT], 0, STRAIGHT)
        stage.twin.books.orders[sold]["state"] = "DRAFT"
        with pytest.raises(NotFound):
            await bench.orders().fetch(sold)
        stage.twin.books.orders[sold]["state"] = "OPEN"
        assert (await bench.orders().fetch(sold)).state is OrderState.PLACED
        stage.twin.books.orders[sold] |= {"state": "COMPLETED", "tenders": []}
        with pytest.raises(PayloadInvalid, match="nobody paid"):
            await bench.orders().fetch(sold)


class TestLocations:
    async def test_a_sale_elsewhere_is_not_found_by_its_own_id_nor_by_a_return_of_it(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        orders = stage.twin.books.orders
        orders[sold]["location_id"] = ELSEWHERE
        for id in orders:
            with pytest.raises(NotFound, match="location"):
                await bench.orders().fetch(id)

    async def test_a_return_here_of_a_sale_elsewhere_is_set_aside(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        stage.twin.books.orders[sold]["location_id"] = ELSEWHERE
        page = await bench.orders().changed(window(bench), None)
        assert page.items == ()
        ((id, reason),) = page.rejected
        assert id in stage.twin.books.orders.keys() - {sold}
        assert "location" in reason

    async def test_goods_of_a_sale_here_may_come_back_elsewhere(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        await stage.refund(sold, TEA.sku, 1)
        (back,) = stage.twin.books.orders.keys() - {sold}
        stage.twin.books.orders[back]["location_id"] = ELSEWHERE
        for id in (sold, back):
            order = await bench.orders().fetch(id)
            assert order.ref.id == sold
            assert order.lines[1].returned_amount == TEA.yen

    async def test_a_sale_is_listed_by_its_own_row_where_its_goods_came_back_elsewhere(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        sold = await stage.sell("", [POT, TEA], 0, STRAIGHT)
        back = await later_return(bench, stage, sold)
        back["location_id"] = ELSEWHERE
        page = await bench.orders().changed(window(bench), None)
        (order,) = page.items
        assert (order.ref.id, order.lines[1].returned_amount) == (sold, TEA.yen)
        assert page.rejected == ()


async def later_return(bench: Bench, stage: SquareTwin, sold: str) -> Row:
    """The order by which the tea of a sale comes back a minute later."""
    bench.clock.forward(timedelta(minutes=1))
    await stage.refund(sold, TEA.sku, 1)
    books = stage.twin.books
    (refund,) = books.refunds.values()
    return books.orders[refund["order_id"]]


class TestMembers:
    async def test_two_customers_become_a_third(self, bench: Bench, stage: SquareTwin) -> None:
        one, other = await stage.register(HANAKO), await stage.register(TARO)
        await stage.adjust(one, 30)
        await stage.adjust(other, 12)
        sent = await bench.deliveries(lambda: stage.join(one, other))
        told = [seen for each in sent for seen in bench.webhooks().read(each)]
        merged = {(seen.gone.id, seen.kept.id) for seen in told if isinstance(seen, MembersMerged)}
        (kept,) = {into for _, into in merged}
        assert {gone for gone, _ in merged} == {one, other}
        assert await bench.balances().read(kept) == 42
        with pytest.raises(NotFound):
            await bench.members().fetch(one)

    async def test_many_who_changed_come_in_slices_oldest_change_first(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        # Two rows make a page and ten pages a slice: these are too many for one.
        for number in range(45):
            await stage.register(Shopper(f"m{number}@example.jp", "佐藤", "実"))
            bench.clock.forward(timedelta(minutes=1))
        seen, cursor = [], None
        span = Window(bench.clock() - 2 * HOUR, bench.clock())
        while True:
            page = await bench.members().changed(span, cursor)
            seen += page.items
            cursor = page.cursor
            if cursor is None:
                break
        assert len(seen) == len({one.ref.id for one in seen}) == 45
        assert [one.changed_at for one in seen] == sorted(one.changed_at for one in seen)
        with pytest.raises(PayloadInvalid, match="cursor"):
            await bench.members().changed(span, "another's")

    async def test_a_card_that_two_customers_have_is_nobodys(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        books = stage.twin.books
        for _ in range(2):
            books.register(HANAKO)
        creation = SquareMemberCreation(bench.connection())
        with pytest.raises(Rejected, match="several"):
            await creation.create(NEW.model_copy(update={"card": HANAKO.card}))
        books.register(Shopper("", "佐藤", "実", card="AB-1"))
        other = await creation.create(NEW.model_copy(update={"card": "ab-1"}))
        assert books.customers[other.id]["reference_id"] == "ab-1"

    async def test_a_customer_who_was_created_and_not_found_is_not_created_again(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        creation = SquareMemberCreation(bench.connection())
        first = await creation.create(NEW)
        hidden = stage.twin.books.customers.pop(first.id)
        assert await creation.create(NEW) == first
        assert hidden["reference_id"] == NEW.card


class TestPoints:
    async def test_the_same_write_counts_once_and_a_newer_one_again(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        balances = bench.balances()
        first = [await balances.write(id, write(bench, 20)) for _ in range(2)]
        assert first[0] == first[1]
        assert len(first[0].echoes) == 1
        await balances.write(id, write(bench, 20, version=2))
        assert await balances.read(id) == 40

    async def test_what_a_sale_has_locked_is_the_members_until_it_is_taken(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        await stage.adjust(id, 300)
        books = stage.twin.books
        account = books.enrolled(id)
        reward = books.lock(account, 100)
        assert (account["balance"], await bench.balances().read(id)) == (200, 300)
        books.release(reward)
        assert (account["balance"], await bench.balances().read(id)) == (300, 300)

    async def test_without_a_telephone_number_nothing_can_be_shown(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        stage.twin.books.customers[id]["phone_number"] = ""
        assert await bench.balances().read(id) == 0
        with pytest.raises(Rejected, match="telephone"):
            await bench.balances().write(id, write(bench, 20))
        assert not stage.twin.books.accounts

    async def test_a_telephone_number_of_somebody_else_gives_nobody_points(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        hers, his = await stage.register(HANAKO), await stage.register(TARO)
        await stage.adjust(hers, 10)
        rows = stage.twin.books.customers
        rows[his]["phone_number"] = rows[hers]["phone_number"]
        with pytest.raises(Rejected):
            await bench.balances().write(his, write(bench, 20))
        assert await bench.balances().read(hers) == 10

    async def test_a_balance_is_never_brought_below_zero(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        await stage.adjust(id, 3)
        with pytest.raises(Rejected):
            await bench.balances().write(id, write(bench, -10))
        assert await bench.balances().read(id) == 3

    async def test_a_loyalty_account_of_somebody_else_is_not_taken_for_theirs(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        hers = await stage.register(HANAKO)
        bench.on_the_way = renamed("/v2/loyalty/accounts", hers)
        with pytest.raises(Rejected, match="another customer's"):
            await bench.balances().write(hers, write(bench, 20))
        bench.on_the_way = renamed("/v2/loyalty/accounts/search", hers)
        for act in (bench.balances().read(hers), bench.balances().write(hers, write(bench, 20))):
            with pytest.raises(PayloadInvalid, match="not theirs"):
                await act

    @pytest.mark.parametrize("points", ["none", "discount"])
    async def test_points_that_square_does_not_show_are_not_written(
        self, bench: Bench, stage: SquareTwin, points: str
    ) -> None:
        id = await stage.register(HANAKO)
        connection = bench.connection(bench.settings(points=points))
        for act in (
            lambda: SquareBalances(connection).read(id),
            lambda: SquareBalances(connection).write(id, write(bench, 20)),
        ):
            with pytest.raises(UnsupportedFeature, match="points"):
                await act()
        assert not stage.twin.books.accounts


class TestTokens:
    async def test_one_that_ended_or_was_revoked_is_fetched_anew(
        self, bench: Bench, stage: SquareTwin
    ) -> None:
        id = await stage.register(HANAKO)
        members = bench.members()
        await members.fetch(id)
        bench.clock.forward(TOKEN_LIFE)
        await members.fetch(id)
        stage.twin.tokens.clear()
        await members.fetch(id)
        asked = [one for one in bench.exchanges if one.request.url.path == "/oauth2/token"]
        assert len(asked) == 3

    @pytest.mark.parametrize(("left", "granted"), [(60, 2), (61, 1)])
    async def test_one_about_to_end_is_replaced_before_it_is_refused(
        self, bench: Bench, stage: SquareTwin, left: int, granted: int
    ) -> None:
        id = await stage.register(HANAKO)
        members = bench.members()
        await members.fetch(id)
        bench.clock.forward(TOKEN_LIFE - timedelta(seconds=left))
        await members.fetch(id)
        asked = [one for one in bench.exchanges if one.request.url.path == "/oauth2/token"]
        assert len(asked) == granted
        assert all(one.response.status_code == 200 for one in bench.exchanges)

    async def test_a_personal_token_is_used_as_it_is(self, bench: Bench, stage: SquareTwin) -> None:
        id = await stage.register(HANAKO)
        stage.twin.tokens["personal"] = bench.clock() + HOUR
        lacking = dict.fromkeys(("client_id", "client_secret", "refresh_token"), "")
        given = bench.settings(**lacking, access_token="personal")
        assert VENDOR.members is not None
        await VENDOR.members(bench.connection(given)).fetch(id)
        (asked,) = bench.exchanges
        assert asked.request.headers["authorization"] == "Bearer personal"
        assert asked.request.headers["square-version"] == "2025-08-20"
