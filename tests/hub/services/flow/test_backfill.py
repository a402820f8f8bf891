"""A shop's past is read page after page; kill -9 costs the page under way, and none is missed."""

import asyncio
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from renkei.bootstrap import Hub, open_hub
from renkei.cli.demo_watch import watch
from renkei.config import Settings
from renkei.errors import RequestInvalid
from renkei.ledger.verify import verify
from renkei.registry import Registry
from renkei.services.flow.backfill import Backfill, Progress
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.reference.cart.twin_app import TwinApp
from renkei_contracts.reference.cart.twin_shop import Row, iso
from renkei_contracts.stage import Shopper, StageContext

NOW = datetime.now(UTC).replace(microsecond=0)
COUNTS_FROM = NOW - timedelta(days=1)
BEGAN = NOW - timedelta(days=100)
PAGE = 4
PATIENCE = 60.0

FREE_AT_ONCE = "UPDATE poll SET leased_until = NULL"
ORDERS = "SELECT order_ref, document ->> 'state' FROM orders WHERE connection_id = 'cart'"

Asked = tuple[str, str, str | None]
"""Which list, up to when, from which cursor on."""


@dataclass
class Shop:
    """A twin with its past, the lists it was asked for, and what is to happen at which request."""

    twin: ReferenceTwin
    asked: list[Asked] = field(default_factory=list)
    happens: dict[int, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    @property
    def past(self) -> list[Asked]:
        """Requests for orders of the past."""
        end = COUNTS_FROM.isoformat()
        return [one for one in self.asked if one[0] == "orders" and one[1] <= end]

    async def note(self, asked: Asked) -> None:
        """One more request; perhaps something happens before it is answered."""
        self.asked.append(asked)
        happens = self.happens.pop(len(self.past), None) if asked in self.past else None
        if happens is not None:
            await happens()

    def sold(self, number: int, changed_at: datetime) -> Row:
        """An order of the past, paid."""
        customer = [*self.twin.shop.customers][number % 3]
        order = self.twin.shop.place(customer, list(self.twin.shop.items)[:1])
        order |= {"state": "paid", "placed_at": iso(BEGAN), "updated_at": iso(changed_at)}
        return order


@pytest.fixture
async def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    """Orders of 90 days, at the same second by tens, of three customers as old."""
    listed, shops = TwinApp._list, []

    async def noted(app: TwinApp, request: Request) -> Response:
        query = request.query_params
        await shops[0].note((request.path_params["list"], query.get("to", ""), query.get("cursor")))
        return await listed(app, request)

    monkeypatch.setattr(TwinApp, "_list", noted)
    async with ReferenceTwin(StageContext(tmp_path, page_size=PAGE)) as twin:
        made = Shop(twin)
        shops.append(made)
        for number in range(3):
            twin.shop.register(Shopper(f"s{number}@example.jp", "山田", f"花子{number}"))
        for customer in twin.shop.customers.values():
            customer["updated_at"] = iso(BEGAN)
        for number in range(60):
            made.sold(number, BEGAN + timedelta(days=15 * (number // 10)))
        yield made


@pytest.fixture
async def hub(
    hub_environment: dict[str, str], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    """A hub that is connected to the shop since yesterday; nobody works in it."""
    for name, value in hub_environment.items():
        monkeypatch.setenv(name, value)
    async with open_hub(Settings(), registry=Registry({VENDOR.name: VENDOR})) as opened:
        await opened.connecting.connect(VENDOR, "cart", shop.twin.settings(), COUNTS_FROM)
        yield opened


@pytest.fixture
def backfill(hub: Hub) -> Backfill:
    return Backfill(hub.connections, hub.database, hub.clock)


Start = Callable[..., Awaitable[Process]]


async def freed(hub: Hub) -> None:
    """Pretend that the lease of the dead is over."""
    async with hub.database.begin() as conn:
        await conn.execute(text(FREE_AT_ONCE))


async def orders(hub: Hub) -> dict[str, str]:
    """Every order the hub knows, with its state."""
    async with hub.database.begin() as conn:
        return {row[0]: row[1] for row in await conn.execute(text(ORDERS))}


def of(found: list[Progress], what: str) -> Progress:
    return next(one for one in found if one.what == what)


@pytest.mark.timeout(240)
async def test_a_killed_backfill_goes_on_and_reads_no_page_twice_but_the_one_under_way(
    hub: Hub, shop: Shop, backfill: Backfill, start_worker: Start
) -> None:
    await backfill.begin("cart", BEGAN)
    process = await start_worker()
    seen = [*shop.twin.shop.orders.values()]

    async def kill_between_two_changes() -> None:
        process.kill()
        shop.twin.shop.become(seen[0], "cancelled")  # read already
        shop.twin.shop.become(seen[55], "cancelled")  # and not yet

    shop.happens[10] = kill_between_two_changes
    assert await asyncio.wait_for(process.wait(), PATIENCE) == -9
    half = of(await backfill.progress("cart"), "orders")
    assert (half.pages, half.items, half.percent, half.done) == (9, 34, 31, False)
    await freed(hub)
    dying = await start_worker(
        RENKEI_FAILPOINT="after_commit:5"
    )  # booked, and the page not kept yet
    assert await asyncio.wait_for(dying.wait(), PATIENCE) == -9
    await freed(hub)
    await start_worker()

    async def done() -> int:
        found = await backfill.progress("cart")
        told = (await orders(hub)).get(str(seen[55]["id"]))
        return int(all(one.done for one in found) and told == "cancelled")

    assert (await watch(done, expected=1, deadline=PATIENCE)).shown == 1
    assert await orders(hub) == {
        str(row["id"]): "cancelled" if row["state"] == "cancelled" else "paid" for row in seen
    }
    again = {asked: times for asked, times in Counter(shop.asked).items() if times > 1}
    assert [*again.values()] == [2, 2], again  # one page for each death
    whole = of(await backfill.progress("cart"), "orders")
    assert (whole.percent, whole.items, whole.failures) == (100, len(seen) - 1, 0)
    async with hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_what_is_not_the_past_cannot_be_filled_in(backfill: Backfill) -> None:
    with pytest.raises(RequestInvalid, match="orders count from"):
        await backfill.begin("cart", COUNTS_FROM)
    assert await backfill.progress("cart") == []
