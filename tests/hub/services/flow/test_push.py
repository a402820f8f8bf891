"""Balances reach their channels: the newest, once, and around every kind of trouble."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from acme import NOW, Scene, body, bought, hanako, shown, shown_after

from renkei.ledger.verify import verify
from renkei.messaging import mirror
from renkei.services.flow.ingest import Cause, Told
from renkei.services.flow.push import Push
from renkei.services.members.members import list_members
from renkei.worker import Worker
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from renkei_contracts.event import MemberSeen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member

PARKED = "SELECT parked FROM mirror WHERE connection_id = 'cart'"


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
    await scene.deliver(body(bought("o2")), "d2")
    await scene.work("deliveries")
    scene.shop.calls.clear()
    await scene.work("mirror")
    assert scene.shop.calls == [], "it may be about to act still: not even a read would be sure"
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.shop.points == {"made-1": 200}
    row = await scene.one("SELECT written_points, intent FROM mirror WHERE connection_id = 'shop'")
    assert tuple(row) == (200, None)


async def test_where_a_read_may_show_what_was_before_the_next_change_waits(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    shop = await scene.hub.connections.get("shop")
    balances: Any = shop.balances
    balances.settles_after = timedelta(seconds=10)
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    await scene.work("mirror")
    await scene.deliver(body(bought("o2")), "d2")
    await scene.work("deliveries")
    scene.shop.calls.clear()
    await scene.work("mirror")
    assert scene.shop.calls == []
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.shop.points == {"made-1": 200}


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


async def test_two_processes_apply_each_change_once(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    stop = asyncio.Event()
    running = [asyncio.create_task(Worker(scene.hub).run(stop)) for _ in range(2)]
    for number in range(20):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
        await asyncio.sleep(0)
    await shown(scene.shop, {"made-1": 2_000})
    stop.set()
    await asyncio.gather(*running)
    async with scene.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_customer_we_created_is_the_same_member_when_they_buy_there(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    there = ExternalRef(connection="shop", id="made-1")
    sale = ExternalRef(connection="shop", id="s1")
    scene.shop.orders["s1"] = bought().model_copy(update={"ref": sale, "customer": there})
    await scene.poll()
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}
    assert scene.shop.points == {"made-1": 200}
    assert len(await list_members(scene.hub.booking)) == 1


async def test_a_customer_who_is_somebody_else_there_is_not_overwritten(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    other = Member(ref=ExternalRef(connection="shop", id="made-1"), changed_at=NOW)
    shop = await scene.hub.connections.get("shop")
    seen, cause = MemberSeen(member=other), Cause(NOW, read=True)
    await scene.worker.tools.ingest.observe(shop, seen, cause, Told())
    await scene.settle_down()
    row = await scene.one(
        "SELECT parked, last_error FROM mirror WHERE connection_id = 'shop' AND external_id IS NULL"
    )
    assert row[0]
    assert "shop/made-1 is the customer of another member" in row[1]


async def register(scene: Scene, id: str, tick: int) -> None:
    """The cart tells of an account of Hanako's."""
    told = b"member" + hanako(id, tick).model_dump_json().encode()
    await scene.deliver(told, f"account {id} {tick}")
    await scene.work("deliveries")


@pytest.mark.parametrize("back_before", [True, False])
async def test_whoever_comes_back_with_a_new_account_is_shown_their_balance_there(
    scene: Scene, *, back_before: bool
) -> None:
    """Their old account is gone, which the hub notices by its next write there."""
    await register(scene, "c1", 0)
    await scene.settle_down()
    if back_before:
        await register(scene, "c2", 1)
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    scene.cart.failures.append(NotFound("no customer c1"))
    await scene.work("mirror")
    if not back_before:
        assert tuple(await scene.one(PARKED)) == (True,)
        await register(scene, "c2", 1)
    await scene.settle_down()
    assert scene.cart.points["c2"] == 100
    assert tuple(await scene.one(PARKED)) == (False,)
    async with scene.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_where_every_account_is_gone_the_balance_waits_for_a_person(scene: Scene) -> None:
    await register(scene, "c1", 0)
    await scene.settle_down()
    await register(scene, "c2", 1)
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    scene.cart.failures += [NotFound("no customer c1"), NotFound("no customer c2")]
    await scene.settle_down()
    assert tuple(await scene.one(PARKED)) == (True,)
    assert scene.cart.failures == []


async def test_an_authorization_that_is_gone_is_said_once_to_a_person(scene: Scene) -> None:
    await shown_after(scene, AuthenticationFailed("token revoked"))
    row = await scene.one("SELECT count(*), min(kind), min(message) FROM alert")
    assert tuple(row) == (1, "needs_authorization", "token revoked")


async def test_a_refusal_of_settings_that_were_replaced_meanwhile_does_not_stop_the_new_ones(
    scene: Scene,
) -> None:
    old = await scene.hub.connections.get("cart")
    vendor = scene.hub.registry.vendor("acme")
    await scene.hub.connecting.reconnect(vendor, "cart", {"secret": "another"})
    await scene.worker.tools.trouble.failed(old, AuthenticationFailed("token revoked"))
    row = await scene.one(
        "SELECT state, (SELECT count(*) FROM alert) FROM connection WHERE connection_id = 'cart'"
    )
    assert tuple(row) == ("active", 0)


async def about_to_be_shown(scene: Scene, connection: str) -> Any:
    """Hanako has bought, and only this channel is still to show it: gives its balances."""
    scene.cart.members["c1"] = hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    return (await scene.hub.connections.get(connection)).balances


@pytest.mark.parametrize(("connection", "id"), [("cart", "c1"), ("shop", "made-1")])
async def test_what_lands_after_somebody_else_has_written_is_put_right(
    scene: Scene, connection: str, id: str
) -> None:
    """A process that stood still in the middle of its write, longer than its lease."""
    balances = await about_to_be_shown(scene, connection)
    write = balances.write

    async def late(id: str, one: Any) -> Any:
        balances.write = write
        await scene.deliver(body(bought("o2")), "d2")
        await scene.work("deliveries")
        await scene.due_now("mirror")
        await Worker(scene.hub).queues["mirror"].work(connection)
        assert cloud.points == {id: 200}
        return await write(id, one)

    cloud = scene.cart if connection == "cart" else scene.shop
    balances.write = late
    await scene.worker.queues["mirror"].work(connection)
    assert cloud.points != {id: 200}
    await scene.worker.queues["mirror"].work(connection)
    assert cloud.points == {id: 200}
    row = await scene.one(
        "SELECT written_points, written_version = wanted_version, owner FROM mirror "
        f"WHERE connection_id = '{connection}'"
    )
    assert tuple(row) == (200, True, None)


async def test_whoever_stood_still_before_the_write_does_not_write(scene: Scene) -> None:
    await about_to_be_shown(scene, "cart")
    now, push = scene.hub.clock(), scene.worker.queues["mirror"]
    assert isinstance(push, Push)
    instants = iter([now])
    stood_still = replace(
        scene.worker.tools, clock=lambda: next(instants, now + mirror.LEASE), owner="it"
    )
    scene.cart.calls.clear()
    assert await replace(push, tools=stood_still).work("cart") == 1
    assert scene.cart.calls == []
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert scene.cart.points == {"c1": 100}


async def test_what_is_put_right_has_waited_since_then_whatever_is_tried(scene: Scene) -> None:
    await about_to_be_shown(scene, "cart")
    now = scene.hub.clock()
    async with scene.hub.database.begin() as conn:
        (late,) = (await mirror.claim(conn, "cart", "late", now, 1)).claimed
    await scene.due_now("mirror")
    await scene.work("mirror")
    assert await scene.one("SELECT wanted_since FROM mirror WHERE connection_id = 'cart'") == (
        None,
    )
    async with scene.hub.database.begin() as conn:
        await mirror.disturb(conn, late, now)
    assert await scene.one("SELECT wanted_since FROM mirror WHERE connection_id = 'cart'") == (now,)


async def test_what_is_put_right_waits_for_whoever_is_writing_now(scene: Scene) -> None:
    await about_to_be_shown(scene, "cart")
    now = scene.hub.clock()
    async with scene.hub.database.begin() as conn:
        (late,) = (await mirror.claim(conn, "cart", "late", now, 1)).claimed
    now += mirror.LEASE
    async with scene.hub.database.begin() as conn:
        assert len((await mirror.claim(conn, "cart", "newer", now, 1)).claimed) == 1
    async with scene.hub.database.begin() as conn:
        await mirror.disturb(conn, late, now)
    async with scene.hub.database.begin() as conn:
        assert await mirror.claim(conn, "cart", "third", now, 1) == ([], False)
    async with scene.hub.database.begin() as conn:
        assert len((await mirror.claim(conn, "cart", "third", now + mirror.UNSURE, 1)).claimed) == 1
