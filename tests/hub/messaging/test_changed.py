"""A hint is never lost: only a read that began after it clears it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.messaging.changed import (
    Claimed,
    Hint,
    again,
    bury,
    claim,
    hint,
    read_done,
    understood,
)

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
One = Callable[..., Any]


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def about(id: str = "o1", seconds: float = 0) -> Hint:
    return Hint("cart", "order", id, at(seconds))


async def claimed(conn: AsyncConnection, seconds: float = 0, owner: str = "me") -> list[Claimed]:
    return (await claim(conn, "cart", owner, at(seconds), 10)).claimed


async def left(one: One) -> int:
    (count,) = await one("SELECT count(*) FROM changed_object WHERE NOT dead")
    return int(count)


async def test_many_hints_at_one_object_are_one_read(conn: AsyncConnection, one: One) -> None:
    await hint(conn, [about(), about(), about("o2")])
    await hint(conn, [about()])
    assert sorted(object.id for object in await claimed(conn)) == ["o1", "o2"]


async def test_a_hint_of_no_delivery_leaves_the_name_of_the_one_that_told_of_it(
    conn: AsyncConnection, one: One
) -> None:
    await hint(conn, [replace(about(), key="d1")])
    await hint(conn, [about(seconds=1)])
    assert [object.key for object in await claimed(conn, 1)] == ["d1"]


async def test_a_read_clears_what_was_hinted_before_it(conn: AsyncConnection, one: One) -> None:
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    await read_done(conn, mine, at(1))
    assert await left(one) == 0


async def test_a_hint_during_the_read_is_read_at_once_after_it(
    conn: AsyncConnection, one: One
) -> None:
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    await hint(conn, [about(seconds=2)])
    await read_done(conn, mine, at(1))
    assert [object.tries for object in await claimed(conn, 3)] == [1]


async def test_a_hint_with_an_older_time_during_the_read_is_not_lost_either(
    conn: AsyncConnection, one: One
) -> None:
    """Another process's clock may be behind ours, or the vendor's delivery may be old."""
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    await hint(conn, [about(seconds=-60)])
    await read_done(conn, mine, at(1))
    assert await left(one) == 1


async def test_a_read_before_the_change_can_be_seen_does_not_clear_it(
    conn: AsyncConnection, one: One
) -> None:
    """Some vendors tell before they commit: such a hint is of a moment still to come."""
    await hint(conn, [about()])
    await hint(conn, [about(seconds=5)])
    (mine,) = await claimed(conn)
    await read_done(conn, mine, at(1))
    assert await claimed(conn, 4) == []
    (mine,) = await claimed(conn, 5)
    await read_done(conn, mine, at(5))
    assert await left(one) == 0


async def test_whoever_lost_the_lease_clears_nothing(conn: AsyncConnection, one: One) -> None:
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    assert await claimed(conn, 29, "other") == []
    (others,) = await claimed(conn, 31, "other")
    await read_done(conn, mine, at(32))
    await again(conn, mine, at(32), "late", dead=True)
    assert await left(one) == 1
    await read_done(conn, others, at(33))
    assert await left(one) == 0


async def test_what_died_lives_again_with_the_next_hint(conn: AsyncConnection, one: One) -> None:
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    await again(conn, mine, at(1), "no such order", dead=True)
    assert await claimed(conn, 100) == []
    await hint(conn, [about(seconds=200)])
    assert [object.tries for object in await claimed(conn, 200)] == [1]


async def test_a_failed_read_is_tried_again_when_it_is_due(conn: AsyncConnection) -> None:
    await hint(conn, [about()])
    (mine,) = await claimed(conn)
    await again(conn, mine, at(10), "down")
    assert await claimed(conn, 9) == []
    assert [object.tries for object in await claimed(conn, 10)] == [2]


async def test_what_a_page_could_not_say_waits_for_a_person_until_it_is_understood(
    conn: AsyncConnection, one: One
) -> None:
    rejected = [("o1", "no price\x00"), ("\ud800" + "x" * 300, "no id")]
    await bury(conn, "cart", "order", rejected, NOW)
    await bury(conn, "cart", "order", [("o1", "still no price")], NOW)
    row = "SELECT dead, last_error FROM changed_object WHERE object_id = 'o1'"
    assert await one(row) == (True, "still no price")
    await understood(conn, "cart", "order", ["o1", "o9"])
    assert await one("SELECT count(*) FROM changed_object WHERE object_id = 'o1'") == (0,)


async def test_a_page_does_not_bury_what_is_still_to_be_read_by_itself(
    conn: AsyncConnection,
) -> None:
    await hint(conn, [about()])
    await bury(conn, "cart", "order", [("o1", "half a page")], NOW)
    await understood(conn, "cart", "order", ["o1"])
    assert len(await claimed(conn)) == 1
