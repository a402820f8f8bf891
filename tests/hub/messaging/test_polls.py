"""Windows overlap, pages are resumed, and one process reads at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.polls import (
    OVERLAP,
    SLICE,
    Claimed,
    NewPoll,
    backfill,
    claim,
    ensure,
    fail,
    finish,
    keep_page,
    rest,
)

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def poll(conn: AsyncConnection) -> AsyncConnection:
    await ensure(conn, [NewPoll("cart", "order", SINCE)], NOW)
    return conn


async def mine(conn: AsyncConnection, now: datetime = NOW, owner: str = "me") -> Claimed:
    found = await claim(conn, "cart", owner, now)
    assert found is not None
    return found


async def test_the_first_window_is_from_the_first_settled_instant_to_now(
    poll: AsyncConnection,
) -> None:
    found = await mine(poll)
    assert (found.since, found.until, found.cursor) == (SINCE, NOW, None)


async def test_beginning_again_changes_nothing(poll: AsyncConnection) -> None:
    await finish(poll, await mine(poll), NOW)
    await ensure(poll, [NewPoll("cart", "order", SINCE)], NOW)
    assert (await mine(poll)).since == NOW - OVERLAP


async def test_the_next_window_reaches_back_over_the_last_ones_end(poll: AsyncConnection) -> None:
    await finish(poll, await mine(poll), NOW + HOUR)
    assert await claim(poll, "cart", "me", NOW + HOUR / 2) is None
    found = await mine(poll, NOW + HOUR)
    assert (found.since, found.until) == (NOW - timedelta(minutes=15), NOW + HOUR)


async def test_a_window_never_begins_before_the_last_one_did(poll: AsyncConnection) -> None:
    for _ in range(3):
        await finish(poll, await mine(poll), NOW)
    assert (await mine(poll)).since == NOW - OVERLAP


async def test_after_a_crash_the_window_goes_on_at_its_page(poll: AsyncConnection) -> None:
    assert await keep_page(poll, await mine(poll), "page-2", NOW)
    assert await claim(poll, "cart", "other", NOW + timedelta(seconds=29)) is None
    found = await mine(poll, NOW + HOUR, "other")
    assert (found.since, found.until, found.cursor) == (SINCE, NOW, "page-2")


async def test_whoever_lost_the_lease_turns_no_page(poll: AsyncConnection) -> None:
    late = await mine(poll)
    await mine(poll, NOW + HOUR, "other")
    assert not await keep_page(poll, late, "page-9", NOW)
    await finish(poll, late, NOW)
    await fail(poll, late, NOW)
    await rest(poll, late, NOW)
    assert await claim(poll, "cart", "third", NOW + HOUR) is None


async def test_a_failed_page_is_read_again_and_a_refused_cursor_starts_the_window_again(
    poll: AsyncConnection,
) -> None:
    first = await mine(poll)
    await keep_page(poll, first, "page-2", NOW)
    await fail(poll, first, NOW)
    second = await mine(poll)
    assert (second.cursor, second.failures) == ("page-2", 1)
    await fail(poll, second, NOW, from_start=True)
    third = await mine(poll)
    assert (third.cursor, third.failures, third.until) == (None, 2, NOW)


async def test_a_window_that_rests_goes_on_where_it_was(poll: AsyncConnection) -> None:
    first = await mine(poll)
    await keep_page(poll, first, "page-2", NOW)
    await rest(poll, first, NOW)
    assert (await mine(poll)).cursor == "page-2"


PAST = SINCE - timedelta(days=40)


async def slices(conn: AsyncConnection) -> list[tuple[datetime, datetime]]:
    """Read whatever of the past is left, slice after slice."""
    read = []
    while (found := await claim(conn, "cart", "me", NOW)) is not None:
        assert found.is_backfill
        read.append((found.since, found.until))
        await finish(conn, found, NOW)
    return read


async def test_the_past_is_read_once_in_slices_that_touch(conn: AsyncConnection) -> None:
    await backfill(conn, "cart", ["order_history"], PAST, SINCE, NOW)
    assert await slices(conn) == [(PAST, PAST + SLICE), (PAST + SLICE, SINCE)]
    await backfill(conn, "cart", ["order_history"], PAST, SINCE, NOW)
    assert await slices(conn) == []


async def test_a_backfill_is_carried_on_further_back_once_it_is_done(
    conn: AsyncConnection,
) -> None:
    await backfill(conn, "cart", ["member_history"], PAST, SINCE, NOW)
    earlier = PAST - timedelta(days=9)
    await backfill(conn, "cart", ["member_history"], earlier, SINCE, NOW)
    assert (await slices(conn))[0] == (PAST, PAST + SLICE)
    await backfill(conn, "cart", ["member_history"], earlier, SINCE, NOW)
    assert await slices(conn) == [(earlier, PAST)]


async def test_polls_go_on_beside_a_backfill(poll: AsyncConnection) -> None:
    await backfill(poll, "cart", ["order_history"], PAST, SINCE, NOW + HOUR)
    found = await mine(poll)
    assert (found.kind, found.since, found.until) == ("order", SINCE, NOW)
