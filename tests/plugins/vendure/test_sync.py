"""Reading orders and members, and mirroring points, against recorded answers."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid, Rejected, UnsupportedFeature
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import Balance, BalanceWrite
from renkei_vendure import lists, sync
from renkei_vendure.settings import VendureSettings
from renkei_vendure.sync import VendureBalances, VendureMembers, VendureOrders

Connect = Callable[..., Connection[VendureSettings]]
Payload = Callable[[str], Any]

UNTIL = datetime(2026, 11, 26, 15, 30, tzinfo=UTC)
WINDOW = Window(UNTIL - timedelta(minutes=16), UNTIL)
LAST = UNTIL - timedelta(milliseconds=1)


@pytest.fixture
def rows(payload: Payload) -> Callable[..., dict[str, Any]]:
    """Recorded rows under other ids and moments."""

    def make(kind: str, id: str, at: datetime, **changes: Any) -> dict[str, Any]:
        name = {"order": "order-paid", "customer": "customer"}[kind]
        row = payload(name)["response"]["data"][kind]
        if kind == "customer":
            row["user"]["updatedAt"] = at.isoformat()
        made = {"orderPlacedAt": at.isoformat(), "createdAt": at.isoformat()}
        return {**row, **made, "updatedAt": at.isoformat(), "id": id, **changes}

    return make


async def all_pages(reader: Any, window: Window = WINDOW) -> list[Page[Any]]:
    pages = [await reader.changed(window, None)]
    while pages[-1].cursor is not None:
        assert len(pages) < 50
        pages.append(await reader.changed(window, pages[-1].cursor))
    return pages


def ids(pages: Sequence[Page[Any]]) -> list[str]:
    return [item.ref.id for page in pages for item in page.items]


class TestFetch:
    async def test_an_order_is_read_as_it_is_now(self, connect: Connect) -> None:
        order = await VendureOrders(connect()).fetch("1")
        assert (order.ref.connection, order.ref.id) == ("shop", "1")
        assert sum(line.amount - line.returned_amount for line in order.lines) == 5410

    async def test_the_precision_is_asked_with_the_order(
        self, vendure: Any, connect: Connect
    ) -> None:
        vendure.precision = 0
        order = await VendureOrders(connect()).fetch("1")
        assert order.shipping == 55000

    async def test_an_order_that_is_gone_is_not_found(self, vendure: Any, connect: Connect) -> None:
        with pytest.raises(NotFound):
            await VendureOrders(connect()).fetch("999")

    async def test_a_cart_is_not_found(self, vendure: Any, connect: Connect) -> None:
        vendure.orders[0]["orderPlacedAt"] = None
        with pytest.raises(NotFound):
            await VendureOrders(connect()).fetch("1")

    async def test_a_member_is_read(self, vendure: Any, connect: Connect) -> None:
        vendure.customers[0]["user"]["updatedAt"] = "2026-11-26T15:05:41.000Z"
        member = await VendureMembers(connect()).fetch("1")
        assert (member.ref.id, member.family_name) == ("1", "山田")

    async def test_a_deleted_member_is_not_found(self, connect: Connect) -> None:
        with pytest.raises(NotFound):
            await VendureMembers(connect()).fetch("999")

    @pytest.mark.parametrize("id", ["", "1 2", "１", 'x"}', "a" * 65])
    async def test_what_is_no_id_is_not_asked_for(
        self, vendure: Any, connect: Connect, id: str
    ) -> None:
        with pytest.raises(NotFound):
            await VendureOrders(connect()).fetch(id)
        with pytest.raises(NotFound):
            await VendureMembers(connect()).fetch(id)
        assert vendure.names() == []

    @pytest.mark.parametrize("answer", [{}, {"order": None}, {"globalSettings": None}])
    async def test_half_an_answer_is_refused(
        self, vendure: Any, connect: Connect, answer: dict[str, Any]
    ) -> None:
        vendure.answers["Order"] = httpx.Response(200, json={"data": answer})
        with pytest.raises((PayloadInvalid, NotFound)):
            await VendureOrders(connect()).fetch("1")


class TestOrdersChanged:
    @pytest.mark.parametrize(
        ("ago", "found"),
        [
            (timedelta(seconds=1), True),
            (timedelta(minutes=59), True),
            (timedelta(hours=2), False),
            (timedelta(days=1, minutes=8), True),
            (timedelta(days=2), False),
            (timedelta(days=3, minutes=8), True),
            (timedelta(days=90, minutes=8), True),
            (timedelta(days=91), False),
        ],
    )
    async def test_an_order_is_read_again_at_certain_ages_since_a_refund_moves_no_clock(
        self, vendure: Any, connect: Connect, rows: Any, ago: timedelta, found: bool
    ) -> None:
        vendure.orders = [rows("order", "7", UNTIL - ago)]
        assert bool(ids(await all_pages(VendureOrders(connect())))) is found

    async def test_no_order_escapes_its_ages_whatever_the_windows(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        placed = UNTIL - timedelta(days=20)
        vendure.orders = [rows("order", "7", placed)]
        seen = 0
        start = placed + timedelta(days=6, hours=23)
        for hour in range(3):
            since = start + timedelta(hours=hour)
            window = Window(since, since + timedelta(hours=1))
            seen += len(ids(await all_pages(VendureOrders(connect()), window)))
        assert seen >= 1

    async def test_an_old_order_that_was_changed_is_found(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        changed = rows("order", "7", UNTIL - timedelta(days=400))
        changed["updatedAt"] = WINDOW.since.isoformat()
        vendure.orders = [changed]
        assert ids(await all_pages(VendureOrders(connect()))) == ["7"]

    async def test_after_a_long_silence_everything_since_is_read(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.orders = [rows("order", "7", UNTIL - timedelta(days=2))]
        window = Window(UNTIL - timedelta(days=9), UNTIL)
        assert ids(await all_pages(VendureOrders(connect()), window)) == ["7"]

    @pytest.mark.parametrize(
        "changes", [{"active": True}, {"orderPlacedAt": None}, {"type": "Seller"}]
    )
    async def test_carts_and_parts_of_orders_are_not_listed(
        self, vendure: Any, connect: Connect, rows: Any, changes: dict[str, Any]
    ) -> None:
        vendure.orders = [rows("order", "7", LAST, **changes)]
        (page,) = await all_pages(VendureOrders(connect()))
        assert (page.items, page.rejected) == ((), ())

    async def test_what_cannot_be_understood_is_set_aside(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.orders = [
            rows("order", "7", LAST, state="CheckedByHand"),
            rows("order", "8", LAST),
        ]
        (page,) = await all_pages(VendureOrders(connect()))
        assert [item.ref.id for item in page.items] == ["8"]
        assert [id for id, _ in page.rejected] == ["7"]


class TestPaging:
    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sync, "ORDER_PAGE", 3)
        monkeypatch.setattr(sync, "MEMBER_PAGE", 3)

    async def test_every_row_is_read_once(self, vendure: Any, connect: Connect, rows: Any) -> None:
        vendure.orders = [
            rows("order", str(n), UNTIL - timedelta(seconds=100 - n)) for n in range(10)
        ]
        found = ids(await all_pages(VendureOrders(connect())))
        assert sorted(found, key=int) == [str(n) for n in range(10)]

    async def test_rows_of_one_moment_are_read_once(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.orders = [rows("order", str(n), LAST) for n in range(10)]
        found = ids(await all_pages(VendureOrders(connect())))
        assert sorted(found, key=int) == [str(n) for n in range(10)]

    async def test_rows_just_before_and_after_a_page_ends_are_read_once(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        apart = timedelta(milliseconds=400)
        vendure.orders = [rows("order", str(n), LAST - (10 - n) * apart) for n in range(10)]
        found = ids(await all_pages(VendureOrders(connect())))
        assert sorted(found, key=int) == [str(n) for n in range(10)]

    async def test_a_row_that_leaves_moves_no_other_out_of_sight(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        old = UNTIL - timedelta(days=400)
        vendure.orders = [
            rows("order", str(n), old + timedelta(days=n), updatedAt=UNTIL.isoformat())
            for n in range(6)
        ]
        orders = VendureOrders(connect())
        first = await orders.changed(WINDOW, None)
        vendure.orders[0]["updatedAt"] = old.isoformat()  # as Vendure does at a change of state
        second = await orders.changed(WINDOW, first.cursor)
        assert ids([first, second]) == [str(n) for n in range(6)]

    async def test_a_row_that_comes_meanwhile_ends_the_list(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.customers = [
            rows("customer", str(n), UNTIL - timedelta(seconds=100 - n)) for n in range(4)
        ]
        members = VendureMembers(connect())
        first = await members.changed(WINDOW, None)
        vendure.customers.append(rows("customer", "9", LAST))
        second = await members.changed(WINDOW, first.cursor)
        assert ids([first, second]) == ["0", "1", "2", "3", "9"]
        assert second.cursor is None

    async def test_what_comes_after_the_window_is_left_to_the_next(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.orders = [rows("order", "1", LAST), rows("order", "2", UNTIL)]
        vendure.customers = [rows("customer", "1", LAST), rows("customer", "2", UNTIL)]
        for reader in (VendureOrders(connect()), VendureMembers(connect())):
            assert ids(await all_pages(reader)) == ["1"]
            page = await reader.changed(Window(UNTIL, UNTIL + timedelta(minutes=16)), None)
            assert "2" in ids([page])

    async def test_the_cursor_does_not_grow(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.orders = [
            rows("order", str(n), UNTIL - timedelta(seconds=500 - 5 * n)) for n in range(100)
        ]
        pages = await all_pages(VendureOrders(connect()))
        assert max(len(page.cursor or "") for page in pages) < 40

    @pytest.mark.parametrize("cursor", ["", "3", "yesterday 1 2"])
    async def test_a_strange_cursor_is_refused(self, connect: Connect, cursor: str) -> None:
        with pytest.raises(PayloadInvalid):
            await VendureOrders(connect()).changed(WINDOW, cursor)


class TestMembersChanged:
    async def test_a_changed_customer_is_found(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        old = UNTIL - timedelta(days=400)
        vendure.customers = [
            rows("customer", "1", old),
            rows("customer", "2", old, updatedAt=UNTIL.isoformat()),
        ]
        assert ids(await all_pages(VendureMembers(connect()))) == ["2"]

    async def test_a_new_customer_is_read_again_since_a_verified_address_moves_no_clock(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.customers = [rows("customer", "1", UNTIL - timedelta(minutes=50))]
        assert ids(await all_pages(VendureMembers(connect()))) == ["1"]

    async def test_a_trusted_shop_proves_addresses_in_lists_too(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.customers = [rows("customer", "1", LAST)]
        (page,) = await all_pages(VendureMembers(connect(trust_verified_email=True)))
        assert [one.grade for one in page.items[0].identities] == ["strong", "verified"]

    async def test_what_cannot_be_understood_is_set_aside(
        self, vendure: Any, connect: Connect, rows: Any
    ) -> None:
        vendure.customers = [rows("customer", "1", LAST, lastName=7)]
        (page,) = await all_pages(VendureMembers(connect()))
        assert [id for id, _ in page.rejected] == ["1"]


def balance(points: int) -> BalanceWrite:
    return BalanceWrite(balance=Balance(spendable=points, version=1, as_of=UNTIL), change=0)


class TestBalances:
    async def test_what_was_written_is_read(self, connect: Connect) -> None:
        balances = VendureBalances(connect())
        assert (await balances.write("1", balance(77))).points == 77
        assert await balances.read("1") == 77

    async def test_writing_twice_is_the_same_as_once(self, connect: Connect) -> None:
        balances = VendureBalances(connect())
        for _ in range(2):
            await balances.write("1", balance(77))
        assert await balances.read("1") == 77

    async def test_a_field_never_written_is_no_points(self, connect: Connect) -> None:
        assert await VendureBalances(connect()).read("2") == 0

    async def test_the_field_is_the_one_of_the_settings(
        self, vendure: Any, connect: Connect
    ) -> None:
        await VendureBalances(connect(points_field="loyalty")).write("1", balance(5))
        assert vendure.customers[0]["customFields"] == {"loyalty": 5}

    async def test_a_customer_who_is_gone_is_not_found(
        self, vendure: Any, connect: Connect, payload: Payload
    ) -> None:
        vendure.answers["WritePoints"] = httpx.Response(
            200, json=payload("update-customer-missing")["response"]
        )
        with pytest.raises(NotFound):
            await VendureBalances(connect()).write("999", balance(1))
        with pytest.raises(NotFound):
            await VendureBalances(connect()).read("999")

    async def test_a_refused_write_is_said(self, vendure: Any, connect: Connect) -> None:
        refused = {"updateCustomer": {"__typename": "EmailAddressConflictError"}}
        vendure.answers["WritePoints"] = httpx.Response(200, json={"data": refused})
        with pytest.raises(Rejected):
            await VendureBalances(connect()).write("1", balance(1))

    async def test_more_than_an_int_holds_is_not_sent(self, vendure: Any, connect: Connect) -> None:
        balances = VendureBalances(connect())
        with pytest.raises(UnsupportedFeature):
            await balances.write("1", balance(2**31))
        assert vendure.names() == []
        assert (await balances.write("1", balance(2**31 - 1))).points == 2**31 - 1

    @pytest.mark.parametrize("value", ["77", 7.5, True])
    async def test_what_is_no_whole_number_is_refused(
        self, vendure: Any, connect: Connect, value: Any
    ) -> None:
        vendure.customers[0]["customFields"]["hubPoints"] = value
        with pytest.raises(PayloadInvalid):
            await VendureBalances(connect()).read("1")

    async def test_an_answer_without_the_field_is_refused(
        self, vendure: Any, connect: Connect
    ) -> None:
        vendure.customers[0]["customFields"] = {}
        with pytest.raises(PayloadInvalid):
            await VendureBalances(connect()).read("1")


def test_the_ages_double_at_most_so_that_what_was_missed_is_found_in_time() -> None:
    steps = [lists.RECENT, *lists.AGES]
    assert steps == sorted(steps)
    assert all(
        later <= 3 * sooner for sooner, later in zip(lists.AGES, lists.AGES[1:], strict=False)
    )
