"""A long past from one file: whole, in parts, and never in memory at once."""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    is_list_type,
    visit,
)
from graphql import get_named_type as named
from graphql import get_nullable_type as nullable
from graphql import parse as parsed

from renkei_contracts.connection import Connection
from renkei_contracts.errors import (
    AuthenticationFailed,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    Unavailable,
)
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.testing.shop import HANAKO
from renkei_shopify import documents, export, twin_export
from renkei_shopify.export import exported
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.sync import ShopifyOrders
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.twin_shop import CATALOGUE

Connect = Callable[..., Connection[ShopifySettings]]

TWIN = "http://127.0.0.1"


@pytest.fixture
def window(now: datetime) -> Window:
    return Window(now - timedelta(hours=1), now + timedelta(hours=1))


@pytest.fixture
def orders(connect: Connect) -> ShopifyOrders:
    return ShopifyOrders(connect(base_url=TWIN))


@pytest.fixture
def shop(twin: TwinApp) -> TwinApp:
    """Twelve orders of three lines, one of them partly given back, one edited."""
    hanako = twin.shop.register(HANAKO)
    made = [twin.shop.place(hanako, CATALOGUE[:3]) for _ in range(12)]
    for order in made[:6]:
        twin.shop.pay(order)
    twin.shop.refund(made[2], "CHA-03", 1)
    twin.shop.remove(made[3], "CHA-03", 1)
    return twin


async def pages(
    orders: ShopifyOrders, window: Window, cursor: str | None = None
) -> AsyncIterator[Page[Order]]:
    """Page after page; the file is there when it is asked for a second time."""
    while True:
        try:
            page = await orders.past(window, cursor)
        except Unavailable:
            continue
        yield page
        if page.cursor is None:
            return
        cursor = page.cursor


async def polled(orders: ShopifyOrders, window: Window) -> list[Order]:
    found: list[Order] = []
    cursor = None
    while True:
        page = await orders.changed(window, cursor)
        found += page.items
        if (cursor := page.cursor) is None:
            return sorted(found, key=lambda one: one.ref.id)


async def test_the_file_tells_what_polls_tell(
    orders: ShopifyOrders, shop: TwinApp, window: Window
) -> None:
    told = [one async for page in pages(orders, window) for one in page.items]
    assert sorted(told, key=lambda one: one.ref.id) == await polled(orders, window)


async def test_only_orders_with_refunds_are_read_once_more(
    orders: ShopifyOrders, shop: TwinApp, window: Window, transport: Any
) -> None:
    assert [len(page.items) async for page in pages(orders, window)] == [0, 12]
    assert transport.operations.count("RenkeiOrder") == 1


@pytest.mark.parametrize("part", [700, 3_000, 12_000])
async def test_every_cursor_goes_on_where_it_stopped(
    orders: ShopifyOrders,
    shop: TwinApp,
    window: Window,
    part: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "PART", part)
    every = [page async for page in pages(orders, window)]
    assert len(every) > 2
    for at, page in enumerate(every[:-1]):
        before = [one for earlier in every[: at + 1] for one in earlier.items]
        rest = [one async for later in pages(orders, window, page.cursor) for one in later.items]
        assert len({one.ref.id for one in before + rest}) == len(before + rest) == 12


async def test_a_page_reads_few_orders_again(
    orders: ShopifyOrders, twin: TwinApp, window: Window
) -> None:
    for _ in range(12):
        order = twin.shop.place(None, CATALOGUE[:2])
        twin.shop.pay(order)
        twin.shop.refund(order, "CHA-03", 1)
    sizes = [len(page.items) async for page in pages(orders, window)]
    assert sizes == [0, 5, 5, 2]


async def test_of_nothing_there_is_no_file(
    orders: ShopifyOrders, twin: TwinApp, window: Window
) -> None:
    assert [page.items async for page in pages(orders, window)] == [(), ()]


async def test_a_window_has_its_ends(orders: ShopifyOrders, shop: TwinApp, now: datetime) -> None:
    later = Window(now + timedelta(hours=1), now + timedelta(hours=2))
    assert [page.items async for page in pages(orders, later)] == [(), ()]


async def test_more_exports_than_shopify_takes_are_a_matter_of_time(
    orders: ShopifyOrders, shop: TwinApp, window: Window
) -> None:
    for _ in range(twin_export.MOST):
        await orders.past(window, None)
    with pytest.raises(RateLimited):
        await orders.past(window, None)


class TestFile:
    """A file that a server of somebody else keeps."""

    URL = "https://files.example.com/export.jsonl"

    @pytest.fixture
    def lines(self, shop: TwinApp, window: Window) -> list[bytes]:
        made = shop.exports.begin(documents.orders_export(filter_of(window)).text)
        id = made["bulkOperationRunQuery"]["bulkOperation"]["id"]
        one = shop.exports.asked(id)
        assert one is not None
        one.lines = list(_written(shop, one.query))
        return one.file.splitlines(keepends=True)

    @pytest.fixture
    def kept(self, connect: Connect) -> Callable[..., ShopifyOrders]:
        """Orders of a store whose export is done, with what the server of its file answers."""

        def make(answer: Callable[[httpx.Request], httpx.Response], **told: Any) -> ShopifyOrders:
            status = {
                "status": "COMPLETED", "errorCode": None, "objectCount": "1", "url": self.URL,
            } | told  # fmt: skip

            def serve(request: httpx.Request) -> httpx.Response:
                if request.url.path.endswith("graphql.json"):
                    return httpx.Response(200, json={"data": {"bulkOperation": status}})
                assert "x-shopify-access-token" not in request.headers
                return answer(request)

            http = httpx.AsyncClient(transport=httpx.MockTransport(serve))
            given = connect(access_token="static")
            return ShopifyOrders(replace(given, http=http))

        return make

    async def test_a_server_without_ranges_is_read_from_the_start(
        self, kept: Callable[..., ShopifyOrders], lines: list[bytes], window: Window
    ) -> None:
        given = list(plain(lines))
        orders = kept(lambda _: httpx.Response(200, content=b"".join(given)))
        behind = len(b"".join(given[:4]))
        page = await orders.past(window, f"1:{behind}")
        whole = await orders.past(window, "1:0")
        assert page.items == whole.items[1:]

    async def test_another_part_than_was_asked_for_is_invalid(
        self, kept: Callable[..., ShopifyOrders], lines: list[bytes], window: Window
    ) -> None:
        headers = {"content-range": "bytes 0-99/100"}
        orders = kept(lambda _: httpx.Response(206, content=lines[0], headers=headers))
        with pytest.raises(PayloadInvalid, match="another part"):
            await orders.past(window, "1:5")

    @pytest.mark.parametrize(
        ("status", "expected"), [(500, Unavailable), (429, Unavailable), (404, Rejected)]
    )
    async def test_a_server_that_refuses_says_what_to_do(
        self,
        kept: Callable[..., ShopifyOrders],
        window: Window,
        status: int,
        expected: type[RenkeiError],
    ) -> None:
        with pytest.raises(expected):
            await kept(lambda _: httpx.Response(status)).past(window, "1:0")

    async def test_a_line_that_is_not_json_costs_what_it_may_belong_to(
        self, kept: Callable[..., ShopifyOrders], lines: list[bytes], window: Window
    ) -> None:
        """The rest is read. It may be a product of the first order, or an order of its own."""
        whole = list(plain(lines))
        spoilt = b"".join([*whole[:4], b'{"id": "gid:\n', *whole[4:]])
        page = await kept(lambda _: httpx.Response(200, content=spoilt)).past(window, "1:0")
        first = json.loads(whole[0])["legacyResourceId"]
        assert [id for id, _ in page.rejected] == [first, "unknown"]
        assert (len(page.items), page.cursor) == (10, None)

    async def test_goods_behind_another_order_are_not_taken_for_its_own(
        self, kept: Callable[..., ShopifyOrders], lines: list[bytes], window: Window
    ) -> None:
        mixed = b"".join([lines[0], *lines[5:8]])
        page = await kept(lambda _: httpx.Response(200, content=mixed)).past(window, "1:0")
        assert page.items == ()
        assert len(page.rejected) == 1

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ({"status": "RUNNING"}, Unavailable),
            ({"status": "CREATED"}, Unavailable),
            ({"status": "FAILED", "errorCode": "TIMEOUT"}, Rejected),
            ({"status": "FAILED", "errorCode": "ACCESS_DENIED"}, AuthenticationFailed),
            ({"status": "EXPIRED"}, Rejected),
            ({"status": "CANCELED"}, Rejected),
            ({"status": "A NEW WORD"}, Rejected),
            ({"objectCount": True}, PayloadInvalid),
            ({"url": "http://files.example.com/a"}, PayloadInvalid),
            ({"url": "http://127.0.0.1/a"}, PayloadInvalid),
            ({"url": "https://user:secret@files.example.com/a"}, PayloadInvalid),
        ],
        ids=str,
    )
    async def test_an_export_that_is_not_there_says_what_to_do(
        self,
        kept: Callable[..., ShopifyOrders],
        window: Window,
        told: dict[str, Any],
        expected: type[RenkeiError],
    ) -> None:
        with pytest.raises(expected):
            await kept(lambda _: httpx.Response(200), **told).past(window, "1:0")

    @pytest.mark.parametrize("cursor", ["", "1", "1:", "x:1", "0:1", "1:-1", "１:1", "1:1\n"])
    async def test_a_cursor_of_a_poll_is_none_of_an_export(
        self, orders: ShopifyOrders, window: Window, cursor: str
    ) -> None:
        with pytest.raises(Rejected, match="cursor"):
            await orders.past(window, cursor)

    async def test_a_file_is_read_in_parts_and_hardly_a_byte_twice(
        self,
        kept: Callable[..., ShopifyOrders],
        lines: list[bytes],
        window: Window,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(export, "PART", 20_000)
        body, served = b"".join(plain(lines)) * 20, []

        def part(request: httpx.Request) -> httpx.Response:
            start, end = map(int, re.findall(r"\d+", request.headers["range"]))
            content = body[start : end + 1]
            served.append(len(content))
            told = {"content-range": f"bytes {start}-{start + len(content) - 1}/{len(body)}"}
            return httpx.Response(206, content=content, headers=told)

        orders, count, cursor = kept(part), 0, "1:0"
        while cursor:
            page = await orders.past(window, cursor)
            count, cursor = count + len(page.items), page.cursor or ""
        assert count == 20 * 11
        assert len(body) > 10 * max(served)
        assert max(served) <= 20_001
        assert sum(served) < len(body) * 1.15


def plain(lines: list[bytes]) -> Iterator[bytes]:
    """The lines of all orders but the one with a refund."""
    keep = True
    for line in lines:
        if b"__parentId" not in line:
            keep = not json.loads(line)["refunds"]
        if keep:
            yield line


def filter_of(window: Window) -> str:
    since, until = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (window.since, window.until))
    return f"updated_at:>='{since}' AND updated_at:<'{until}'"


def _written(shop: TwinApp, query: str) -> Any:
    from renkei_shopify.twin_graphql import Desk

    return Desk(shop.shop, "", (), {}, shop.exports, "")._exported(query)


class TestLines:
    A, B = b'{"id":"1"}\n', b'{"id":"2","__parentId":"1"}\n'

    @pytest.mark.parametrize(
        ("part", "last", "sizes"),
        [
            (A + B + B, True, [3]),
            (A + B + B, False, []),
            (A + B + A, False, [2]),
            (A + B + A, True, [2, 1]),
            (A + B + A[:-1], True, [2, 1]),
            (A + B + A[:-1], False, []),
            (A + b"\n" + B + A + b"\n", True, [2, 1]),
            (b"", True, []),
            (A + b"nonsense\n" + A, True, [2, 1, 1]),
        ],
    )
    def test_an_order_is_whole_when_the_next_begins_or_the_file_ends(
        self, part: bytes, last: bool, sizes: list[int]
    ) -> None:
        found = list(exported(part, 10, last=last))
        assert [len(one.rows) for one in found] == sizes
        assert all(one.ends <= 10 + len(part) for one in found)


class Shape(Visitor):
    """Counts what a bulk operation limits: connections, how deep, and none within a list."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self._info, self._path = info, [False]
        self.connections, self.deepest, self.lists = 0, 0, [0]

    def enter_field(self, _node: FieldNode, *_: Any) -> None:
        type = self._info.get_type()
        assert type is not None
        if named(type).name.endswith("Connection"):
            self.connections += 1
            self._path.append(True)
            self.deepest = max(self.deepest, sum(self._path))
            assert sum(self.lists) == 0, "no connection within a list"
        else:
            self._path.append(False)
        is_edges = named(type).name.endswith("Edge")
        self.lists.append(int(is_list_type(nullable(type)) and not is_edges))

    def leave_field(self, *_: Any) -> None:
        self._path.pop()
        self.lists.pop()


def test_the_exported_query_keeps_to_what_a_bulk_operation_takes(schema: GraphQLSchema) -> None:
    info = TypeInfo(schema)
    shape = Shape(info)
    visit(parsed(documents.ORDERS_EXPORT.text), TypeInfoVisitor(info, shape))
    assert (shape.connections, shape.deepest) == (2, 2)
