"""One answer to where an order is, whatever became of it."""

from datetime import UTC, datetime, timedelta

import pytest
from acme import NOW, Scene, body, bought, hanako, shown_after
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import RequestInvalid, UnknownOrder
from renkei.messaging import inbox
from renkei.services.orders.order_trace import FindOrder, OrderTrace
from renkei.services.orders.told_of import ToldOf
from renkei.tracing import Origin
from renkei_contracts.errors import RateLimited, Rejected, Unavailable
from renkei_contracts.member import Member
from renkei_contracts.order import Order


async def trace(scene: Scene, named: str = "cart/o1") -> OrderTrace:
    hub = scene.hub
    return await FindOrder(hub.database, ToldOf(hub.connections, hub.ring))(named)


def told(found: OrderTrace) -> list[tuple[str, str]]:
    return [(step.what, step.where) for step in found.steps]


async def known(scene: Scene, member: Member | None = None) -> str:
    scene.cart.members["c1"] = member or hanako()
    await scene.deliver(b"member" + hanako().model_dump_json().encode(), "m1")
    await scene.settle_down()
    return await scene.member()


async def test_a_purchase_is_followed_from_its_delivery_to_every_shop(scene: Scene) -> None:
    member = await known(scene)
    for _ in range(2):
        await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    found = await trace(scene)
    assert found.answer == f"earned 100 and used 0 points of {member}; shown in cart, shop"
    assert (found.member, found.earned, found.redeemed) == (member, 100, 0)
    assert sorted(told(found)) == [
        ("booked", member),
        ("received", "cart d1"),
        ("seen", "cart"),
        ("shown", "cart"),
        ("shown", "shop"),
    ]
    assert found.traces == (Origin("cart", "d1").trace,)
    assert "100" in next(step.said for step in found.steps if step.what == "booked")
    assert [step.at for step in found.steps] == sorted(step.at for step in found.steps if step.at)


async def test_an_order_is_found_by_its_number_alone(scene: Scene) -> None:
    await known(scene)
    numbered = bought().model_copy(update={"number": "#1001"})
    await scene.deliver(body(numbered), "d1")
    await scene.settle_down()
    for name in ("o1", "1001", "#1001", "cart/1001", "cart/o1"):
        assert (await trace(scene, name)).order == "cart/o1"


async def test_a_sale_of_a_till_of_no_vendor_is_found_by_its_number_alone(
    scene: Scene, owner_engine: AsyncEngine
) -> None:
    await scene.deliver(body(bought().model_copy(update={"number": "1001"})), "d1")
    await scene.settle_down()
    async with owner_engine.begin() as conn:
        await conn.execute(text("UPDATE connection SET vendor = '' WHERE connection_id = 'cart'"))
    for name in ("o1", "1001"):
        assert (await trace(scene, name)).order == "cart/o1"


async def test_of_several_with_one_number_one_must_be_named(scene: Scene) -> None:
    for id in ("o1", "o2"):
        await scene.deliver(body(bought(id).model_copy(update={"number": "1001"})), id)
    await scene.settle_down()
    with pytest.raises(RequestInvalid, match="cart/o1, cart/o2"):
        await trace(scene, "1001")


async def test_an_order_nobody_told_of_is_unknown(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    with pytest.raises(UnknownOrder, match="no order 77"):
        await trace(scene, "77")


async def test_what_waits_to_be_read_is_found_before_it_is_an_order(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    found = await trace(scene)
    assert told(found) == [("received", "cart d1"), ("waits", "cart d1")]
    assert found.answer.startswith("not booked, waiting at cart d1: to be read from")


async def test_what_waits_to_be_read_is_found_by_its_number(scene: Scene) -> None:
    await scene.deliver(body(bought().model_copy(update={"number": "#1001"})), "d1")
    for name in ("1001", "#1001"):
        assert told(await trace(scene, name)) == [("received", "cart d1"), ("waits", "cart d1")]


async def test_what_was_given_up_says_why(scene: Scene) -> None:
    await scene.deliver(b"order o1, but broken", "d1")
    await scene.work("deliveries")
    found = await trace(scene)
    assert told(found) == [("received", "cart d1"), ("given_up", "cart d1")]
    assert found.answer == "not booked, given up at cart d1: acme: the body is no order"
    assert "it may tell of this order" in found.steps[0].said
    assert found.traces == (Origin("cart", "d1").trace,)
    with pytest.raises(UnknownOrder):
        await trace(scene, "cart/o")


async def test_a_later_state_that_was_given_up_is_told_beside_what_was_booked(
    scene: Scene,
) -> None:
    await known(scene)
    await scene.deliver(body(bought()), "d1")
    await scene.deliver(b"order o1, but broken", "d2")
    await scene.settle_down()
    answer = (await trace(scene)).answer
    assert answer.startswith("earned 100 ")
    assert answer.endswith("given up at cart d2: acme: the body is no order")


async def test_an_order_that_cannot_be_read_yet_says_so_and_when_it_is_tried(scene: Scene) -> None:
    await scene.deliver(b"", "h1")
    await scene.work("deliveries")
    scene.cart.failures.append(Unavailable("the vendor is down"))
    await scene.work("changed")
    found = await trace(scene)
    assert ("waits", "cart") in told(found)
    assert found.answer.endswith("after 1 tries: the vendor is down")
    assert found.traces == (Origin("cart", "h1").trace,)


async def test_a_balance_that_a_vendor_throttles_is_not_shown_yet(scene: Scene) -> None:
    await shown_after(scene, RateLimited("too many calls", 30))
    found = await trace(scene)
    assert "shown in shop; not shown yet in cart" in found.answer
    said = next(step.said for step in found.steps if step.what == "to_show")
    assert said.startswith("waits since ")
    assert "the vendor is left alone until" in said
    assert said.endswith("too many calls")


async def test_a_balance_that_was_given_up_says_why(scene: Scene) -> None:
    await shown_after(scene, Rejected("no such customer"))
    found = await trace(scene)
    assert "shown in shop; given up in cart" in found.answer
    assert ("not_shown", "cart") in told(found)


async def test_a_newer_purchase_on_its_way_hides_nothing_of_this_one(scene: Scene) -> None:
    await known(scene)
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    await scene.deliver(body(bought("o2")), "d2")
    await scene.work("deliveries")
    assert "shown in cart, shop" in (await trace(scene, "o1")).answer
    assert "not shown yet in cart, shop" in (await trace(scene, "o2")).answer


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        (bought(), "kept, and gives no points: its customer is no member yet"),
        (
            bought().model_copy(update={"customer": None}),
            "kept, and gives no points: it names no customer",
        ),
        (
            bought().model_copy(update={"placed_at": NOW - timedelta(days=90)}),
            "kept as history: it was placed before the connection's orders count",
        ),
    ],
)
async def test_an_order_that_gives_nothing_says_why(
    scene: Scene, order: Order, answer: str
) -> None:
    await scene.deliver(body(order), "d1")
    await scene.work("deliveries")
    assert (await trace(scene)).answer == answer


async def test_a_delivery_whose_body_is_gone_is_told_by_what_was_booked(scene: Scene) -> None:
    await known(scene)
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    await scene.deliver(body(bought("o9").model_copy(update={"customer": None})), "d9")
    async with scene.hub.database.begin() as conn:
        await inbox.empty(conn, datetime.now(UTC), 10)
    found = await trace(scene)
    (received,) = [step for step in found.steps if step.what == "received"]
    assert received.said == "genuine, stored once; its body is not kept any more"
    assert "earned 100" in found.answer
    assert (await trace(scene, "o9")).answer.startswith("not booked, waiting")
    with pytest.raises(UnknownOrder, match="no delivery whose body is kept tells of it"):
        await trace(scene, "o7")
