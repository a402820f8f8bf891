"""What was given up is listed, put back on command, and books nothing twice."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from acme import NOW, Scene, body, bought, hanako, shown_after
from sqlalchemy import text

from renkei.errors import RequestInvalid, UnknownConnection
from renkei.ledger.verify import verify
from renkei.messaging import dead_letters, inbox
from renkei.services.flow.replay import Replay
from renkei_contracts.errors import NotFound, Rejected

BURY = "UPDATE delivery SET state = 'dead', reason = 'a bug of ours'"
BOOKED = "SELECT count(*) FROM txn WHERE kind = 'settle'"


def replay(scene: Scene) -> Replay:
    return Replay(scene.hub.connections, scene.hub.database, scene.hub.clock)


async def do(scene: Scene, statement: str) -> None:
    async with scene.hub.database.begin() as conn:
        await conn.execute(text(statement))


async def test_a_delivery_that_was_given_up_is_listed_and_worked_off_once_it_is_put_back(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d/1")
    await do(scene, BURY)
    await scene.settle_down()
    assert scene.cart.points == {}
    (one,) = await replay(scene).dead(None)
    assert one[:3] == ("delivery", "cart", "d/1")
    assert (one.why, one.since, one.due) == ("a bug of ours", NOW, None)
    assert await replay(scene).named(["cart/d/1", "cart/d/1"]) == 1
    (one,) = await replay(scene).waiting("cart")
    assert (one.name, one.tries, one.due is None) == ("d/1", 0, False)
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}
    assert await replay(scene).dead("cart") == await replay(scene).waiting("cart") == []


async def test_what_was_booked_before_is_not_booked_again(scene: Scene) -> None:
    """It came to the books, and the process ended before that was written down."""
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    booked = await scene.one(BOOKED)
    for _ in range(2):
        await do(scene, BURY)
        assert await replay(scene).everything(["cart"]) == 1
        await scene.settle_down()
    assert tuple(await scene.one("SELECT state FROM delivery")) == ("done",)
    assert await scene.one(BOOKED) == booked
    assert scene.cart.points == {"c1": 100}
    async with scene.hub.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_an_older_state_that_is_replayed_does_not_undo_a_newer_one(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "older")
    await do(scene, BURY)
    await scene.deliver(body(bought(yen=22_000, tick=1)), "newer")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}
    await replay(scene).named(["cart/older"])
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}


async def test_states_that_are_replayed_together_end_in_the_newest(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    for tick in (2, 0, 1):
        order = bought(yen=11_000 * (tick + 1), tick=tick)
        await scene.deliver(body(order), f"d{tick}")
    await do(scene, BURY)
    assert await replay(scene).everything(["cart"]) == 3
    await scene.settle_down()
    assert scene.cart.points == {"c1": 300}


async def test_what_was_lost_with_its_worker_says_so_while_it_waits(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    await do(scene, "UPDATE delivery SET lost = 2")
    (one,) = await replay(scene).waiting("cart")
    assert one.why == "2 workers were lost that had it"


async def test_only_what_came_in_since_then_is_put_back(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    await do(scene, BURY)
    assert await replay(scene).everything(["cart"], NOW + timedelta(seconds=1)) == 0
    assert await replay(scene).everything(["shop"]) == 0
    assert await replay(scene).everything(["cart"], NOW) == 1


async def test_all_are_put_back_batch_by_batch_however_many_there_are(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
    await do(scene, BURY)
    monkeypatch.setattr(dead_letters, "MOST", 2)
    batches: list[int] = []
    monkeypatch.setattr(dead_letters, "put_back_next", watched(batches))
    assert await replay(scene).everything(["cart", "cart"]) == 5
    assert batches == [2, 2, 1]
    assert await replay(scene).dead("cart") == []


def watched(batches: list[int]) -> Callable[..., Awaitable[dead_letters.Reached | None]]:
    """Notes how many each call puts back, where it puts any back."""
    put_back_next = dead_letters.put_back_next

    async def noting(*args: Any) -> dead_letters.Reached | None:
        reached = await put_back_next(*args)
        batches.extend([reached.back] if reached else [])
        return reached

    return noting


async def test_what_is_given_up_again_meanwhile_is_not_put_back_for_ever(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await scene.deliver(body(bought(f"o{number}")), f"d{number}")
    await do(scene, BURY)
    monkeypatch.setattr(dead_letters, "MOST", 1)
    put_back_next = dead_letters.put_back_next

    async def once_they_are_given_up_again(*args: Any) -> dead_letters.Reached | None:
        await do(scene, BURY)
        return await put_back_next(*args)

    monkeypatch.setattr(dead_letters, "put_back_next", once_they_are_given_up_again)
    assert await replay(scene).everything(["cart"]) == 3


async def test_nothing_is_put_back_where_one_of_the_connections_is_not_known(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    await do(scene, BURY)
    with pytest.raises(UnknownConnection):
        await replay(scene).everything(["cart", "nowhere"])
    assert [one.name for one in await replay(scene).dead("cart")] == ["d1"]


async def test_of_several_names_all_are_put_back_or_none(scene: Scene) -> None:
    await scene.deliver(body(bought()), "d1")
    await do(scene, BURY)
    await scene.deliver(body(bought("o2")), "d2")
    for name, why in (("cart/d2", "it waits to be read"), ("cart/dx", "nothing has this name")):
        with pytest.raises(RequestInvalid, match=why):
            await replay(scene).named(["cart/d1", name])
    with pytest.raises(UnknownConnection):
        await replay(scene).named(["cart/d1", "nowhere/d1"])
    assert [one.name for one in await replay(scene).dead("cart")] == ["d1"]


async def test_one_that_was_read_is_refused_and_it_is_said_when_its_body_is_gone(
    scene: Scene,
) -> None:
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    with pytest.raises(RequestInvalid, match=r"it was read \d{4}-\d\d-\d\d; see"):
        await replay(scene).named(["cart/d1"])
    async with scene.hub.database.begin() as conn:
        await inbox.empty(conn, NOW + timedelta(seconds=1), 10)
    with pytest.raises(RequestInvalid, match=r"read \S+, and its body is not kept any more; see"):
        await replay(scene).named(["cart/d1"])


async def test_an_order_that_could_not_be_read_is_read_again(scene: Scene) -> None:
    scene.cart.members["c1"], scene.cart.orders["o1"] = hanako(), bought()
    scene.cart.failures.append(Rejected("broken there"))
    await scene.deliver(b"")
    await scene.settle_down()
    (one,) = await replay(scene).dead("cart")
    assert (one.queue, one.name) == ("changed_object", "order/o1")
    assert "broken there" in str(one.why)
    assert await replay(scene).named(["cart/order/o1"]) == 1
    await scene.due_now("changed_object")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def test_a_balance_that_could_not_be_shown_is_written_again(scene: Scene) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    await scene.work("deliveries")
    await scene.work("changed")
    member = await scene.member()
    await do(scene, "UPDATE mirror SET parked = true, last_error = 'no'")
    assert {(one.queue, one.name, one.why) for one in await replay(scene).dead("cart")} == {
        ("mirror", member, "no")
    }
    assert await replay(scene).everything(["cart"]) == 1
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def test_a_delivery_that_is_left_for_good_is_a_duplicate_when_it_comes_again(
    scene: Scene,
) -> None:
    scene.cart.members["c1"] = hanako()
    await scene.deliver(body(bought()), "d1")
    await do(scene, BURY)
    assert await replay(scene).dismiss(["cart/d1"], "佐藤", "deleted there") == 1
    assert await replay(scene).dead("cart") == await replay(scene).waiting("cart") == []
    await scene.deliver(body(bought()), "d1")
    await scene.settle_down()
    assert scene.cart.points == {}
    with pytest.raises(RequestInvalid, match=r"it was left .*dismissed by 佐藤: deleted there"):
        await replay(scene).dismiss(["cart/d1"], "佐藤", "deleted there")


async def test_an_order_that_is_left_for_good_is_read_where_something_tells_of_it_again(
    scene: Scene,
) -> None:
    scene.cart.failures.append(Rejected("broken there"))
    await scene.deliver(b"")
    await scene.settle_down()
    assert await replay(scene).dismiss(["cart/order/o1"], "佐藤", "deleted there") == 1
    assert await replay(scene).dead("cart") == []
    scene.cart.members["c1"], scene.cart.orders["o1"] = hanako(), bought()
    await scene.deliver(b"", "told again")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}


async def given_up(scene: Scene) -> str:
    """Hanako's balance, whose customer is gone at the cart; gives her member."""
    await shown_after(scene, NotFound("no customer c1"))
    return await scene.member()


async def test_a_balance_that_is_left_for_good_is_nobodys_work_until_its_customer_is_told_of(
    scene: Scene,
) -> None:
    member = await given_up(scene)
    assert await replay(scene).dismiss([f"cart/{member}"], "佐藤", "退会済み") == 1
    assert await replay(scene).dead("cart") == await replay(scene).waiting("cart") == []
    assert await replay(scene).everything(["cart"]) == 0
    with pytest.raises(RequestInvalid, match="dismissed by 佐藤: 退会済み"):
        await replay(scene).dismiss([f"cart/{member}"], "佐藤", "again")
    await scene.deliver(body(bought("o2", tick=1)), "d2")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 0}
    await scene.deliver(b"member" + hanako(tick=1).model_dump_json().encode(), "m2")
    await scene.settle_down()
    assert scene.cart.points == {"c1": 200}


async def test_a_balance_that_was_left_is_put_back_by_its_name(scene: Scene) -> None:
    member = await given_up(scene)
    await replay(scene).dismiss([f"cart/{member}"], "佐藤", "退会済み")
    assert await replay(scene).named([f"cart/{member}"]) == 1
    await scene.settle_down()
    assert scene.cart.points == {"c1": 100}
