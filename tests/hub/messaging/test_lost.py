"""What loses its workers is found: counted, taken alone, and forgotten with every end."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging import changed, mirror
from renkei.messaging.changed import Hint
from renkei.messaging.lost import ALONE, MOST_LOST
from renkei.messaging.mirror import Written
from renkei_contracts.point import Balance

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
LEASE = timedelta(seconds=31)

NEW_ROW = """
WITH m AS (INSERT INTO member (member_id, program_id, created_at) VALUES (:m, 'default', :t)
           RETURNING member_id)
INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, due)
SELECT 'cart', member_id, member_id, 5, :t FROM m"""


async def hinted(conn: AsyncConnection, name: str) -> None:
    await changed.hint(conn, [Hint("cart", "order", name, NOW)])


async def booked(conn: AsyncConnection, name: str) -> None:
    await conn.execute(text(NEW_ROW), {"m": name, "t": NOW})


async def read(conn: AsyncConnection, one: changed.Claimed, now: datetime) -> None:
    """Another hint came meanwhile."""
    await hinted(conn, one.id)
    await changed.read_done(conn, one, now)


async def shown(conn: AsyncConnection, one: mirror.Claimed, now: datetime) -> None:
    """Time changes the balance at once."""
    balance = Balance(spendable=1, version=5, as_of=NOW)
    assert await mirror.written(conn, [Written(one, balance, None, now)], now) == [True]


@dataclass(frozen=True)
class Queue:
    """What is claimed, and how it is put there and ended."""

    of: Any
    put: Callable[[AsyncConnection, str], Awaitable[None]]
    done: Callable[[AsyncConnection, Any, datetime], Awaitable[None]]
    given_up: dict[str, bool]

    async def claim(
        self, conn: AsyncConnection, now: datetime, owner: str = "me"
    ) -> tuple[list[tuple[str, int]], bool]:
        taken = await self.of.claim(conn, "cart", owner, now, 10)
        return sorted((name(one), one.lost) for one in taken.claimed), taken.suspects

    async def suspect(self, conn: AsyncConnection, now: datetime) -> Any:
        return await self.of.claim_suspect(conn, "cart", "me", now)

    async def lose(self, conn: AsyncConnection, times: int) -> datetime:
        """So many workers took what waits and never came back; gives when the leases are over."""
        now = NOW
        for number in range(times):
            assert (await self.claim(conn, now, f"lost {number}"))[0]
            now += LEASE
        return now


def name(one: Any) -> str:
    return str(one.id if isinstance(one, changed.Claimed) else one.member)


QUEUES = {
    "objects": Queue(changed, hinted, read, {"dead": True}),
    "balances": Queue(mirror, booked, shown, {"parked": True}),
}


@pytest.fixture(params=list(QUEUES))
def queue(request: pytest.FixtureRequest) -> Queue:
    return QUEUES[request.param]


async def test_what_was_lost_again_and_again_is_taken_alone(
    conn: AsyncConnection, queue: Queue
) -> None:
    await queue.put(conn, "a")
    await queue.put(conn, "b")
    over = await queue.lose(conn, ALONE)
    await queue.put(conn, "c")
    assert await queue.claim(conn, over) == ([("c", 0)], True)
    first, second = await queue.suspect(conn, over), await queue.suspect(conn, over)
    assert {(name(one), one.lost) for one in (first, second)} == {("a", ALONE), ("b", ALONE)}
    assert await queue.suspect(conn, over) is None
    assert await queue.claim(conn, over) == ([], False)


async def test_what_was_lost_once_is_taken_with_the_rest(
    conn: AsyncConnection, queue: Queue
) -> None:
    await queue.put(conn, "a")
    over = await queue.lose(conn, ALONE - 1)
    assert await queue.suspect(conn, over) is None
    assert await queue.claim(conn, over) == ([("a", ALONE - 1)], False)


async def test_what_is_lost_alone_is_counted_on(conn: AsyncConnection, queue: Queue) -> None:
    await queue.put(conn, "a")
    now = await queue.lose(conn, ALONE)
    for number in range(ALONE, MOST_LOST + 1):
        found = await queue.of.claim_suspect(conn, "cart", f"alone {number}", now)
        assert found.lost == number
        now += LEASE


async def test_what_was_done_is_not_lost_any_more(conn: AsyncConnection, queue: Queue) -> None:
    await queue.put(conn, "a")
    over = await queue.lose(conn, ALONE)
    await queue.done(conn, await queue.suspect(conn, over), over)
    assert await queue.claim(conn, over) == ([("a", 0)], False)


async def test_what_failed_is_not_lost_any_more(conn: AsyncConnection, queue: Queue) -> None:
    await queue.put(conn, "a")
    over = await queue.lose(conn, ALONE)
    await queue.of.again(conn, await queue.suspect(conn, over), over, "the vendor is down")
    assert await queue.claim(conn, over) == ([("a", 0)], False)


async def test_what_was_given_up_is_neither_taken_nor_suspect(
    conn: AsyncConnection, queue: Queue
) -> None:
    await queue.put(conn, "a")
    over = await queue.lose(conn, ALONE)
    await queue.of.again(conn, await queue.suspect(conn, over), over, "enough", **queue.given_up)
    assert await queue.claim(conn, over) == ([], False)
    assert await queue.suspect(conn, over) is None


async def test_a_worker_that_takes_up_its_own_again_was_not_lost(
    conn: AsyncConnection, queue: Queue
) -> None:
    """The database was away as it wanted to say how they ended."""
    await queue.put(conn, "a")
    for number in range(MOST_LOST):
        assert await queue.claim(conn, NOW + number * LEASE) == ([("a", 0)], False)
