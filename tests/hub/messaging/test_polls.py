"""Windows overlap, pages are resumed, and one process reads at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.lost import ALONE, MOST_LOST
from renkei.messaging.polls import (
    OVERLAP,
    SLICE,
    Claimed,
    NewPoll,
    backfill,
    claim,
    claim_suspect,
    ensure,
    fail,
    finish,
    keep_page,
    rest,
    set_aside,
)

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOTHING = ([], False)


@pytest.fixture
async def poll(conn: AsyncConnection) -> AsyncConnection:
    await ensure(conn, [NewPoll("cart", "order", SINCE)], NOW)
    return conn


async def mine(conn: AsyncConnection, now: datetime = NOW, owner: str = "me") -> Claimed:
    (found,) = (await claim(conn, "cart", owner, now)).claimed
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
    assert await claim(poll, "cart", "me", NOW + HOUR / 2) == NOTHING
    found = await mine(poll, NOW + HOUR)
    assert (found.since, found.until) == (NOW - timedelta(minutes=15), NOW + HOUR)


async def test_a_window_never_begins_before_the_last_one_did(poll: AsyncConnection) -> None:
    for _ in range(3):
        await finish(poll, await mine(poll), NOW)
    assert (await mine(poll)).since == NOW - OVERLAP


async def test_after_a_crash_the_window_goes_on_at_its_page(poll: AsyncConnection) -> None:
    assert await keep_page(poll, await mine(poll), "page-2", NOW)
    assert await claim(poll, "cart", "other", NOW + timedelta(seconds=29)) == NOTHING
    found = await mine(poll, NOW + HOUR, "other")
    assert (found.since, found.until, found.cursor) == (SINCE, NOW, "page-2")


async def test_whoever_lost_the_lease_turns_no_page(poll: AsyncConnection) -> None:
    late = await mine(poll)
    await mine(poll, NOW + HOUR, "other")
    assert not await keep_page(poll, late, "page-9", NOW)
    await finish(poll, late, NOW)
    await fail(poll, late, NOW)
    await rest(poll, late, NOW)
    assert await claim(poll, "cart", "third", NOW + HOUR) == NOTHING


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
    while taken := (await claim(conn, "cart", "me", NOW)).claimed:
        (found,) = taken
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


async def lost(poll: AsyncConnection, times: int) -> datetime:
    """So many workers in a row took it and never came back; gives when the last lease is over."""
    for number in range(times):
        now = NOW + number * HOUR
        if await claim(poll, "cart", f"lost {number}", now) == ([], True):
            assert await claim_suspect(poll, "cart", f"lost {number}", now)
    return NOW + times * HOUR


async def alone(poll: AsyncConnection, now: datetime, owner: str = "me") -> Claimed:
    found = await claim_suspect(poll, "cart", owner, now)
    assert found is not None
    return found


async def test_what_was_lost_again_and_again_is_taken_alone(poll: AsyncConnection) -> None:
    over = await lost(poll, ALONE)
    await ensure(poll, [NewPoll("cart", "member", SINCE)], over)
    taken = await claim(poll, "cart", "me", over)
    assert ([one.kind for one in taken.claimed], taken.suspects) == (["member"], True)
    assert await claim_suspect(poll, "cart", "me", over, "member") is None
    found = await alone(poll, over)
    assert (found.kind, found.lost) == ("order", ALONE)
    assert await claim_suspect(poll, "cart", "me", over) is None
    assert await claim(poll, "cart", "me", over) == NOTHING


@pytest.mark.parametrize(
    "end",
    [
        lambda conn, one, now: keep_page(conn, one, "page-2", now - HOUR),
        lambda conn, one, now: finish(conn, one, now),
        lambda conn, one, now: rest(conn, one, now),
        lambda conn, one, now: fail(conn, one, now),
        lambda conn, one, now: fail(conn, one, now, from_start=True),
    ],
    ids=["a page", "the window", "a rest", "a failure", "a refused cursor"],
)
async def test_whatever_ends_it_forgets_what_was_lost(poll: AsyncConnection, end: Any) -> None:
    over = await lost(poll, ALONE)
    await end(poll, await alone(poll, over), over)
    assert (await mine(poll, over)).lost == 0


async def test_what_is_set_aside_has_one_try_alone_when_it_is_due(poll: AsyncConnection) -> None:
    over = await lost(poll, MOST_LOST)
    found = await alone(poll, over)
    assert found.lost == MOST_LOST
    await set_aside(poll, found, over + HOUR)
    assert await claim(poll, "cart", "me", over) == NOTHING
    for number, tries in ((0, MOST_LOST - 1), (1, MOST_LOST)):
        found = await alone(poll, over + (number + 1) * HOUR, f"after {number}")
        assert (found.lost, found.failures) == (tries, 1)


async def test_a_worker_that_takes_up_its_own_again_was_not_lost(poll: AsyncConnection) -> None:
    for number in range(MOST_LOST):
        assert (await mine(poll, NOW + number * HOUR)).lost == 0
