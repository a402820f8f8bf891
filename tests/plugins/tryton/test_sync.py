"""Reading finished sales: one by id, and all that changed, losing none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import NotFound, PayloadInvalid
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_tryton import sync, wire
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.sync import TrytonOrders

Connect = Callable[..., Connection[TrytonSettings]]

DAY = Window(datetime(2026, 11, 26, tzinfo=UTC), datetime(2026, 11, 27, tzinfo=UTC))
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "PAGE", 2)


@pytest.fixture
def sales(tryton: Any) -> Callable[..., None]:
    """Puts sales (id, instant of the change) into the shop, all else as recorded."""
    recorded = next(row for row in tryton.sales if row["id"] == 2)

    def put(*changes: tuple[int, datetime]) -> None:
        tryton.sales = [
            recorded | {"id": id, "number": str(id), "write_date": wire.moment(at)}
            for id, at in changes
        ]

    return put


async def read_all(orders: TrytonOrders, between: Callable[[], None] = lambda: None) -> list[Order]:
    found: list[Order] = []
    cursor = None
    for _ in range(20):
        page = await orders.changed(DAY, cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
        between()
    raise AssertionError("paging does not end")


def ids(orders: list[Order]) -> list[str]:
    return [order.ref.id for order in orders]


class TestFetch:
    async def test_a_sale_is_found_by_its_id(self, connect: Connect) -> None:
        order = await TrytonOrders(connect()).fetch("2")
        assert (order.ref.id, order.points_used) == ("2", 800)

    async def test_a_fetched_sale_is_the_same_as_a_polled_one(self, connect: Connect) -> None:
        orders = TrytonOrders(connect())
        page = await orders.changed(DAY, None)
        assert await orders.fetch("2") in page.items

    @pytest.mark.parametrize("id", ["999", "-1", "1.5", "x", "", "１", "9" * 40])
    async def test_what_is_not_there_is_not_found(self, connect: Connect, id: str) -> None:
        with pytest.raises(NotFound):
            await TrytonOrders(connect()).fetch(id)

    async def test_an_unfinished_sale_is_none(self, connect: Connect, tryton: Any) -> None:
        tryton.sales[0]["state"] = "open"
        with pytest.raises(NotFound):
            await TrytonOrders(connect()).fetch(str(tryton.sales[0]["id"]))


class TestChanged:
    async def test_recorded_sales_come_oldest_change_first(self, connect: Connect) -> None:
        found = await read_all(TrytonOrders(connect()))
        assert ids(found) == ["1", "2", "3", "4", "6", "7", "9", "10"]
        assert [order.changed_at for order in found] == sorted(one.changed_at for one in found)

    async def test_goods_taken_back_are_set_aside_with_the_reason(self, connect: Connect) -> None:
        page = await TrytonOrders(connect()).changed(DAY, None)
        assert [id for id, _ in page.rejected] == ["5", "8"]
        assert all("from which sale" in reason for _, reason in page.rejected)

    async def test_a_row_that_is_not_understood_stops_no_other(
        self, connect: Connect, tryton: Any
    ) -> None:
        del tryton.sales[0]["number"]
        page = await TrytonOrders(connect()).changed(DAY, None)
        assert str(tryton.sales[0]["id"]) in [id for id, _ in page.rejected]
        assert len(page.items) == 7

    @pytest.mark.usefixtures("pages_of_two")
    async def test_pages_lose_nothing_and_repeat_nothing(
        self, connect: Connect, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON + timedelta(seconds=id)) for id in range(1, 6)))
        assert ids(await read_all(TrytonOrders(connect()))) == ["1", "2", "3", "4", "5"]

    @pytest.mark.usefixtures("pages_of_two")
    async def test_sales_of_one_instant_are_told_apart(
        self, connect: Connect, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON) for id in range(1, 8)))
        assert ids(await read_all(TrytonOrders(connect()))) == [str(id) for id in range(1, 8)]

    @pytest.mark.usefixtures("pages_of_two")
    async def test_a_sale_posted_while_we_page_hides_no_other(
        self, connect: Connect, tryton: Any, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON + timedelta(seconds=id)) for id in range(1, 6)))

        def post_the_first() -> None:
            first = next(row for row in tryton.sales if row["id"] == 1)
            first |= {"state": "posted", "write_date": wire.moment(NOON + timedelta(hours=1))}

        found = await read_all(TrytonOrders(connect()), post_the_first)
        assert ids(found) == ["1", "2", "3", "4", "5", "1"]

    @pytest.mark.usefixtures("pages_of_two")
    async def test_a_full_page_of_what_is_set_aside_goes_on(
        self, connect: Connect, tryton: Any, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON + timedelta(seconds=id)) for id in range(1, 4)))
        for row in tryton.sales[:2]:
            row["total"] = None
        assert ids(await read_all(TrytonOrders(connect()))) == ["3"]

    @pytest.mark.parametrize(
        ("at", "within"),
        [
            (DAY.since, True),
            (DAY.since - timedelta(microseconds=1), False),
            (DAY.until - timedelta(microseconds=1), True),
            (DAY.until, False),
        ],
    )
    async def test_the_window_holds_its_start_and_not_its_end(
        self, connect: Connect, sales: Callable[..., None], at: datetime, within: bool
    ) -> None:
        sales((1, at))
        assert ids(await read_all(TrytonOrders(connect()))) == (["1"] if within else [])

    async def test_a_window_in_another_zone_is_the_same_window(
        self, connect: Connect, sales: Callable[..., None]
    ) -> None:
        sales((1, NOON))
        tokyo = datetime.fromisoformat("2026-11-26T21:00:00+09:00")
        window = Window(tokyo, tokyo + timedelta(seconds=1))
        page = await TrytonOrders(connect()).changed(window, None)
        assert ids(list(page.items)) == ["1"]

    @pytest.mark.parametrize(("state", "number"), [("open", None), ("cancelled", None)])
    async def test_what_was_never_finished_is_left_out(
        self,
        connect: Connect,
        tryton: Any,
        sales: Callable[..., None],
        state: str,
        number: str | None,
    ) -> None:
        sales((1, NOON))
        tryton.sales[0] |= {"state": state, "number": number}
        page = await TrytonOrders(connect()).changed(DAY, None)
        assert (page.items, page.rejected) == ((), ())

    async def test_a_sale_that_was_finished_and_then_cancelled_is_told(
        self, connect: Connect, tryton: Any, sales: Callable[..., None]
    ) -> None:
        sales((1, NOON))
        tryton.sales[0] |= {"state": "cancelled", "payments.": []}
        (order,) = await read_all(TrytonOrders(connect()))
        assert order.state is OrderState.CANCELLED

    @pytest.mark.usefixtures("pages_of_two")
    async def test_a_row_without_a_place_does_not_end_the_paging(
        self, connect: Connect, tryton: Any, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON + timedelta(seconds=id)) for id in range(1, 5)))
        orders = TrytonOrders(connect())
        first = await orders.changed(DAY, None)
        tryton.on_the_way = lambda rows: [
            row | {"write_date": "soon"} if row["id"] == 4 else row for row in rows
        ]
        second = await orders.changed(DAY, first.cursor)
        assert (ids(list(second.items)), [id for id, _ in second.rejected]) == (["3"], ["4"])
        assert second.cursor is not None

    async def test_a_page_on_which_no_row_has_a_place_is_not_the_last(
        self, connect: Connect, tryton: Any
    ) -> None:
        tryton.on_the_way = lambda rows: [row | {"write_date": "soon"} for row in rows]
        with pytest.raises(PayloadInvalid, match="write_date"):
            await TrytonOrders(connect()).changed(DAY, None)

    @pytest.mark.usefixtures("pages_of_two")
    async def test_a_server_that_gives_less_than_it_was_asked_for_hides_nothing(
        self, connect: Connect, tryton: Any, sales: Callable[..., None]
    ) -> None:
        sales(*((id, NOON + timedelta(seconds=id)) for id in range(1, 4)))
        tryton.most = 1
        assert ids(await read_all(TrytonOrders(connect()))) == ["1", "2", "3"]

    @pytest.mark.parametrize("cursor", ["", "x", "2026-11-26T12:00:00+00:00", "yesterday 5"])
    async def test_a_cursor_of_somebody_else_is_refused(
        self, connect: Connect, cursor: str
    ) -> None:
        with pytest.raises(PayloadInvalid, match="cursor"):
            await TrytonOrders(connect()).changed(DAY, cursor)
