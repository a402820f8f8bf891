"""From deliveries, hints and polls to balances at the vendors, through the real hub."""

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acme import Cloud, vendor
from sqlalchemy import text

from renkei.bootstrap import Hub, open_hub
from renkei.config import Settings
from renkei.ledger.verify import verify
from renkei.messaging.due import due
from renkei.registry import Registry
from renkei.services.members import balance, list_members
from renkei.storage.engine import APP_ROLE
from renkei.worker import Worker
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    AuthenticationFailed,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    SignatureInvalid,
    Unavailable,
)
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState

NOW = datetime.now(UTC)


@dataclass
class Scene:
    """A hub with a cart (absolute balances) and a shop (delta balances, creates members)."""

    hub: Hub
    worker: Worker
    cart: Cloud
    shop: Cloud

    async def deliver(self, body: bytes, id: str | None = None, key: str = "acme") -> str:
        signature = b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
        headers = [("Acme-Signature", signature)] + ([("Acme-Id", id)] if id else [])
        return await self.hub.receiver.receive(Delivery("cart", NOW, tuple(headers), body))

    async def settle_down(self) -> None:
        """Let the worker do everything that is due now."""
        for _ in range(8):
            for queue in ("deliveries", "changed", "mirror"):
                await self.work(queue)

    async def work(self, queue: str) -> int:
        """Work off what is due in this queue, connection after connection; gives how much."""
        async with self.hub.database.begin() as conn:
            lanes = await due(conn, self.hub.clock())
        mine = sorted(lane.connection for lane in lanes if lane.queue == queue)
        return sum([await self.worker.queues[queue].work(connection) for connection in mine])

    async def poll(self) -> None:
        """Read every window that is due to its end."""
        for id in ("cart", "shop"):
            await self.worker.polls.begin(await self.hub.connections.get(id))
        while await self.work("polls"):
            pass

    async def member(self) -> str:
        return (await list_members(self.hub.booking))[0].member

    async def one(self, statement: str) -> Any:
        async with self.hub.database.begin() as conn:
            return (await conn.execute(text(statement))).one()

    async def due_now(self, table: str) -> None:
        """Pretend that the waits are over."""
        columns = "due = clock_timestamp()"
        if table != "delivery":
            columns += ", leased_until = NULL"
        async with self.hub.database.begin() as conn:
            await conn.execute(text(f"UPDATE {table} SET {columns}"))
            await conn.execute(text("UPDATE connection SET open_until = NULL"))


@pytest.fixture
async def scene(
    server: Any, database_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    cart, shop = Cloud(), Cloud()
    vendors = {
        "acme": vendor("acme", cart, "absolute"),
        "till": vendor("till", shop, "delta", creates=True),
    }
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: Registry(vendors))
    settings = Settings(
        data_dir=tmp_path,
        database_url=server.url(APP_ROLE, database_name),
        migration_url=server.url(database=database_name),
        secret_key="azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
    )
    async with open_hub(settings) as hub:
        since = NOW - timedelta(days=30)
        await hub.connecting.connect(vendors["acme"], "cart", {"secret": "acme"}, since)
        await hub.connecting.connect(vendors["till"], "shop", {"secret": "acme"}, since)
        yield Scene(hub, Worker(hub), cart, shop)


def hanako() -> Member:
    verified = Identity(kind=IdentityKind.EMAIL, value="hanako@example.jp", grade=Grade.VERIFIED)
    ref = ExternalRef(connection="cart", id="c1")
    return Member(ref=ref, changed_at=NOW, given_name="花子", identities=(verified,))


def bought(id: str = "o1", yen: int = 11_000, tick: int = 0) -> Order:
    return Order(
        ref=ExternalRef(connection="cart", id=id),
        changed_at=NOW + timedelta(seconds=tick),
        placed_at=NOW - timedelta(hours=1),
        state=OrderState.PAID,
        customer=ExternalRef(connection="cart", id="c1"),
        lines=(LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    )


def body(order: Order) -> bytes:
    return order.model_dump_json().encode()


async def test_a_purchase_reaches_both_channels_whatever_comes_first(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    assert await scene.deliver(body(bought()), "d1") == "stored"
    assert await scene.deliver(body(bought()), "d1") == "duplicate"
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}
    assert scene.shop.points == {"made-1": 100}
    async with scene.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_forged_delivery_stores_nothing(scene: Scene) -> None:
    with pytest.raises(SignatureInvalid):
        await scene.deliver(body(bought()), "d1", key="guess")
    assert tuple(await scene.one("SELECT count(*) FROM delivery")) == (0,)


async def test_a_hint_is_read_again_each_time_it_comes(scene: Scene) -> None:
    scene.cart.members["c1"], scene.cart.orders["o1"] = hanako(), bought()
    await scene.deliver(b"")
    await scene.settle_down()
    scene.cart.orders["o1"] = bought(yen=22_000, tick=1)
    await scene.deliver(b"")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}
    assert scene.cart.calls.count("fetch order o1") == 2


async def test_a_hint_that_comes_while_the_object_is_read_is_not_lost(scene: Scene) -> None:
    scene.cart.members["c1"], scene.cart.orders["o1"] = hanako(), bought()
    await scene.deliver(b"")
    await scene.work("deliveries")
    orders: Any = (await scene.hub.connections.get("cart")).orders
    fetch = orders.fetch

    async def meanwhile(id: str) -> Order:
        seen: Order = await fetch(id)
        scene.cart.orders["o1"] = bought(yen=22_000, tick=1)
        await scene.deliver(b"")
        await scene.work("deliveries")
        return seen

    orders.fetch = meanwhile
    await scene.work("changed")
    orders.fetch = fetch
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}


async def test_what_cannot_be_understood_is_a_dead_letter_with_its_reason(scene: Scene) -> None:
    await scene.deliver(b"rubbish", "d1")
    await scene.settle_down()
    row = await scene.one("SELECT state, reason FROM delivery")
    assert tuple(row) == ("dead", "acme: the body is no order")


async def test_a_lost_webhook_is_found_by_the_poll(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    for number in range(5):
        scene.cart.orders[f"o{number}"] = bought(f"o{number}", tick=number)
    await scene.poll()
    await scene.settle_down()
    assert scene.cart.points == {"c1": 500}


async def test_a_poll_that_breaks_goes_on_from_its_cursor(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    for number in range(3):
        scene.cart.orders[f"o{number}"] = bought(f"o{number}", tick=number)
    pages = scene.hub.connections
    connection = await pages.get("cart")
    reader: Any = connection.orders
    working = reader.changed

    async def broken(window: Any, cursor: str | None) -> Any:
        if cursor == "2":
            raise Unavailable("away")
        return await working(window, cursor)

    reader.changed = broken
    await scene.poll()
    row = await scene.one("SELECT cursor FROM poll WHERE (connection_id, kind) = ('cart', 'order')")
    assert tuple(row) == ("2",)
    reader.changed = working
    scene.cart.calls.clear()
    await scene.due_now("poll")
    await scene.poll()
    assert "changed order None" not in scene.cart.calls
    assert "changed order 2" in scene.cart.calls


async def shown_after(scene: Scene, failure: Exception) -> None:
    """Hanako buys while the cart fails its next write, then the waits are over."""
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    scene.cart.failures.append(failure)
    await scene.work("mirror")


@pytest.mark.parametrize(
    "failure", [Unavailable("down"), RateLimited("slow", 30), OutcomeUnknown("broken off")]
)
async def test_a_write_that_fails_is_done_again_later(scene: Scene, failure: Exception) -> None:
    await shown_after(scene, failure)
    assert scene.cart.points == {"c1": 0}
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.cart.points == {"c1": 100}


async def test_a_rate_limit_is_waited_out_by_the_whole_connection(scene: Scene) -> None:
    await shown_after(scene, RateLimited("slow", 30))
    row = await scene.one(
        "SELECT open_until - clock_timestamp() > interval '25 s' FROM connection "
        "WHERE connection_id = 'cart'"
    )
    assert tuple(row) == (True,)
    scene.cart.calls.clear()
    await scene.poll()
    assert scene.cart.calls == []


async def test_a_vendor_that_refuses_parks_the_row_and_says_why(scene: Scene) -> None:
    await shown_after(scene, Rejected("no such customer any more"))
    row = await scene.one("SELECT parked, last_error FROM mirror WHERE connection_id = 'cart'")
    assert tuple(row) == (True, "no such customer any more")


async def test_a_vendor_that_no_longer_knows_us_needs_authorization_and_is_left_alone(
    scene: Scene,
) -> None:
    await shown_after(scene, AuthenticationFailed("token revoked"))
    row = await scene.one("SELECT state FROM connection WHERE connection_id = 'cart'")
    assert tuple(row) == ("needs_authorization",)
    scene.cart.calls.clear()
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.cart.calls == []
    assert scene.shop.points == {"made-1": 100}


async def test_a_change_that_broke_off_after_the_vendor_acted_is_not_applied_twice(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    shop = await scene.hub.connections.get("shop")
    balances: Any = shop.balances
    write = balances.write

    async def acted(id: str, one: Any) -> Any:
        await write(id, one)
        raise OutcomeUnknown("broken off")

    balances.write = acted
    await scene.work("mirror")
    balances.write = write
    assert scene.shop.points == {"made-1": 100}
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.shop.points == {"made-1": 100}
    row = await scene.one("SELECT written_points, intent FROM mirror WHERE connection_id = 'shop'")
    assert tuple(row) == (100, None)


async def test_only_the_newest_balance_is_written(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    scene.cart.calls.clear()
    for number in range(10):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
    await scene.work("deliveries")
    await scene.work("mirror")
    assert scene.cart.calls == ["write c1 1000"]


async def test_the_running_worker_stops_when_told_and_leaves_nothing_undone(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    stop = asyncio.Event()
    running = asyncio.create_task(scene.worker.run(stop))
    await scene.deliver(body(bought()), "d1")
    async with asyncio.timeout(20):
        while scene.shop.points != {"made-1": 100}:
            await scene.shop.called.wait()
            scene.shop.called.clear()
    stop.set()
    await running
    assert (await balance(scene.hub.booking, await scene.member())).spendable == 100
