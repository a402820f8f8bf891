"""Reading sales and members, creating members, and moving points, against the twin."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.errors import (
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    Unavailable,
    UnsupportedFeature,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import IdentityKind, NewMember
from renkei_contracts.order import OrderState
from renkei_contracts.paging import Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_contracts.twin.faults import Fault
from renkei_smaregi import mapping
from renkei_smaregi.settings import SALES_SCOPES, SmaregiSettings
from renkei_smaregi.sync import (
    SALES_PAGE,
    SmaregiBalances,
    SmaregiMemberCreation,
    SmaregiMembers,
    SmaregiOrders,
)
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp
from renkei_smaregi.twin_pos import CATALOGUE, TwinPos

Connect = Callable[..., Connection[SmaregiSettings]]

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
DAY = Window(NOW - timedelta(hours=23), NOW + timedelta(hours=1))
CARD = "2100000000012"
HANAKO = NewMember(member="mem_1", card=CARD, family_name="山田", given_name="花子")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.at = NOW - timedelta(hours=20)

    def __call__(self) -> datetime:
        return self.at

    def tick(self, seconds: int = 1) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock(twin: TwinApp) -> Clock:
    clock = Clock()
    twin.pos.now = clock
    return clock


@pytest.fixture
def pos(twin: TwinApp) -> TwinPos:
    return twin.pos


@pytest.fixture
def orders(connect: Connect) -> SmaregiOrders:
    return SmaregiOrders(connect())


@pytest.fixture
def balances(connect: Connect) -> SmaregiBalances:
    return SmaregiBalances(connect())


def person(pos: TwinPos, code: str = CARD, points: int = 0) -> dict[str, Any]:
    row = pos.create_customer({"customerCode": code, "lastName": "山田", "firstName": "花子"})
    pos.points[row["customerId"]] = points
    return row


def sold(pos: TwinPos, clock: Clock | None = None, count: int = 1) -> list[str]:
    """Guests' sales, one a second."""
    ids = []
    for _ in range(count):
        ids.append(pos.sell(CATALOGUE[:1], None, 0)["transactionHeadId"])
        if clock:
            clock.tick()
    return ids


def change(points: int) -> BalanceWrite:
    balance = Balance(spendable=max(points, 0), version=1, as_of=NOW, latest_expiry=date.max)
    return BalanceWrite(balance=balance, change=points)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Connection[SmaregiSettings]:
    """A connection whose API answers so."""
    token = {"access_token": "t0ken", "token_type": "Bearer"}

    def all_of(request: httpx.Request) -> httpx.Response:
        granted = request.url.host == "id.smaregi.jp"
        return httpx.Response(200, json=token) if granted else answer(request)

    settings = SmaregiSettings(
        contract_id=CONTRACT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    http = httpx.AsyncClient(transport=httpx.MockTransport(all_of))
    return Connection("store-a", settings, http, MemoryTokens(), lambda: NOW)


async def walk(orders: SmaregiOrders, window: Window = DAY) -> list[str]:
    """The ids of every page, in the order they came, with repetitions."""
    cursor, ids, pages = None, [], 0
    while pages == 0 or cursor is not None:
        page = await orders.changed(window, cursor)
        cursor, pages = page.cursor, pages + 1
        ids += [order.ref.id for order in page.items]
        assert pages < 100
    return ids


class TestFetchingSales:
    async def test_a_sale_is_read_whole(self, orders: SmaregiOrders, pos: TwinPos) -> None:
        customer = person(pos, points=300)
        sale = pos.sell([CATALOGUE[0], CATALOGUE[2]], customer, 50)
        order = await orders.fetch(sale["transactionHeadId"])
        assert [(line.sku, line.amount, line.tax_rate) for line in order.lines] == [
            ("YOKAN-01", 2160, 800),
            ("KYUSU-01", 11000, 1000),
        ]
        assert (order.points_used, order.points_value) == (50, 50)
        assert order.customer == ExternalRef(connection="store-a", id="1")
        assert [one.value for one in order.identities] == [CARD]

    async def test_a_list_restates_a_sale_as_a_single_reading_does(
        self, orders: SmaregiOrders, pos: TwinPos
    ) -> None:
        id = pos.sell(CATALOGUE[:2], person(pos, points=9), 9)["transactionHeadId"]
        page = await orders.changed(DAY, None)
        assert page.items == (await orders.fetch(id),)

    async def test_points_added_are_no_sale(self, orders: SmaregiOrders, pos: TwinPos) -> None:
        row = pos.add_points(person(pos)["customerId"], 10)
        with pytest.raises(NotFound, match="no sale"):
            await orders.fetch(row["transactionHeadId"])

    @pytest.mark.parametrize("id", ["999", "x", "", "1/details"])
    async def test_what_is_not_there_is_not_found(self, orders: SmaregiOrders, id: str) -> None:
        with pytest.raises(NotFound):
            await orders.fetch(id)

    async def test_a_voided_sale_counts_as_nothing(
        self, orders: SmaregiOrders, pos: TwinPos
    ) -> None:
        (id,) = sold(pos)
        before = await orders.fetch(id)
        pos.cancel(id)
        after = await orders.fetch(id)
        assert after.state is OrderState.CANCELLED
        assert after.changed_at > before.changed_at

    async def test_a_sale_undone_and_the_record_undoing_it_both_count_as_nothing(
        self, orders: SmaregiOrders, pos: TwinPos
    ) -> None:
        (id,) = sold(pos)
        record = pos.dispose(id)["transactionHeadId"]
        states = [(await orders.fetch(one)).state for one in (id, record)]
        assert states == [OrderState.CANCELLED] * 2


class TestSalesChanged:
    async def test_only_sales_are_asked_for(
        self, orders: SmaregiOrders, pos: TwinPos, recorded: Any
    ) -> None:
        pos.add_points(person(pos)["customerId"], 10)
        (id,) = sold(pos)
        assert await walk(orders) == [id]
        query = recorded.calls[-1].url.params
        assert query["transaction_head_division"] == "1"
        assert query["sort"] == "updDateTime:asc,transactionHeadId:asc"

    async def test_the_oldest_change_comes_first(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        first, second = sold(pos, clock, 2)
        pos.cancel(first)
        assert await walk(orders) == [second, first]

    @pytest.mark.parametrize("count", [0, 1, SALES_PAGE, SALES_PAGE + 1, 2 * SALES_PAGE + 50])
    async def test_paging_loses_nothing(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock, count: int
    ) -> None:
        ids = sold(pos, clock, count)
        assert set(await walk(orders)) == set(ids)

    async def test_more_sales_in_one_second_than_a_page_holds_are_all_read(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        ids = sold(pos, None, 2 * SALES_PAGE + 10)
        clock.tick()
        ids += sold(pos, clock, 5)
        assert set(await walk(orders)) == set(ids)

    async def test_a_sale_that_changes_while_we_read_pushes_no_other_out(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        ids = sold(pos, clock, SALES_PAGE + 20)
        page = await orders.changed(DAY, None)
        for id in ids[:10]:
            pos.cancel(id)
        seen = {order.ref.id for order in page.items}
        while page.cursor:
            page = await orders.changed(DAY, page.cursor)
            seen |= {order.ref.id for order in page.items}
        assert seen == set(ids)

    async def test_a_window_of_months_is_asked_for_in_parts(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        clock.at = NOW - timedelta(days=80)
        ids = []
        for _ in range(8):
            ids += sold(pos)
            clock.tick(10 * 86_400)
        window = Window(NOW - timedelta(days=81), NOW)
        assert set(await walk(orders, window)) == set(ids)

    async def test_what_lies_outside_the_window_is_left_out(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        ids = sold(pos, clock, 4)
        first = datetime.fromisoformat(pos.transactions[ids[0]]["updDateTime"])
        window = Window(first + timedelta(seconds=1), first + timedelta(seconds=3))
        assert await walk(orders, window) == ids[1:3]

    async def test_what_is_not_understood_is_set_aside(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        good, bad, back = sold(pos, clock, 3)
        pos.transactions[bad]["total"] = "1"
        pos.transactions[back]["returnSales"] = "1"
        page = await orders.changed(DAY, None)
        assert [order.ref.id for order in page.items] == [good]
        assert [id for id, _ in page.rejected] == [bad, back]
        assert "total is 1" in page.rejected[0][1]

    async def test_a_record_that_undoes_a_sale_brings_the_sale_along(
        self, orders: SmaregiOrders, pos: TwinPos, clock: Clock
    ) -> None:
        (id,) = sold(pos, clock)
        old = pos.transactions[id]["updDateTime"]
        clock.tick(3600)
        record = pos.dispose(id)["transactionHeadId"]
        pos.transactions[id]["updDateTime"] = old  # as if Smaregi did not note it
        window = Window(clock.at - timedelta(seconds=5), clock.at + timedelta(seconds=5))
        page = await orders.changed(window, None)
        assert {order.ref.id for order in page.items} == {id, record}
        # It is news all the same, and so is what a webhook of the record alone leads to.
        fetched = await orders.fetch(record)
        assert (fetched.ref.id, fetched.state) == (id, OrderState.CANCELLED)
        told = [order.changed_at for order in (*page.items, fetched)]
        assert told == [clock.at] * 3

    @pytest.mark.parametrize("body", [{}, "x", [1], [None]])
    async def test_an_answer_that_is_no_list_is_refused(self, body: Any) -> None:
        orders = SmaregiOrders(answering(lambda _: httpx.Response(200, json=body)))
        with pytest.raises(PayloadInvalid):
            await orders.changed(DAY, None)


class TestMembers:
    async def test_a_member_is_read(self, connect: Connect, pos: TwinPos) -> None:
        person(pos)
        member = await SmaregiMembers(connect()).fetch("1")
        assert member.family_name == "山田"
        assert IdentityKind.CARD in {one.kind for one in member.identities}

    @pytest.mark.parametrize("id", ["9", "x", "point"])
    async def test_who_is_not_there_is_not_found(self, connect: Connect, id: str) -> None:
        with pytest.raises(NotFound):
            await SmaregiMembers(connect()).fetch(id)

    async def test_changed_members_come_oldest_change_first(
        self, connect: Connect, pos: TwinPos, clock: Clock
    ) -> None:
        for code in ("1", "2", "3"):
            person(pos, code)
            clock.tick()
        pos.update_customer("1", {"status": "3"})
        page = await SmaregiMembers(connect()).changed(DAY, None)
        assert [member.ref.id for member in page.items] == ["2", "3", "1"]
        assert page.cursor is None

    async def test_who_is_not_understood_is_set_aside(self, connect: Connect, pos: TwinPos) -> None:
        person(pos, "1")
        pos.customers["1"]["lastName"] = "x" * 600
        page = await SmaregiMembers(connect()).changed(DAY, None)
        assert page.items == ()
        assert [id for id, _ in page.rejected] == ["1"]


class TestCreating:
    async def test_the_card_becomes_the_code_the_till_scans(
        self, connect: Connect, pos: TwinPos
    ) -> None:
        ref = await SmaregiMemberCreation(connect()).create(HANAKO)
        assert ref == ExternalRef(connection="store-a", id="1")
        assert pos.customers["1"]["customerCode"] == CARD
        assert pos.customers["1"]["lastName"] == "山田"

    async def test_asking_again_creates_no_second(self, connect: Connect, pos: TwinPos) -> None:
        creation = SmaregiMemberCreation(connect())
        assert await creation.create(HANAKO) == await creation.create(HANAKO)
        assert len(pos.customers) == 1

    async def test_after_an_unknown_outcome_asking_again_finds_the_first(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        person(twin.pos)
        ref = await SmaregiMemberCreation(connect()).create(HANAKO)
        assert ref.id == "1"

    async def test_who_has_no_name_gets_one_that_is_read_back_as_none(
        self, connect: Connect, pos: TwinPos
    ) -> None:
        nameless = NewMember(member="mem_2", card="77")
        ref = await SmaregiMemberCreation(connect()).create(nameless)
        assert pos.customers[ref.id]["lastName"] == mapping.UNKNOWN_NAME
        member = await SmaregiMembers(connect()).fetch(ref.id)
        assert (member.family_name, member.given_name) == ("", "")

    async def test_a_similar_code_is_somebody_else(self, payload: Callable[[str], Any]) -> None:
        other = {**payload("customer"), "customerCode": CARD + "9"}
        made = {**payload("customer"), "customerId": "8"}

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, json=[other] if request.method == "GET" else made)

        assert (await SmaregiMemberCreation(answering(answer)).create(HANAKO)).id == "8"

    @pytest.mark.parametrize("status", ["2", "1"])
    async def test_a_suspended_holder_of_the_card_is_found(
        self, connect: Connect, pos: TwinPos, status: str
    ) -> None:
        person(pos)["status"] = status
        assert (await SmaregiMemberCreation(connect()).create(HANAKO)).id == "1"

    @pytest.mark.parametrize("status", ["3", "4"])
    async def test_a_card_of_somebody_who_left_is_refused(
        self, connect: Connect, pos: TwinPos, status: str
    ) -> None:
        person(pos)["status"] = status
        with pytest.raises(Rejected, match="has left"):
            await SmaregiMemberCreation(connect()).create(HANAKO)

    @pytest.mark.parametrize("card", ["1" * 21, "会員1", "a\tb", "\x7f"])
    async def test_a_card_that_is_no_code_cannot_be_said(
        self, connect: Connect, recorded: Any, card: str
    ) -> None:
        with pytest.raises(UnsupportedFeature):
            await SmaregiMemberCreation(connect()).create(NewMember(member="m", card=card))
        assert recorded.calls == []

    @pytest.mark.parametrize("content", [b"", b"{}", b'{"customerId":""}', b"[]"])
    async def test_an_answer_that_names_nobody_leaves_the_outcome_unknown(
        self, content: bytes
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, content=b"[]" if request.method == "GET" else content)

        with pytest.raises(OutcomeUnknown):
            await SmaregiMemberCreation(answering(answer)).create(HANAKO)

    async def test_a_merchants_own_required_field_is_refused(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            found = request.method == "GET"
            return httpx.Response(200, json=[]) if found else httpx.Response(400, json={})

        with pytest.raises(Rejected):
            await SmaregiMemberCreation(answering(answer)).create(HANAKO)


class TestBalances:
    async def test_points_are_read(self, balances: SmaregiBalances, pos: TwinPos) -> None:
        person(pos, points=132)
        assert await balances.read("1") == 132

    async def test_a_member_without_a_row_has_none(
        self, balances: SmaregiBalances, pos: TwinPos
    ) -> None:
        person(pos)
        pos.points.clear()
        assert await balances.read("1") == 0

    @pytest.mark.parametrize("id", ["9", "x"])
    async def test_points_of_nobody_are_not_found(self, balances: SmaregiBalances, id: str) -> None:
        with pytest.raises(NotFound):
            await balances.read(id)

    @pytest.mark.parametrize(("points", "shown"), [(132, 232), (-60, 40), (-100, 0)])
    async def test_a_write_adds_the_change_and_tells_what_is_there_now(
        self, balances: SmaregiBalances, pos: TwinPos, points: int, shown: int
    ) -> None:
        person(pos, points=100)
        written = await balances.write("1", change(points))
        assert written.points == pos.points["1"] == shown

    async def test_a_sale_meanwhile_is_not_overwritten(
        self, balances: SmaregiBalances, pos: TwinPos
    ) -> None:
        customer = person(pos, points=100)
        pos.sell(CATALOGUE[:1], customer, 30)
        assert (await balances.write("1", change(50))).points == 120

    async def test_what_the_write_created_is_named(
        self, balances: SmaregiBalances, pos: TwinPos
    ) -> None:
        person(pos)
        written = await balances.write("1", change(5))
        assert written.echoes == tuple(pos.transactions)
        assert pos.transactions["1"]["transactionHeadDivision"] == "6"

    async def test_the_expiry_is_never_touched(
        self, balances: SmaregiBalances, pos: TwinPos, recorded: Any
    ) -> None:
        person(pos)
        await balances.write("1", change(5))
        assert recorded.calls[-1].content == b'{"point":"5"}'

    async def test_more_than_is_there_is_refused(
        self, balances: SmaregiBalances, pos: TwinPos
    ) -> None:
        person(pos, points=3)
        with pytest.raises(Rejected):
            await balances.write("1", change(-4))
        assert pos.points["1"] == 3

    @pytest.mark.parametrize(
        ("fault", "expected"),
        [
            (Fault("server_error", "/point/add"), OutcomeUnknown),
            (Fault("rate_limited", "/point/add", retry_after=2), RateLimited),
        ],
    )
    async def test_a_failed_write_says_whether_it_may_have_acted(
        self,
        balances: SmaregiBalances,
        twin: TwinApp,
        fault: Fault,
        expected: type[RenkeiError],
    ) -> None:
        person(twin.pos, points=10)
        twin.faults.plan([fault])
        with pytest.raises(expected):
            await balances.write("1", change(5))
        assert twin.pos.points["1"] == 10

    async def test_a_refused_token_does_not_add_twice(
        self, balances: SmaregiBalances, twin: TwinApp
    ) -> None:
        person(twin.pos)
        twin.faults.plan([Fault("unauthorized", "/point/add")])
        await balances.write("1", change(5))
        assert twin.pos.points["1"] == 5

    async def test_a_time_out_leaves_the_outcome_unknown(self) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("slow")

        with pytest.raises(OutcomeUnknown):
            await SmaregiBalances(answering(answer)).write("1", change(5))

    async def test_without_a_connection_nothing_was_done(self) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("down")

        with pytest.raises(Unavailable):
            await SmaregiBalances(answering(answer)).write("1", change(5))

    async def test_an_answer_without_the_balance_is_read_again(self) -> None:
        rows = [{"customerId": "1", "point": "9"}]

        def answer(request: httpx.Request) -> httpx.Response:
            added = {"customerId": "1", "transactionHeadIds": ["5"]}
            return httpx.Response(200, json=added if request.method == "POST" else rows)

        written = await SmaregiBalances(answering(answer)).write("1", change(5))
        assert (written.points, written.echoes) == (9, ("5",))

    @pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"point":"x"}', b'{"point":1.5}'])
    async def test_an_answer_that_is_not_understood_leaves_the_outcome_unknown(
        self, content: bytes
    ) -> None:
        balances = SmaregiBalances(answering(lambda _: httpx.Response(200, content=content)))
        with pytest.raises(OutcomeUnknown):
            await balances.write("1", change(5))

    async def test_a_failed_reading_after_the_write_leaves_the_outcome_unknown(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            wrote = request.method == "POST"
            return httpx.Response(200, json={}) if wrote else httpx.Response(404)

        with pytest.raises(OutcomeUnknown):
            await SmaregiBalances(answering(answer)).write("1", change(5))

    def test_it_says_what_it_cannot_do(self, balances: SmaregiBalances) -> None:
        assert (balances.mode, balances.idempotent, balances.shows_expiry) == (
            "delta",
            False,
            False,
        )


class TestPlansWithoutMembers:
    """A contract whose plan has no members: its sales are read, and nothing else is asked for."""

    @pytest.fixture(autouse=True)
    def plan(self, twin: TwinApp) -> None:
        twin.members_in_plan, twin.scopes = False, SALES_SCOPES

    async def test_sales_are_read(self, connect: Connect, pos: TwinPos) -> None:
        (id,) = sold(pos)
        orders = SmaregiOrders(connect(members=False))
        assert (await orders.fetch(id)).ref.id == id
        assert [one.ref.id for one in (await orders.changed(DAY, None)).items] == [id]

    async def test_polls_of_members_find_nobody_and_call_nobody(
        self, connect: Connect, recorded: Any
    ) -> None:
        page = await SmaregiMembers(connect(members=False)).changed(DAY, None)
        assert (page.items, page.cursor) == ((), None)
        assert recorded.calls == []

    async def test_what_is_about_members_is_refused_before_any_call(
        self, connect: Connect, recorded: Any
    ) -> None:
        connection = connect(members=False)
        for act in (
            lambda: SmaregiMembers(connection).fetch("1"),
            lambda: SmaregiMemberCreation(connection).create(HANAKO),
            lambda: SmaregiBalances(connection).read("1"),
            lambda: SmaregiBalances(connection).write("1", change(5)),
        ):
            with pytest.raises(UnsupportedFeature, match="no members"):
                await act()
        assert recorded.calls == []
