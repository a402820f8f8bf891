"""What lost its workers in a call is called alone or given up, and tried again when it may be."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from acme import Scene, bought, given
from sqlalchemy import text

from renkei.messaging.changed import Hint, hint
from renkei.messaging.lost import ALONE, ENDS_WORKERS, MOST_LOST
from renkei.services.apps import own_cart
from renkei.services.flow.replay import Replay
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.application import CartHold
from renkei_contracts.errors import Rejected

DEADLY, SUSPECT, FELLOW, OTHER = NAMES = ("4", "3", "2", "1")
"""Orders, customers, or the points of a hold that a code stands for."""

SITE = Terminal("trm_site", "cart", "", "site")


async def to_be_read(scene: Scene) -> None:
    guest = {"customer": None}
    scene.cart.orders |= {name: bought(name).model_copy(update=guest) for name in NAMES}
    async with scene.hub.database.begin() as conn:
        await hint(conn, [Hint("cart", "order", name, scene.hub.clock()) for name in NAMES])


async def to_be_shown(scene: Scene) -> None:
    for name in NAMES:
        await given(scene.hub.booking, name)


async def to_be_issued(scene: Scene) -> None:
    await given(scene.hub.booking, "c1")
    for name in NAMES:
        ask = CartHold(key=name, customer="c1", points=int(name), ttl_seconds=86_400)
        await own_cart.hold(scene.hub.till, scene.hub.connections, SITE, ask)


@dataclass(frozen=True)
class Queue:
    """A queue with one of each name, and how its rows and its calls are named."""

    lane: str
    table: str
    name: str
    called: str
    fill: Callable[[Scene], Awaitable[None]]

    async def lose(self, scene: Scene, name: str, times: int) -> None:
        """So many workers have lost it, and one more has it no longer."""
        lost = f"lost = {times - 1}, owner = 'lost', leased_until = now()"
        async with scene.hub.database.begin() as conn:
            await conn.execute(text(f"UPDATE {self.table} SET {lost} WHERE {self.name} = '{name}'"))

    async def lost(self, scene: Scene) -> int:
        """Claims of all that were lost and are not forgotten."""
        return int((await scene.one(f"SELECT coalesce(sum(lost), 0) FROM {self.table}"))[0])

    def calls(self, scene: Scene) -> list[str]:
        """Of whom the vendor was told or asked, in this order."""
        said = [call.removeprefix(self.called).split()[0] for call in scene.cart.calls]
        scene.cart.calls.clear()
        return said


QUEUES = [
    Queue("changed", "changed_object", "object_id", "fetch order ", to_be_read),
    Queue("mirror", "mirror", "external_id", "write ", to_be_shown),
    Queue("codes", "hold_code", "points", "issue ", to_be_issued),
]


@pytest.fixture(params=QUEUES, ids=lambda queue: queue.lane)
async def queue(request: pytest.FixtureRequest, scene: Scene) -> Queue:
    """Filled, and nothing called yet."""
    queue: Queue = request.param
    await queue.fill(scene)
    scene.cart.calls.clear()
    return queue


async def test_what_ended_its_workers_is_given_up_uncalled_and_what_may_have_is_called_alone(
    scene: Scene, queue: Queue
) -> None:
    await queue.lose(scene, DEADLY, MOST_LOST)
    await queue.lose(scene, SUSPECT, MOST_LOST - 1)
    await queue.lose(scene, FELLOW, ALONE)
    assert await scene.work(queue.lane) == 2
    assert queue.calls(scene)[0] == OTHER
    while await scene.work(queue.lane):
        pass
    replay = Replay(scene.hub.connections, scene.hub.database, scene.hub.clock)
    (one,) = await replay.dead("cart")
    assert one.why == ENDS_WORKERS
    assert await replay.named([f"cart/{one.name}"]) == 1
    queue.calls(scene)
    assert await scene.work(queue.lane) == 1
    assert queue.calls(scene) == [DEADLY], "a person had it tried again"
    assert await queue.lost(scene) == 0


async def test_an_error_ends_it_and_nothing_was_lost(scene: Scene, queue: Queue) -> None:
    await queue.lose(scene, SUSPECT, MOST_LOST - 1)
    scene.cart.failures = [Rejected("no") for _ in NAMES]
    while await scene.work(queue.lane):
        pass
    assert scene.cart.failures == []
    assert SUSPECT in queue.calls(scene)
    assert await queue.lost(scene) == 0


async def test_while_another_lane_has_a_suspect_none_is_called(scene: Scene, queue: Queue) -> None:
    for name in NAMES:
        await queue.lose(scene, name, ALONE)
    async with scene.worker.tools.alone:
        assert await scene.work(queue.lane) == 0
    for _ in NAMES:
        assert await scene.work(queue.lane) == 1
    assert sorted(queue.calls(scene)) == sorted(NAMES)


async def test_what_was_lost_with_its_worker_says_so_while_it_waits(
    scene: Scene, queue: Queue
) -> None:
    await queue.lose(scene, SUSPECT, ALONE + 1)
    replay = Replay(scene.hub.connections, scene.hub.database, scene.hub.clock)
    said = {one.why for one in await replay.waiting("cart")}
    assert said == {None, f"{ALONE} workers were lost that had it"}


LOST_POLL = """
UPDATE poll SET lost = {times} - 1, owner = 'lost', leased_until = now(), due = now()
WHERE kind = 'order' AND connection_id = 'cart'"""


async def lose_poll(scene: Scene, times: int) -> None:
    async with scene.hub.database.begin() as conn:
        await conn.execute(text(LOST_POLL.format(times=times)))


async def test_a_poll_that_ended_its_workers_is_left_alone_for_an_hour_and_the_others_go_on(
    scene: Scene,
) -> None:
    await scene.worker.polls.begin(await scene.hub.connections.get("cart"))
    await lose_poll(scene, MOST_LOST)
    while await scene.work("polls"):
        pass
    assert scene.cart.calls == ["changed member None"]
    rests = "SELECT due > now() + interval '59 min', failures FROM poll WHERE kind = 'order'"
    assert tuple(await scene.one(rests)) == (True, 1)
    await scene.due_now("poll")
    while await scene.work("polls"):
        pass
    assert "changed order None" in scene.cart.calls
    assert tuple(await scene.one(rests)) == (False, 0)


async def test_while_another_lane_has_a_suspect_no_poll_that_was_lost_is_read(scene: Scene) -> None:
    await scene.worker.polls.begin(await scene.hub.connections.get("cart"))
    await lose_poll(scene, ALONE)
    async with scene.worker.tools.alone:
        while await scene.work("polls"):
            pass
    assert scene.cart.calls == ["changed member None"]
    assert await scene.work("polls") == 1
    assert scene.cart.calls[-1] == "changed order None"
