"""The twin: Tryton's JSON-RPC on sales of its own, and a till that asks the hub."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    RateLimited,
    Rejected,
    SettingsInvalid,
    Unavailable,
)
from renkei_contracts.order import Order, OrderState
from renkei_contracts.paging import Window
from renkei_contracts.stage import STRAIGHT, Item, StageContext, TillStage
from renkei_contracts.twin.base import Twin
from renkei_contracts.twin.faults import Fault
from renkei_tryton import wire
from renkei_tryton.check import TrytonCheck
from renkei_tryton.client import TrytonClient
from renkei_tryton.plugin import VENDOR
from renkei_tryton.settings import TrytonSettings
from renkei_tryton.sync import TrytonOrders
from renkei_tryton.twin import TrytonTwin
from renkei_tryton.twin_rows import matches
from renkei_tryton.twin_schema import wrong_answer, wrong_call

NOON = datetime(2026, 11, 26, 3, tzinfo=UTC)
TEA, POT = Item("TEA-1", "煎茶", 2, 1080, 800), Item("POT-1", "急須", 1, 8800)
CALLS = {
    "login",
    "preferences",
    "orders-changed",
    "check-tills",
    "goods",
    "payment-methods",
    "unknown-field",
    "unknown-model",
    "sales-gone",
}
"""Recorded calls that the schema knows."""


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def twin(tmp_path: Path, clock: Clock) -> AsyncIterator[TrytonTwin]:
    async with TrytonTwin(StageContext(tmp_path, now=clock, page_size=2)) as twin:
        yield twin
        assert twin.schema.complaints == []


Connect = Callable[..., Connection[TrytonSettings]]


@pytest.fixture
async def to_twin(twin: TrytonTwin) -> AsyncIterator[Connect]:
    async with httpx.AsyncClient(trust_env=False, timeout=1) as http:

        def make(**changed: Any) -> Connection[TrytonSettings]:
            model = TrytonSettings.model_validate({**twin.settings(), **changed})
            return Connection("till", model, http, MemoryTokens(), twin.context.now)

        yield make


async def sold(twin: TrytonTwin, *items: Item) -> str:
    return await twin.sell("", items or [TEA, POT], 0, STRAIGHT)


async def all_orders(connection: Connection[TrytonSettings]) -> list[Order]:
    orders, cursor, found = TrytonOrders(connection), None, []
    window = Window(NOON - timedelta(days=1), NOON + timedelta(days=1))
    for _ in range(20):
        page = await orders.changed(window, cursor)
        found += page.items
        if (cursor := page.cursor) is None:
            return found
    raise AssertionError("paging does not end")


def yen(order: Order) -> dict[int, int]:
    sums: dict[int, int] = {}
    for line in order.lines:
        sums[line.tax_rate] = sums.get(line.tax_rate, 0) + line.amount
    return sums


class TestSchema:
    @pytest.mark.parametrize("name", sorted(CALLS))
    def test_what_was_recorded_of_the_real_one_fits(
        self, payload: Callable[[str], Any], name: str
    ) -> None:
        recorded = payload(name)
        assert wrong_call(recorded["request"] | {"id": 0}) is None
        assert wrong_answer(recorded["request"]["method"], recorded["response"]) is None

    @pytest.mark.parametrize(
        "call",
        [
            {"id": 0, "method": "common.db.login", "params": ["u", {"password": "p"}]},
            {"id": 0, "method": "common.db.login", "params": ["u", "p", "en"]},
            {"id": 0, "method": "model.x.search_read", "params": [[], 0, None, None, ["a"]]},
            {"id": 0, "method": "model.x.search_read", "params": [[], 0, None, None, ["a"], {}]},
            {"id": 0, "method": "model.x.delete", "params": []},
            {"method": "common.db.login", "params": []},
            [],
        ],
        ids=str,
    )
    def test_a_call_that_tryton_would_not_understand_is_refused(self, call: Any) -> None:
        assert wrong_call(call) is not None

    def test_an_answer_of_another_shape_is_found(self, payload: Callable[[str], Any]) -> None:
        recorded = payload("orders-changed")
        recorded["response"]["result"][0]["total"] = "5460"
        said = wrong_answer(recorded["request"]["method"], recorded["response"])
        assert said is not None
        assert "result/0/total" in said

    def test_every_field_says_where_it_is_from(self) -> None:
        file = Path(wire.__file__).with_name("wire_schema.json")
        assert fields_without_source(json.loads(file.read_text("utf-8"))) == []

    async def test_the_twin_refuses_a_call_outside_the_schema(self, twin: TrytonTwin) -> None:
        async with httpx.AsyncClient(trust_env=False) as http:
            call = {"id": 0, "method": "common.db.login", "params": []}
            answer = await http.post(f"{twin.base_url}/shop/rpc/", json=call)
        assert answer.status_code == 400
        assert len(twin.schema.complaints) == 1
        twin.schema.complaints.clear()


def fields_without_source(schema: Any, path: str = "") -> list[str]:
    if not isinstance(schema, dict):
        return []
    bare = [
        f"{path}/{name}"
        for name, one in schema.get("properties", {}).items()
        if "$comment" not in one and "$comment" not in schema
    ]
    deeper = [fields_without_source(one, f"{path}/{name}") for name, one in schema.items()]
    return bare + [one for found in deeper for one in found]


class TestSales:
    async def test_it_is_a_twin_of_a_till_that_asks(self, twin: TrytonTwin) -> None:
        assert VENDOR.twin is not None
        assert isinstance(twin, TillStage)
        assert isinstance(twin, Twin)
        assert twin.asks_hub

    async def test_a_sale_is_read_with_tax_as_it_was_charged(
        self, twin: TrytonTwin, to_twin: Connect
    ) -> None:
        order = await TrytonOrders(to_twin()).fetch(await sold(twin))
        assert yen(order) == await twin.charged(order.ref.id) == {800: 2160, 1000: 8800}
        assert [(one.kind, one.amount) for one in order.tenders] == [("Cash", 10960)]
        assert (order.state, order.placed_at) == (OrderState.FULFILLED, NOON)

    async def test_its_day_is_the_stores(
        self, twin: TrytonTwin, to_twin: Connect, clock: Clock
    ) -> None:
        clock.now = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
        order = await TrytonOrders(to_twin()).fetch(await sold(twin))
        assert order.till is not None
        assert order.till.business_date.isoformat() == "2026-11-27"

    async def test_points_are_a_tender_and_a_discount_is_a_line(
        self, twin: TrytonTwin, to_twin: Connect
    ) -> None:
        row = twin.shop.sell([("POT-1", 1), ("TEA-1", 1)], points=800, discount=80)
        assert int(row["total_tax"]) == 880 - 7  # each line is rounded to the yen
        order = await TrytonOrders(to_twin()).fetch(str(row["id"]))
        assert (order.points_used, yen(order)) == (800, {800: 1080, 1000: 8720})
        assert await twin.charged(order.ref.id) == yen(order)

    async def test_sales_of_one_instant_come_whole_over_pages_of_two(
        self, twin: TrytonTwin, to_twin: Connect
    ) -> None:
        ids = [await sold(twin) for _ in range(5)]
        assert [order.ref.id for order in await all_orders(to_twin())] == ids

    async def test_pieces_taken_out_are_as_if_never_sold(
        self, twin: TrytonTwin, to_twin: Connect, clock: Clock
    ) -> None:
        id = await sold(twin)
        before = await TrytonOrders(to_twin()).fetch(id)
        clock.now += timedelta(minutes=1)
        await twin.edit(id, "TEA-1", 1)
        await twin.edit(id, "POT-1", 1)
        order = await TrytonOrders(to_twin()).fetch(id)
        assert [(line.sku, line.quantity) for line in order.lines] == [("TEA-1", 1)]
        assert order.till == before.till
        assert order.changed_at > before.changed_at
        assert yen(order) == await twin.charged(id)

    async def test_a_cancelled_sale_stays_and_owes_nothing(
        self, twin: TrytonTwin, to_twin: Connect
    ) -> None:
        id = await sold(twin)
        await twin.cancel(id)
        (order,) = await all_orders(to_twin())
        assert (order.ref.id, order.state) == (id, OrderState.CANCELLED)
        assert await twin.charged(id) == {}

    async def test_goods_given_back_are_set_aside_and_leave_their_sale_alone(
        self, twin: TrytonTwin, to_twin: Connect
    ) -> None:
        id = await sold(twin)
        twin.shop.give_back([("TEA-1", 1)])
        assert [order.ref.id for order in await all_orders(to_twin())] == [id]
        assert "refund" not in twin.can

    async def test_a_posted_sale_is_not_opened_again(self, twin: TrytonTwin) -> None:
        id = await sold(twin)
        twin.shop.close_day()
        with pytest.raises(ValueError, match="posted"):
            await twin.cancel(id)

    @pytest.mark.parametrize(
        ("act", "what"),
        [
            (lambda twin: twin.edit("1001", "TEA-1", 3), "has 2 of TEA-1"),
            (lambda twin: twin.edit("9", "TEA-1", 1), "no sale 9"),
            (lambda twin: sold(twin, replace(TEA, sku="NONE")), "no product NONE"),
        ],
    )
    async def test_what_cannot_be_done_is_said(
        self, twin: TrytonTwin, act: Callable[[TrytonTwin], Any], what: str
    ) -> None:
        await sold(twin)
        with pytest.raises(ValueError, match=what):
            await act(twin)

    async def test_points_without_a_credential_are_not_taken(self, twin: TrytonTwin) -> None:
        with pytest.raises(RuntimeError, match="credential"):
            await twin.sell("2900000000018", [POT], 10, STRAIGHT)
        assert twin.shop.sales == []


async def test_it_sells_what_it_is_given(tmp_path: Path) -> None:
    given = (replace(TEA, quantity=1), Item("BOOK-1", "本", 1, 1500))
    async with TrytonTwin(StageContext(tmp_path, items=given)) as twin:
        assert tuple(await twin.catalogue()) == given
        assert twin.shop.sell([("BOOK-1", 1)], discount=100)["total"] == 1400


class TestDoor:
    async def test_the_shop_passes_the_connection_check(self, to_twin: Connect) -> None:
        assert await TrytonCheck(to_twin()).check() == []

    async def test_a_session_ends_when_it_was_idle_and_is_renewed(
        self, twin: TrytonTwin, to_twin: Connect, clock: Clock
    ) -> None:
        connection = to_twin()
        for minutes in (4, 4, 5):
            await TrytonClient(connection).search(wire.TILL, [], ["name"])
            clock.now += timedelta(minutes=minutes)
        assert twin.app.logins == 1
        await TrytonClient(connection).search(wire.TILL, [], ["name"])
        assert twin.app.logins == 2

    @pytest.mark.parametrize(
        ("changed", "error"),
        [
            ({"password": "wrong"}, AuthenticationFailed),
            ({"username": "somebody"}, AuthenticationFailed),
            ({"database": "nothing"}, SettingsInvalid),
        ],
    )
    async def test_who_is_not_let_in_is_told_so(
        self, to_twin: Connect, changed: dict[str, str], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            await TrytonOrders(to_twin(**changed)).fetch("1")

    @pytest.mark.parametrize(("model", "field"), [("no.such", "id"), (wire.SALE, "nonsense")])
    async def test_a_name_it_does_not_have_is_refused(
        self, twin: TrytonTwin, to_twin: Connect, model: str, field: str
    ) -> None:
        await sold(twin)
        with pytest.raises(Rejected, match="does not know"):
            await TrytonClient(to_twin()).search(model, [], [field])

    async def test_a_sale_that_is_not_there_is_not_found(self, to_twin: Connect) -> None:
        with pytest.raises(NotFound):
            await TrytonOrders(to_twin()).fetch("7")

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault("rate_limited", "search_read", retry_after=7), RateLimited),
            (Fault("server_error", "search_read"), Unavailable),
            (Fault("drop_after", "search_read"), Unavailable),
            (Fault("half_page", "search_read"), Unavailable),
        ],
        ids=lambda value: value.kind if isinstance(value, Fault) else "",
    )
    async def test_its_faults_are_met_by_the_method_that_is_called(
        self, twin: TrytonTwin, to_twin: Connect, fault: Fault, error: type[Exception]
    ) -> None:
        twin.faults.plan([fault])
        with pytest.raises(error):
            await TrytonOrders(to_twin()).fetch("1")
        assert twin.app.logins == 1

    async def test_its_page_shows_the_sales(self, twin: TrytonTwin) -> None:
        await sold(twin)
        async with httpx.AsyncClient(trust_env=False) as http:
            page = await http.get(twin.address())
        assert "Cash 10960" in page.text


class TestDomains:
    @pytest.mark.parametrize(
        ("domain", "within"),
        [
            ([], True),
            ([["id", "=", 3], ["state", "in", ["done"]]], False),
            (["OR", ["id", "=", 9], [["id", ">", 2], ["id", "<=", 3]]], True),
            (["AND", ["id", ">=", 3], ["id", "<", 4]], True),
            ([["state", "not in", ["done"]]], True),
            ([["number", "=", None]], True),
            ([["number", "!=", None]], False),
            ([["number", ">", "1"]], False),
        ],
        ids=str,
    )
    def test_a_domain_is_read_as_tryton_reads_it(self, domain: list[Any], within: bool) -> None:
        row = {"id": 3, "number": None, "state": "cancelled"}
        assert matches(row, domain) is within


async def test_the_recorded_shop_and_the_twin_offer_the_same(
    twin: TrytonTwin, payload: Callable[[str], Any], mocked: respx.MockRouter
) -> None:
    recorded = {row["code"]: row for row in payload("goods")["response"]["result"]}
    for item in await twin.catalogue():
        assert recorded[item.sku]["gross_price_used"]["decimal"] == str(item.yen)
