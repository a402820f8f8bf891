"""Where there is something to do, and where nothing may be done."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renkei.messaging import changed, mirror
from renkei.messaging.changed import Hint, hint
from renkei.messaging.due import DUE, Lane, due
from renkei.messaging.inbox import CLAIM, CLAIM_SUSPECTS, LEASE, Incoming, store
from renkei.messaging.polls import NewPoll, ensure
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.delivery import Delivery

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
MIRROR = """
WITH m AS (INSERT INTO member (member_id, program_id, created_at)
           VALUES ('m', 'default', now()) RETURNING member_id)
INSERT INTO mirror (connection_id, member_id, wanted_version, due)
SELECT 'cart', member_id, 0, CAST('2026-11-26Z' AS timestamptz) FROM m"""
CALLS = {"changed", "polls", "mirror"}


@pytest.fixture
async def busy(conn: AsyncConnection, ring: KeyRing) -> AsyncConnection:
    """A cart with one thing in every queue."""
    await store(conn, ring, [Incoming(Delivery("cart", NOW, (), b""), "d")])
    await hint(conn, [Hint("cart", "order", "o1", NOW)])
    await ensure(conn, [NewPoll("cart", "order", NOW)], NOW)
    await conn.execute(text(MIRROR))
    return conn


async def queues(conn: AsyncConnection, now: datetime = NOW) -> set[str]:
    lanes = await due(conn, now)
    assert {lane.connection for lane in lanes} <= {"cart"}
    return {lane.queue for lane in lanes}


async def test_every_queue_with_work_is_a_lane(busy: AsyncConnection) -> None:
    assert await queues(busy) == CALLS | {"deliveries"}
    assert Lane("polls", "cart") in await due(busy, NOW)


async def test_nothing_is_due_before_its_time(busy: AsyncConnection) -> None:
    assert await queues(busy, NOW - timedelta(seconds=1)) == {"mirror"}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("state = 'paused'", set()),
        ("state = 'needs_authorization'", {"deliveries"}),
        ("open_until = '2026-11-26T03:00:01Z'", {"deliveries"}),
        ("open_until = '2026-11-26T03:00:00Z'", CALLS | {"deliveries"}),
        ("leads = 'vendor'", {"deliveries", "changed", "polls"}),
    ],
)
async def test_a_vendor_is_called_only_when_it_may_be(
    busy: AsyncConnection, change: str, left: set[str]
) -> None:
    await busy.execute(text(f"UPDATE connection SET {change} WHERE connection_id = 'cart'"))
    assert await queues(busy) == left


async def test_what_waits_at_one_connection_is_found_without_reading_what_waits_at_another(
    shops: Database, ring: KeyRing
) -> None:
    flood = [Incoming(Delivery("cart", NOW, (), b""), f"d{n}") for n in range(3_000)]
    async with shops.begin() as conn:
        await store(conn, ring, [*flood, Incoming(Delivery("shop", NOW, (), b""), "d")])
    async with shops.begin_often() as conn:
        values = {"c": "shop", "owner": "me", "now": NOW, "limit": 100, "lease": LEASE}
        assert await rows_read(conn, CLAIM, values) <= 10
        flooded = values | {"c": "cart"}
        assert await rows_read(conn, CLAIM_SUSPECTS, flooded) <= 10
    async with shops.begin_often() as conn:
        assert await rows_read(conn, DUE, {"now": NOW}) <= 50


SHOWN = """
WITH m AS (INSERT INTO member (member_id, program_id, created_at)
           SELECT 'm' || n, 'default', now() FROM generate_series(1, 3000) n RETURNING member_id)
INSERT INTO mirror (connection_id, member_id, wanted_version, written_version, due)
SELECT 'cart', member_id, 5, CASE member_id WHEN 'm7' THEN 4 ELSE 5 END,
       CAST('2026-11-26Z' AS timestamptz) FROM m"""


@pytest.mark.parametrize("queue", [changed, mirror], ids=lambda queue: queue.__name__)
async def test_what_calls_the_vendor_is_claimed_without_reading_all_that_is_known(
    shops: Database, owner_engine: AsyncEngine, queue: Any
) -> None:
    async with owner_engine.begin() as conn:
        await hint(conn, [Hint("cart", "order", f"o{n}", NOW) for n in range(3_000)])
        await conn.execute(text(SHOWN))
        await conn.execute(text("ANALYZE changed_object, mirror"))
    values = {"c": "cart", "owner": "me", "now": NOW, "limit": 8, "lease": LEASE}
    for statement in (queue.SUSPECTS_WAIT, queue.CLAIM_SUSPECTS, queue.CLAIM):
        async with shops.begin_often() as conn:
            assert await rows_read(conn, statement, values) <= 10


async def rows_read(conn: AsyncConnection, sql: str, values: dict[str, Any]) -> int:
    """The most rows that a step of the plan went through."""
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}"
    plan = (await conn.execute(text(explain), values)).scalar_one()[0]["Plan"]
    return max(_read(plan))


def _read(step: dict[str, Any]) -> Iterator[float]:
    removed = step.get("Rows Removed by Filter", 0) + step.get("Rows Removed by Index Recheck", 0)
    yield (step["Actual Rows"] + removed) * step["Actual Loops"]
    for inner in step.get("Plans", ()):
        yield from _read(inner)
