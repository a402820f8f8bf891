"""From deliveries, hints and polls to balances at the vendors, through the real hub."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from acme import NOW, Scene, body, bought, hanako, shown
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from renkei.connections.calling import CALL_SECONDS
from renkei.errors import UnknownVendor
from renkei.ledger.verify import verify
from renkei.messaging.due import Lane
from renkei.messaging.inbox import Incoming
from renkei.messaging.lost import ALONE, ENDS_WORKERS, MOST_LOST
from renkei.messaging.retry import TRIES
from renkei.services.flow.replay import Replay
from renkei.services.members.members import balance
from renkei.worker import Pace, Worker
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    NotYet,
    Rejected,
    SignatureInvalid,
    Unavailable,
)
from renkei_contracts.event import Changed
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window


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


async def test_the_worker_looks_whether_deliveries_are_as_usual(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        with pytest.raises(SignatureInvalid):
            await scene.deliver(body(bought()), "d1", key="guess")
    await scene.hub.counts.write()
    looked, stop, look = asyncio.Event(), asyncio.Event(), scene.worker.watch.look

    async def and_tell() -> None:
        await look()
        looked.set()

    monkeypatch.setattr(scene.worker.watch, "look", and_tell)
    running = asyncio.create_task(scene.worker.run(stop))
    async with asyncio.timeout(30):
        await looked.wait()
    stop.set()
    await running
    assert tuple(await scene.one("SELECT kind, connection_id FROM alert")) == (
        "deliveries_refused",
        "cart",
    )


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


async def test_what_is_no_order_yet_waits_for_nobody_and_is_read_when_it_is_told_again(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    scene.cart.failures += [NotYet("in the checkout") for _ in range(TRIES)]
    await scene.deliver(b"")
    await scene.work("deliveries")
    for _ in range(TRIES):
        await scene.work("changed")
        await scene.due_now("changed_object")
    assert scene.cart.calls.count("fetch order o1") == TRIES
    assert tuple(await scene.one("SELECT count(*) FROM changed_object")) == (0,)
    scene.cart.orders["o1"] = bought()
    await scene.deliver(b"")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def test_the_log_says_why_each_thing_was_given_up(scene: Scene) -> None:
    scene.cart.failures += [Rejected("no such order") for _ in range(TRIES)]
    await scene.deliver(b"")
    with capture_logs() as logs:
        await scene.deliver(b"not an order", "d2")
        await scene.settle_down()
    said = {one["event"]: one for one in logs if one["event"].endswith("_dead")}
    assert said["delivery_dead"]["reason"] == "acme: the body is no order"
    dead = said["object_dead"]
    assert (dead["kind"], dead["id"], dead["reason"]) == ("order", "o1", "no such order")


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


async def test_the_running_worker_stops_when_told_and_leaves_nothing_undone(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    stop = asyncio.Event()
    running = asyncio.create_task(scene.worker.run(stop))
    await scene.deliver(body(bought()), "d1")
    await shown(scene.shop, {"made-1": 100})
    stop.set()
    await running
    assert (await balance(scene.hub.booking, await scene.member())).spendable == 100


async def test_a_vendor_that_never_answers_delays_no_other(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    shop: Any = await scene.hub.connections.get("shop")
    never, hanging = asyncio.Event(), asyncio.Event()

    async def hang(*_: Any) -> Any:
        hanging.set()
        await never.wait()

    shop.orders.changed = shop.members.changed = shop.member_creation.create = hang
    stop = asyncio.Event()
    worker = Worker(scene.hub, Pace(drain=0.1))
    running = asyncio.create_task(worker.run(stop))
    await hanging.wait()
    for number in range(20):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
    await shown(scene.cart, {"c1": 2_000}, within=CALL_SECONDS - 2)
    assert Lane("polls", "shop") in worker.running
    stop.set()
    await running


async def test_a_plugin_that_breaks_on_one_delivery_takes_the_others_and_gives_that_one_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.cart.members["c1"] = hanako()
    webhooks: Any = (await scene.hub.connections.get("cart")).webhooks
    read = webhooks.read
    monkeypatch.setattr(
        webhooks, "read", lambda one: 1 // 0 if one.header("acme-id") == "bad" else read(one)
    )
    await scene.deliver(body(bought()), "bad")
    await scene.deliver(body(bought("o2")), "good")
    for _ in range(TRIES):
        await scene.work("deliveries")
        await scene.due_now("delivery")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}
    row = await scene.one("SELECT state, tries, reason FROM delivery WHERE delivery_key = 'bad'")
    assert tuple(row)[:2] == ("dead", TRIES)
    assert "ZeroDivisionError" in row[2]


async def test_deliveries_wait_for_a_plugin_that_is_gone_and_are_not_given_up(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    vendors: Any = scene.hub.registry.vendors
    gone = vendors.pop("acme")
    scene.hub.connections._open.clear()
    for _ in range(TRIES + 1):
        with pytest.raises(UnknownVendor):
            await scene.work("deliveries")
    vendors["acme"] = gone
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def test_a_hint_whose_object_comes_late_is_read_again_and_one_that_never_comes_is_dead(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"")
    await scene.settle_down()
    scene.cart.orders["o1"] = bought()
    await scene.due_now("changed_object")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}
    del scene.cart.orders["o1"]
    await scene.deliver(b"")
    await scene.work("deliveries")
    for _ in range(TRIES):
        await scene.work("changed")
        await scene.due_now("changed_object")
    row = await scene.one("SELECT dead, last_error FROM changed_object")
    assert tuple(row) == (True, "no order o1")


async def test_what_a_page_cannot_say_is_kept_and_the_rest_of_the_page_is_booked(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    orders: Any = (await scene.hub.connections.get("cart")).orders

    async def half(window: Window, cursor: str | None) -> Page[Order]:
        return Page((bought(),), None, (("o2", "no price"),))

    orders.changed = half
    with capture_logs() as logs:
        await scene.poll()
        await scene.poll()
        await scene.settle_down()
    dead = {"connection": "cart", "kind": "order", "id": "o2", "reason": "no price"}
    assert [one.items() >= dead.items() for one in logs if one["event"] == "object_dead"] == [True]
    assert scene.cart.points == {"c1": 100}
    row = await scene.one("SELECT object_id, dead, last_error FROM changed_object")
    assert tuple(row) == ("o2", True, "no price")


async def test_a_poll_whose_cursor_the_vendor_no_longer_takes_starts_again_at_last(
    scene: Scene,
) -> None:
    """Not at once: the pages before would be read again for what may pass."""
    scene.cart.members["c1"] = hanako()
    for number in range(3):
        scene.cart.orders[f"o{number}"] = bought(f"o{number}", tick=number)
    orders: Any = (await scene.hub.connections.get("cart")).orders
    changed, refused = orders.changed, [Rejected("the cursor is too old")] * 3

    async def once(window: Window, cursor: str | None) -> Any:
        if cursor and refused:
            raise refused.pop()
        return await changed(window, cursor)

    orders.changed = once
    for _ in range(3):
        await scene.poll()
        assert scene.cart.calls.count("changed order None") == 1
        rests = await scene.one(
            "SELECT max(due) - now() > interval '4 min' FROM poll WHERE kind = 'order'"
        )
        assert rests[0] == (not refused)
        await scene.due_now("poll")
    await scene.poll()
    assert scene.cart.calls.count("changed order None") == 2
    await scene.settle_down()
    assert scene.cart.points == {"c1": 300}


async def test_a_worker_outlives_a_turn_in_which_the_database_is_away(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.cart.members["c1"] = hanako()
    rows, away = scene.hub.connections.rows, [OperationalError("x", None, Exception("away"))]

    async def once() -> Any:
        if away:
            raise away.pop()
        return await rows()

    monkeypatch.setattr(scene.hub.connections, "rows", once)
    stop = asyncio.Event()
    worker = Worker(scene.hub, Pace(rest_after_fault=0.01))
    running = asyncio.create_task(worker.run(stop))
    await scene.deliver(body(bought()), "d1")
    await shown(scene.cart, {"c1": 100})
    stop.set()
    await running


async def test_a_lane_whose_connection_cannot_be_opened_rests_longer_each_time(
    scene: Scene,
) -> None:
    scene.hub.registry.vendors.clear()  # type: ignore[attr-defined]
    scene.hub.connections._open.clear()
    lane = Lane("deliveries", "cart")
    worker = Worker(scene.hub, Pace(rest_after_fault=10.0))
    rests = []
    for _ in range(4):
        worker.running[lane] = asyncio.create_task(worker._lane(lane))
        await worker.running[lane]
        rests.append(round(worker.faults[lane][1] - time.monotonic()))
    assert rests == [10, 20, 40, 60]


async def test_where_more_is_due_than_there_are_tasks_every_lane_has_its_turn(
    scene: Scene,
) -> None:
    """A flood at one shop may keep its lane due for ever; the others' turns come all the same."""
    worked: list[str] = []

    class Endless:
        async def work(self, connection: str) -> int:
            worked.append(connection)
            return 100

    worker = Worker(scene.hub, Pace(lanes=1))
    worker.queues = dict.fromkeys(worker.queues, Endless())
    for id in ("cart", "shop"):
        await scene.hub.intake.submit(Incoming(Delivery(id, NOW, (), b""), "d"))
    for _ in range(6):
        await worker._turn()
        await asyncio.gather(*worker.running.values())
    assert {"cart", "shop"} == set(worked[:2])
    assert min(worked.count("cart"), worked.count("shop")) >= 2


async def test_what_a_delivery_tells_and_the_database_refuses_costs_its_neighbours_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.cart.members["c1"] = hanako()
    webhooks: Any = (await scene.hub.connections.get("cart")).webhooks
    read = webhooks.read
    unchecked = ExternalRef.model_construct(connection="cart", id="o\x00")
    poison = [Changed.model_construct(kind="order", ref=unchecked, delay=timedelta())]
    monkeypatch.setattr(
        webhooks, "read", lambda one: poison if one.header("acme-id") == "bad" else read(one)
    )
    await scene.deliver(b"", "bad")
    for number in range(4):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
    await scene.work("deliveries")
    states = await scene.one(
        "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FROM delivery"
    )
    assert tuple(states) == (4, 5)
    for _ in range(TRIES):
        await scene.due_now("delivery")
        await scene.work("deliveries")
    row = await scene.one("SELECT state, tries FROM delivery WHERE delivery_key = 'bad'")
    assert tuple(row) == ("dead", TRIES)


LOST = """
UPDATE delivery SET lost = {times}, owner = 'lost', due = now() WHERE delivery_key = '{key}'"""


async def lose(scene: Scene, key: str, times: int) -> None:
    """So many workers have lost it, and one more has it no longer."""
    async with scene.hub.database.begin() as conn:
        await conn.execute(text(LOST.format(key=key, times=times - 1)))


async def test_what_ended_its_workers_is_given_up_unread_and_what_may_have_is_read_alone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.cart.members["c1"] = hanako()
    read: list[str] = []
    webhooks: Any = (await scene.hub.connections.get("cart")).webhooks
    reads = webhooks.read

    def and_note(one: Delivery) -> Any:
        read.append(str(one.header("acme-id")))
        return reads(one)

    monkeypatch.setattr(webhooks, "read", and_note)
    for number, key in enumerate(("deadly", "suspect", "fellow", "other")):
        await scene.deliver(body(bought(f"o{number}")), key)
    await lose(scene, "deadly", MOST_LOST)
    await lose(scene, "suspect", MOST_LOST - 1)
    await lose(scene, "fellow", ALONE)
    assert await scene.work("deliveries") == 4
    assert read[0] == "other"
    assert sorted(read[1:]) == ["fellow", "suspect"]
    row = await scene.one("SELECT state, reason FROM delivery WHERE delivery_key = 'deadly'")
    assert tuple(row) == ("dead", ENDS_WORKERS)
    assert tuple(await scene.one("SELECT count(*) FROM delivery WHERE state = 'done'")) == (3,)
    replay = Replay(scene.hub.connections, scene.hub.database, scene.hub.clock)
    assert await replay.named(["cart/deadly"]) == 1
    await scene.work("deliveries")
    assert read[-1] == "deadly", "a person had it tried again"


async def test_of_all_connections_one_suspect_at_a_time_is_read(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "suspect")
    await lose(scene, "suspect", ALONE)
    async with scene.worker.tools.alone:  # another lane's is under way
        assert await scene.work("deliveries") == 0
    assert await scene.work("deliveries") == 1
