"""A job belongs to one process at a time, and one that was away too long finds it taken."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.jobs import keep, leave

OVER = timedelta()
"""A lease that ends as it begins."""


async def test_a_job_is_kept_by_whoever_took_it_first(conn: AsyncConnection) -> None:
    assert await keep(conn, "endings", "me") == 1
    assert await keep(conn, "endings", "you") is None
    assert await keep(conn, "endings", "me") == 1


async def test_after_the_lease_another_takes_it_in_the_next_epoch(conn: AsyncConnection) -> None:
    await keep(conn, "endings", "me", OVER)
    assert await keep(conn, "endings", "you") == 2
    assert await keep(conn, "endings", "me") is None


async def test_who_leaves_it_lets_another_take_it_at_once(conn: AsyncConnection) -> None:
    await keep(conn, "endings", "me")
    await leave(conn, "endings", "you")
    assert await keep(conn, "endings", "you") is None
    await leave(conn, "endings", "me")
    assert await keep(conn, "endings", "you") == 2


async def test_jobs_are_apart(conn: AsyncConnection) -> None:
    await keep(conn, "endings", "me")
    assert await keep(conn, "another", "you") == 1
    assert (await conn.execute(text("SELECT count(*) FROM job"))).scalar_one() == 2
