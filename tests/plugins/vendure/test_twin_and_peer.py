"""Twin and real software side by side: the plugin reads the same from both."""

import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLSchema, build_client_schema, get_introspection_query
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from renkei_contracts.connection import Connection, MemoryTokens
from renkei_contracts.errors import NotFound
from renkei_contracts.order import Order
from renkei_contracts.paging import Window
from renkei_contracts.stage import CartStage, Item, Mischief, Shopper, StageContext, Webhook
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.server import serve
from renkei_vendure import sync
from renkei_vendure.settings import VendureSettings
from renkei_vendure.stage import VendureStage
from renkei_vendure.sync import VendureBalances, VendureMembers, VendureOrders
from renkei_vendure.twin import VendureTwin
from renkei_vendure.twin_graphql import schema
from renkei_vendure.twin_schema import delivery_problem

pytestmark = [pytest.mark.peers, pytest.mark.asyncio(loop_scope="module")]

ONCE = Mischief()
Reading = dict[str, Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stages(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[VendureTwin, VendureStage]]:
    given = os.environ.get("RENKEI_PEERS_DIR")
    work_dir = Path(given) if given else tmp_path_factory.mktemp("peers")
    async with (
        VendureTwin(StageContext(tmp_path_factory.mktemp("twin"))) as twin,
        VendureStage(StageContext(work_dir)) as real,
    ):
        yield twin, real


@asynccontextmanager
async def connected(stage: CartStage) -> AsyncIterator[Connection[Any]]:
    settings = VendureSettings.model_validate(stage.settings())
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        yield Connection("shop", settings, http, MemoryTokens(), lambda: datetime.now(UTC))


def read_of(order: Order) -> Reading:
    """Everything that moves points, without ids and moments."""
    return {
        "state": order.state,
        "currency": order.currency,
        "shipping": order.shipping,
        "lines": [
            {**line.model_dump(exclude={"id"}), "left": line.amount - line.returned_amount}
            for line in order.lines
        ],
        "bought by somebody": order.customer is not None,
    }


async def somebody(stage: CartStage) -> str:
    email = f"hanako.{secrets.token_hex(8)}@example.jp"  # nobody of an earlier run
    return await stage.register(Shopper(email, "山田", "花子"))


Act = Callable[[CartStage, str], Awaitable[object]]

SALES: dict[str, list[Act]] = {
    "bought": [],
    "a piece came back": [lambda stage, order: stage.refund(order, "TEA-1", 1)],
    "a piece was taken out": [lambda stage, order: stage.edit(order, "TEA-1", 2)],
    "came back and was taken out": [
        lambda stage, order: stage.refund(order, "TEA-1", 1),
        lambda stage, order: stage.edit(order, "CUP-1", 1),
    ],
    "sent": [lambda stage, order: stage.fulfil(order)],
    "sent, then a piece came back": [
        lambda stage, order: stage.fulfil(order),
        lambda stage, order: stage.refund(order, "CUP-1", 1),
    ],
    "called off": [lambda stage, order: stage.cancel(order)],
    "a piece came back, then called off": [
        lambda stage, order: stage.refund(order, "TEA-1", 2),
        lambda stage, order: stage.cancel(order),
    ],
    "everything came back": [
        lambda stage, order: stage.refund(order, "TEA-1", 3),
        lambda stage, order: stage.refund(order, "CUP-1", 1),
    ],
}


async def sold(stage: CartStage, acts: list[Act]) -> tuple[Reading, dict[int, int]]:
    goods: dict[str, Item] = {item.sku: item for item in await stage.catalogue()}
    items = [replace(goods["TEA-1"], quantity=3), goods["CUP-1"]]
    order = await stage.buy(await somebody(stage), items, ONCE)
    for act in acts:
        await act(stage, order)
    async with connected(stage) as connection:
        read = read_of(await VendureOrders(connection).fetch(order))
    return read, dict(await stage.charged(order))


@pytest.mark.parametrize("sale", SALES)
async def test_the_same_sale_is_read_the_same(
    stages: tuple[VendureTwin, VendureStage], sale: str
) -> None:
    twin, real = [await sold(stage, SALES[sale]) for stage in stages]
    assert twin == real
    read, charged = real
    assert sum(line["left"] for line in read["lines"]) == sum(charged.values())


async def bought_by_a_guest(stage: CartStage) -> Any:
    order = await stage.buy("", [(await stage.catalogue())[0]], ONCE)
    async with connected(stage) as connection:
        read = await VendureOrders(connection).fetch(order)
        page = await VendureMembers(connection).changed(just_now(), None)
    guests = [
        [(one.kind, one.grade) for one in member.identities]
        for member in page.items
        if member.identities[-1:] == read.identities
    ]
    return read_of(read), guests


def just_now() -> Window:
    now = datetime.now(UTC)
    return Window(now - timedelta(minutes=1), now + timedelta(minutes=1))


async def test_what_a_guest_buys_is_read_the_same(
    stages: tuple[VendureTwin, VendureStage],
) -> None:
    twin, real = [await bought_by_a_guest(stage) for stage in stages]
    assert twin == real
    assert twin[0]["bought by somebody"] is False
    assert len(twin[1]) == 1


async def test_pages_of_the_real_shop_lose_no_order_that_was_placed_before_an_older_cart(
    stages: tuple[VendureTwin, VendureStage], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, real = stages
    monkeypatch.setattr(sync, "ORDER_PAGE", 1)
    emails = [f"{secrets.token_hex(8)}@example.jp" for _ in "12"]
    slow, quick = [await real.register(Shopper(email, "山田", "花子")) for email in emails]
    session = await real._running._customer_session(emails[0])
    await real._running._fill(session, [("TEA-1", 1)])
    first = await real.buy(quick, [(await real.catalogue())[0]], ONCE)
    second = (await real._running._check_out(session)).id
    assert int(second) < int(first)
    assert slow
    async with connected(real) as connection:
        orders, window, cursor = VendureOrders(connection), just_now(), None
        found: list[str] = []
        while True:
            page = await orders.changed(window, cursor)
            found += [one.ref.id for one in page.items]
            if (cursor := page.cursor) is None:
                break
    assert [id for id in found if id in (first, second)] == [first, second]


async def test_both_sell_the_same_goods(stages: tuple[VendureTwin, VendureStage]) -> None:
    twin, real = [await stage.catalogue() for stage in stages]
    assert set(twin) == set(real)
    assert list(twin[:2]) == list(real[:2])


async def lived(stage: CartStage) -> list[Any]:
    """What is read of a customer from registering to leaving."""
    customer = await somebody(stage)
    seen: list[Any] = []
    async with connected(stage) as connection:
        members, balances = VendureMembers(connection), VendureBalances(connection)
        for act in (
            lambda: stage.adjust(customer, 55),
            lambda: stage.rename(
                customer, Shopper(f"{secrets.token_hex(8)}@example.jp", "佐藤", "春子")
            ),
        ):
            await act()
            member = await members.fetch(customer)
            grades = [(one.kind, one.grade) for one in member.identities]
            seen.append((member.family_name, member.given_name, grades))
            seen.append(await balances.read(customer))
        order = await stage.buy(customer, [(await stage.catalogue())[0]], ONCE)
        await stage.withdraw(customer)
        with pytest.raises(NotFound):
            await members.fetch(customer)
        kept = (await VendureOrders(connection).fetch(order)).customer
        seen.append(kept is not None and kept.id == customer)
    return seen


async def test_the_same_life_is_read_the_same(stages: tuple[VendureTwin, VendureStage]) -> None:
    twin, real = [await lived(stage) for stage in stages]
    assert twin == real


async def test_what_the_real_shop_posts_fits_our_schema(
    stages: tuple[VendureTwin, VendureStage],
) -> None:
    _, real = stages
    sent: list[Outgoing] = []

    async def take(request: Request) -> Response:
        sent.append(Outgoing(dict(request.headers), await request.body()))
        return Response()

    async with serve(Starlette(routes=[Route("/w", take, methods=["POST"])])) as url:
        await real.listen(Webhook(f"{url}/w"))
        goods = (await real.catalogue())[:2]
        order = await real.buy(await somebody(real), goods, ONCE)
        await real.edit(order, goods[0].sku, 1)
        await real.refund(order, goods[1].sku, 1)
        await real.withdraw(await somebody(real))
    assert [delivery_problem(one) for one in sent] == [None] * len(sent)
    assert {json.loads(one.body)["event"] for one in sent} >= {"order.placed", "refund.created"}


async def test_our_wire_schema_says_what_the_real_one_says(
    stages: tuple[VendureTwin, VendureStage],
) -> None:
    question = get_introspection_query(descriptions=False)
    real = build_client_schema(await stages[1]._running.admin(question))
    assert list(differences(schema(), real)) == []


def differences(ours: GraphQLSchema, real: GraphQLSchema) -> list[str]:
    """What our schema claims and the real one does not say."""
    found: list[str] = []
    for name, kind in ours.type_map.items():
        other = real.type_map.get(name)
        if other is None or type(other) is not type(kind):
            found.append(name)
            continue
        values = getattr(kind, "values", {})
        found += [f"{name}.{one}" for one in values if one not in getattr(other, "values")]  # noqa: B009
        fields, known = getattr(kind, "fields", {}), getattr(other, "fields", {})
        found += [
            f"{name}.{field}"
            for field, said in fields.items()
            if field not in known or str(said.type) != str(known[field].type)
        ]
    return found
