"""Reading before and after the commit, showing points, tokens that are good once."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    NotYet,
    OutcomeUnknown,
    PayloadInvalid,
    Rejected,
    RenkeiError,
    SettingsInvalid,
    Unavailable,
    UnsupportedFeature,
)
from renkei_contracts.member import MemberState
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.stage import Item
from renkei_contracts.testing.shop import HANAKO
from renkei_contracts.twin.faults import Fault
from renkei_eccube.catalog import EccubeStock
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.sync import EccubeBalances, EccubeMembers, EccubeOrders
from renkei_eccube.twin_app import TwinApp
from renkei_eccube.twin_shop import OwnRules, TwinShop

Connect = Callable[..., Connection[EccubeSettings]]

HOUR = timedelta(hours=1)
TEA = Item("CHA-01", "緑茶", 2, 1_080, 800)
POT = Item("KYUSU-01", "急須", 1, 11_220, 1000)


def balance(points: int, number: int, clock: Any) -> BalanceWrite:
    told = Balance(spendable=points, version=number, as_of=clock())
    return BalanceWrite(balance=told, change=0)


class TestTheRace:
    async def test_what_is_not_committed_cannot_be_read(
        self, shop: TwinShop, connect: Connect
    ) -> None:
        orders = EccubeOrders(connect())
        order = shop.start(None, "guest@example.jp", [TEA])
        with pytest.raises(NotFound):
            await orders.fetch(str(order.id))
        shop.commit()
        with pytest.raises(NotYet):
            await orders.fetch(str(order.id))
        shop.complete(order)
        with pytest.raises(NotYet):
            await orders.fetch(str(order.id))
        shop.commit()
        assert (await orders.fetch(str(order.id))).customer is None

    async def test_no_list_has_a_checkout_that_is_under_way(
        self, shop: TwinShop, connect: Connect, clock: Any
    ) -> None:
        shop.start(None, "guest@example.jp", [TEA])
        bought = shop.start(None, "guest@example.jp", [POT])
        shop.complete(bought)
        shop.commit()
        window = Window(clock() - HOUR, clock() + HOUR)
        page = await EccubeOrders(connect()).changed(window, None)
        assert [one.ref.id for one in page.items] == [str(bought.id)]
        assert page.rejected == ()


class TestPointsOfTheShop:
    async def test_points_used_in_the_shop_come_back_when_the_order_is_called_off(
        self, shop: TwinShop, connect: Connect
    ) -> None:
        connection, hanako = connect(), shop.register(HANAKO)
        orders, balances = EccubeOrders(connection), EccubeBalances(connection)
        shop.set_points(hanako, 500)
        order = shop.start(hanako, HANAKO.email, [POT], points=100)
        shop.complete(order)
        shop.commit()
        seen = await orders.fetch(str(order.id))
        assert (seen.points_used, seen.points_value, seen.lines[0].amount) == (100, 100, 11_220)
        assert await balances.read(str(hanako.id)) == 400
        shop.move(order, "cancel")
        shop.commit()
        assert (await orders.fetch(str(order.id))).points_used == 0
        assert await balances.read(str(hanako.id)) == 500

    async def test_a_return_gives_used_points_back_and_takes_granted_ones(
        self, shop: TwinShop, connect: Connect
    ) -> None:
        shop.rules = OwnRules(rate=1)
        hanako = shop.register(HANAKO)
        shop.set_points(hanako, 100)
        order = shop.start(hanako, HANAKO.email, [POT], points=100)
        shop.complete(order)
        for transition in ("ship", "return"):
            shop.move(order, transition)
        shop.commit()
        connection = connect()
        seen = await EccubeOrders(connection).fetch(str(order.id))
        assert seen.lines[0].returned_amount == 11_220
        assert await EccubeBalances(connection).read(str(hanako.id)) == 100


class TestShowingPoints:
    async def test_an_older_balance_never_replaces_a_newer_one(
        self, shop: TwinShop, connect: Connect, clock: Any
    ) -> None:
        id = str(shop.register(HANAKO).id)
        shop.commit()
        balances = EccubeBalances(connect())
        older = balance(30, 7, clock)
        clock.forward(timedelta(seconds=1))
        assert (await balances.write(id, balance(50, 7, clock))).points == 50
        assert (await balances.write(id, older)).points == 50
        assert (await balances.write(id, balance(60, 6, clock))).points == 50
        assert await balances.read(id) == 50
        assert (await balances.write(id, balance(70, 10, clock))).points == 70, "10 is after 7"

    async def test_without_the_companion_points_are_read_only(
        self, shop: TwinShop, connect: Connect, clock: Any, transport: Any
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.set_points(hanako, 30)
        shop.commit()
        balances = EccubeBalances(connect(points="none"))
        assert await balances.read(str(hanako.id)) == 30
        calls = len(transport.calls)
        with pytest.raises(UnsupportedFeature, match="companion"):
            await balances.write(str(hanako.id), balance(50, 1, clock))
        assert len(transport.calls) == calls

    async def test_a_companion_that_is_not_installed_is_a_refusal(
        self, shop: TwinShop, twin: TwinApp, connect: Connect, clock: Any
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.commit()
        twin.companion = False
        with pytest.raises(Rejected, match="plugin"):
            await EccubeBalances(connect()).write(str(hanako.id), balance(50, 1, clock))

    async def test_nobody_who_left_is_shown_points(
        self, shop: TwinShop, connect: Connect, clock: Any
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.withdraw(hanako)
        shop.commit()
        connection = connect()
        with pytest.raises(NotFound):
            await EccubeBalances(connection).write(str(hanako.id), balance(50, 1, clock))
        assert (
            await EccubeMembers(connection).fetch(str(hanako.id))
        ).state is MemberState.WITHDRAWN

    async def test_who_left_is_found_by_a_poll(
        self, shop: TwinShop, connect: Connect, clock: Any
    ) -> None:
        shop.withdraw(shop.register(HANAKO))
        shop.commit()
        window = Window(clock() - HOUR, clock() + HOUR)
        (left,) = (await EccubeMembers(connect()).changed(window, None)).items
        assert left.state is MemberState.WITHDRAWN


class TestStock:
    async def test_a_code_that_is_part_of_another_is_not_taken_for_it(
        self, shop: TwinShop, connect: Connect
    ) -> None:
        assert await EccubeStock(connect()).read(["CHA", "緑茶"]) == []

    @pytest.mark.parametrize("place", [0, 1])
    async def test_a_code_is_looked_for_on_every_page_of_what_holds_it(
        self, shop: TwinShop, connect: Connect, place: int
    ) -> None:
        first, second, *_ = (row["ProductClasses"][0] for row in shop.shown.products.values())
        first["code"], second["code"] = ("AB", "AB-1") if place else ("AB-1", "AB")
        levels = await EccubeStock(connect(page_size=1)).read(["AB"])
        assert [level.quantity for level in levels] == [(second, first)[place]["stock"]]

    async def test_what_is_not_counted_has_no_level_and_gets_none(
        self, shop: TwinShop, connect: Connect, clock: Any
    ) -> None:
        stock = EccubeStock(connect())
        (level,) = await stock.read([TEA.sku])
        shop.shown.products[1]["ProductClasses"][0]["stock_unlimited"] = True
        assert await stock.read([TEA.sku]) == []
        shop.set_stock(shop.products[1], None)
        shop.commit()
        assert await stock.read([TEA.sku]) == []
        with pytest.raises(NotFound):
            await stock.write(level)


class TestTokens:
    async def test_two_calls_at_once_refresh_the_token_once(
        self, shop: TwinShop, connect: Connect, transport: Any
    ) -> None:
        class OneAtATime:
            """As the hub keeps them: one refresher, the others wait for what it brings."""

            def __init__(self, kept: Any) -> None:
                self._kept, self._lock = kept, asyncio.Lock()
                self.current = kept.current

            async def replace(self, refused: Any, fetch: Any) -> Any:
                async with self._lock:
                    return await self._kept.replace(refused, fetch)

        hanako = shop.register(HANAKO)
        shop.commit()
        given = connect()
        connection = Connection(
            "shop", given.settings, given.http, OneAtATime(given.tokens), given.now
        )
        members = EccubeMembers(connection)
        await asyncio.gather(*(members.fetch(str(hanako.id)) for _ in range(5)))
        assert len(transport.of("/token")) == 1

    async def test_each_refresh_token_is_used_once(
        self, shop: TwinShop, connect: Connect, clock: Any, transport: Any
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.commit()
        members = EccubeMembers(connect())
        for _ in range(3):
            await members.fetch(str(hanako.id))
            clock.forward(timedelta(seconds=3600))
        asked = [one.content for one in transport.of("/token")]
        assert len(asked) == len(set(asked)) == 3

    async def test_a_lost_refresh_is_for_a_person_and_not_for_ever_tried(
        self, shop: TwinShop, twin: TwinApp, connect: Connect
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.commit()
        members = EccubeMembers(connect())
        twin.faults.plan([Fault("not_json", path="/token")])
        with pytest.raises(PayloadInvalid):
            await members.fetch(str(hanako.id))
        with pytest.raises(AuthenticationFailed):
            await members.fetch(str(hanako.id))

    async def test_who_was_never_authorized_asks_for_it_without_a_call(
        self, connect: Connect, transport: Any
    ) -> None:
        with pytest.raises(AuthenticationFailed, match="authorized"):
            await EccubeMembers(connect(refresh_token="")).fetch("1")
        assert transport.calls == []

    async def test_an_authorization_by_hand_replaces_one_that_is_over(
        self, shop: TwinShop, connect: Connect, clock: Any, twin: TwinApp
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.commit()
        first = connect()
        await EccubeMembers(first).fetch(str(hanako.id))
        kept = await first.tokens.current()
        assert kept is not None
        assert kept.refresh is not None
        clock.forward(timedelta(seconds=3600))
        twin.oauth.revoke(kept.refresh)
        again = connect()
        renewed = Connection("shop", again.settings, again.http, first.tokens, clock)
        assert (await EccubeMembers(renewed).fetch(str(hanako.id))).given_name == "花子"


def answering(connect: Connect, told: dict[str, Any]) -> tuple[Connection[Any], httpx.AsyncClient]:
    """A connection to a shop that gives a token, and always this answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        token = {"access_token": "t", "token_type": "Bearer", "refresh_token": "r"}
        return httpx.Response(200, json=token if request.url.path == "/token" else told)

    given = connect()
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return Connection("shop", given.settings, http, given.tokens, given.now), http


class TestErrors:
    @pytest.mark.parametrize(
        ("errors", "error"),
        [
            ([{"message": "Insufficient permission. (read)"}], AuthenticationFailed),
            ([{"message": "x", "extensions": {"category": "internal"}}], Unavailable),
            ([{"message": "x", "extensions": {"category": "graphql"}}], Rejected),
            ([{"message": "x", "extensions": {"category": "Invalid argument"}}], Rejected),
            ([{"message": "secret words"}], Unavailable),
            ([{}], Unavailable),
            (["x"], PayloadInvalid),
        ],
    )
    async def test_an_error_says_what_to_do_and_repeats_no_word(
        self, connect: Connect, errors: Any, error: type[RenkeiError]
    ) -> None:
        connection, http = answering(connect, {"errors": errors})
        async with http:
            with pytest.raises(error) as caught:
                await EccubeOrders(connection).fetch("5")
        assert "secret" not in str(caught.value)

    async def test_a_write_that_failed_in_the_shop_is_unsure(
        self, connect: Connect, clock: Any
    ) -> None:
        errors = [{"message": "Internal server error", "extensions": {"category": "internal"}}]
        connection, http = answering(connect, {"errors": errors})
        async with http:
            with pytest.raises(OutcomeUnknown):
                await EccubeBalances(connection).write("12", balance(50, 1, clock))

    async def test_a_checkout_in_a_list_is_left_out(
        self, connect: Connect, clock: Any, order: Callable[..., dict[str, Any]]
    ) -> None:
        rows = [order(OrderStatus={"id": "8"}), order(id="6"), order(id="7", total=1), None]
        told = {"data": {"orders": {"totalCount": 4, "nodes": rows}}}
        connection, http = answering(connect, told)
        async with http:
            window = Window(clock() - HOUR, clock())
            page = await EccubeOrders(connection).changed(window, None)
        assert [one.ref.id for one in page.items] == ["6"]
        assert [id for id, _ in page.rejected] == ["7", "unknown"]

    @pytest.mark.parametrize(("customer", "points"), [("2", 50), ("1", 49)])
    async def test_a_write_that_is_answered_about_something_else_is_refused(
        self, connect: Connect, clock: Any, customer: str, points: int
    ) -> None:
        shown = {"customer_id": customer, "points": points, "applied": True}
        connection, http = answering(connect, {"data": {"renkeiSetPoints": shown}})
        async with http:
            with pytest.raises(PayloadInvalid, match="something else"):
                await EccubeBalances(connection).write("1", balance(50, 1, clock))

    async def test_a_customer_who_was_not_asked_for_is_refused(self, connect: Connect) -> None:
        row: dict[str, Any] = {
            "id": "2",
            "name01": "山田",
            "name02": "花子",
            "email": "h@example.jp",
        }
        row |= {"phone_number": None, "birth": None, "point": 5, "Status": {"id": "2"}}
        row |= {"update_date": "2026-07-01T10:00:00+09:00"}
        connection, http = answering(connect, {"data": {"customer": row}})
        async with http:
            assert await EccubeBalances(connection).read("2") == 5
            for read in (EccubeBalances(connection).read, EccubeMembers(connection).fetch):
                with pytest.raises(PayloadInvalid, match="something else"):
                    await read("1")

    async def test_a_failure_of_a_write_is_unsure(
        self, shop: TwinShop, connect: Connect, twin: TwinApp, clock: Any
    ) -> None:
        hanako = shop.register(HANAKO)
        shop.commit()
        balances = EccubeBalances(connect())
        await balances.read(str(hanako.id))
        twin.faults.plan([Fault("server_error", path="/api")])
        with pytest.raises(OutcomeUnknown):
            await balances.write(str(hanako.id), balance(50, 1, clock))

    async def test_a_shop_without_the_web_api_is_a_wrong_setting(self, connect: Connect) -> None:
        given = connect()
        transport = httpx.MockTransport(
            lambda request: httpx.Response(
                404 if request.url.path == "/api" else 200,
                json={"access_token": "t", "token_type": "Bearer"},
            )
        )
        async with httpx.AsyncClient(transport=transport) as http:
            told = Connection("shop", given.settings, http, given.tokens, given.now)
            with pytest.raises(SettingsInvalid, match="Web API"):
                await EccubeOrders(told).fetch("5")

    @pytest.mark.parametrize("id", ["0", "x", "2147483648", "1\n", "１", ""])
    async def test_an_id_that_cannot_be_one_is_not_asked_for(
        self, connect: Connect, transport: Any, id: str
    ) -> None:
        with pytest.raises(NotFound):
            await EccubeOrders(connect()).fetch(id)
        assert transport.calls == []
