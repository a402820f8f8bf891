"""Lists that cannot be sorted: nothing is lost, nothing comes twice, and few calls are made."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from renkei_colorme import walk
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeMembers, ColormeOrders
from renkei_colorme.twin_app import TwinApp
from renkei_colorme.twin_shop import TwinShop
from renkei_colorme.wire import Meta
from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.order import Order
from renkei_contracts.paging import Window
from renkei_contracts.stage import Item, Shopper
from renkei_contracts.testing.shop import HANAKO

Connect = Callable[..., Connection[ColormeSettings]]

DAY = timedelta(days=1)
TEA = [Item("CHA-01", "緑茶", 1, 1_080, 800)]


async def read(
    orders: ColormeOrders, window: Window, between: Callable[[], object] = lambda: None
) -> list[Order]:
    """Every page of the window, by an object that is new for each page: a walk can be resumed."""
    found: list[Order] = []
    cursor: str | None = None
    while True:
        page = await orders.changed(window, cursor)
        assert not page.rejected
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
        between()


@pytest.mark.parametrize("page_size", [3])
async def test_a_second_with_many_rows_is_read_whole_although_some_of_them_leave_it(
    shop: TwinShop, clock: Any, connect: Connect
) -> None:
    buyer = shop.register(HANAKO)
    made = [shop.place(buyer, TEA)["id"] for _ in range(20)]
    start, random = clock(), Random(7)  # noqa: S311 - shuffles, guards nothing

    def leaves() -> None:
        clock.forward(timedelta(seconds=60))
        shop.send(random.choice(made))

    window = Window(start - DAY, start + timedelta(minutes=1))
    found = await read(ColormeOrders(connect()), window, leaves)
    later = await read(ColormeOrders(connect()), Window(window.until, clock() + DAY))
    assert {int(one.ref.id) for one in [*found, *later]} == set(made)


@pytest.mark.parametrize("page_size", [5])
async def test_rows_come_once_and_in_the_order_of_their_change(
    shop: TwinShop, clock: Any, connect: Connect
) -> None:
    buyer, start = shop.register(HANAKO), clock()
    random = Random(3)  # noqa: S311 - spreads, guards nothing
    for _ in range(60):
        clock.forward(timedelta(seconds=random.choice([0, 0, 1, 30, 3_600])))
        shop.place(buyer, TEA)
    found = await read(ColormeOrders(connect()), Window(start - DAY, clock() + DAY))
    assert [one.changed_at for one in found] == sorted(one.changed_at for one in found)
    assert sorted(int(one.ref.id) for one in found) == sorted(shop.sales)


async def test_a_quiet_window_takes_one_call_however_long_it_is(
    shop: TwinShop, clock: Any, connect: Connect, transport: Any
) -> None:
    shop.place(shop.register(HANAKO), TEA)
    window = Window(clock() - 9_000 * DAY, clock() + DAY)
    assert len(await read(ColormeOrders(connect()), window)) == 1
    assert len(transport.calls) == 1
    asked = transport.calls[0].url.params
    assert asked["make_date_min"] == "2000-01-01 00:00:00", "old orders change, too"
    assert asked["update_date_max"] == "2026-11-27 11:59:59", "Japanese time, until excluded"


async def test_an_old_order_that_changes_is_found(
    shop: TwinShop, clock: Any, connect: Connect
) -> None:
    id = shop.place(shop.register(HANAKO), TEA)["id"]
    clock.forward(timedelta(seconds=90 * 86_400))
    since = clock()
    shop.cancel(id)
    found = await read(ColormeOrders(connect()), Window(since, since + DAY))
    assert [one.ref.id for one in found] == [str(id)]


async def test_a_change_within_the_second_of_since_is_not_missed(
    shop: TwinShop, clock: Any, connect: Connect
) -> None:
    clock.forward(timedelta(seconds=0.2))
    since = clock()
    clock.forward(timedelta(seconds=0.3))
    id = shop.place(shop.register(HANAKO), TEA)["id"]
    found = await read(ColormeOrders(connect()), Window(since, since + DAY))
    assert [one.ref.id for one in found] == [str(id)]


async def test_guests_are_left_out(shop: TwinShop, clock: Any, connect: Connect) -> None:
    guest = shop.register(Shopper("g@example.jp", "匿名", "希望"), member=False)
    shop.place(guest, TEA)
    window = Window(clock() - DAY, clock() + DAY)
    assert len(await read(ColormeOrders(connect()), window)) == 1
    assert not (await ColormeMembers(connect()).changed(window, None)).items


async def test_a_split_order_and_its_parts_are_set_aside(
    shop: TwinShop, clock: Any, connect: Connect
) -> None:
    buyer = shop.register(HANAKO)
    parent, part, other = (shop.place(buyer, TEA) for _ in range(3))
    for one in (parent, part):
        one["segment"] = {"parent_sale_id": parent["id"], "splitted": True}
    page = await ColormeOrders(connect()).changed(Window(clock() - DAY, clock() + DAY), None)
    assert [one.ref.id for one in page.items] == [str(other["id"])]
    assert {id for id, _ in page.rejected} == {str(parent["id"]), str(part["id"])}


def deaf(request: httpx.Request) -> httpx.Request:
    """The same call without its filter of time."""
    kept = [(k, v) for k, v in request.url.params.multi_items() if not k.startswith("update_")]
    return httpx.Request("GET", request.url.copy_with(params=kept), headers=request.headers)


@pytest.mark.parametrize("cls", [ColormeOrders, ColormeMembers])
async def test_a_filter_that_was_ignored_is_noticed(
    shop: TwinShop, clock: Any, connect: Connect, twin: TwinApp, cls: Any
) -> None:
    shop.place(shop.register(HANAKO), TEA)
    inner = httpx.ASGITransport(twin.asgi())

    class Deaf(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await inner.handle_async_request(deaf(request))

    connection = connect()
    async with httpx.AsyncClient(transport=Deaf()) as http:
        other = Connection("shop", connection.settings, http, connection.tokens, clock)
        window = Window(clock() - 9 * DAY, clock() - 8 * DAY)
        with pytest.raises(PayloadInvalid, match="another time"):
            await cls(other).changed(window, None)


@pytest.mark.parametrize(
    "cursor", ["", "1", "1+0", "x+1", "9999999999+9", "1+2@3", "1+2@3/0", "-1+2", "1+2@-3/1"]
)
async def test_a_cursor_of_anybody_else_is_refused(
    connect: Connect, clock: Any, cursor: str
) -> None:
    with pytest.raises(PayloadInvalid, match="cursor"):
        await ColormeOrders(connect()).changed(Window(clock() - DAY, clock()), cursor)


def test_a_slice_is_remembered_by_its_cursor() -> None:
    one = walk.Slice(1_000, 1_009, 5_000, (40, 20))
    assert one.cursor() == "1000+10@40/20"


def test_a_long_history_takes_few_more_calls_than_it_has_pages() -> None:
    random = Random(1)  # noqa: S311 - spreads, guards nothing
    begin, end, limit = 1_400_000_000, 1_790_000_000, 100
    times = sorted(random.randint(begin, end) for _ in range(20_000))
    here: walk.Slice | None = walk.Slice(begin, end, end)
    calls = read = 0
    while here is not None:
        calls += 1
        held = bisect_right(times, here.last) - bisect_left(times, here.first)
        if held > limit:
            here = walk.narrowed(here, Meta(total=held, limit=limit, offset=0))
            continue
        read += held
        here = walk.following(here, held, limit)
    assert read == len(times)
    assert calls < 1.5 * len(times) / limit
