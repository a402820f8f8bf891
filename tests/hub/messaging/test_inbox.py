"""Deliveries are stored once, worked on by one at a time, and ended once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import BodyGone, SealBroken
from renkei.messaging import kept
from renkei.messaging.inbox import (
    Claimed,
    Ended,
    Incoming,
    claim,
    claim_suspect,
    empty,
    end,
    store,
)
from renkei.messaging.lost import ALONE
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.delivery import Delivery

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
LATER = NOW + timedelta(seconds=11)
FIRST_TEN = "SELECT delivery_key FROM delivery ORDER BY due, delivery_key LIMIT 10"
One = Callable[..., Any]


def incoming(key: str, body: bytes = b"{}", connection: str = "cart") -> Incoming:
    return Incoming(Delivery(connection, NOW, (("X-Id", "花"),), body), key)


async def stored(conn: AsyncConnection, ring: KeyRing, *keys: str) -> None:
    await store(conn, ring, [incoming(key, key.encode()) for key in keys])


async def claimed(conn: AsyncConnection, owner: str = "me", now: datetime = NOW) -> list[Claimed]:
    return (await claim(conn, "cart", owner, now, 10)).claimed


async def test_the_same_key_is_stored_once_also_within_a_batch(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    first = [incoming("a"), incoming("a"), incoming("b"), incoming("a", connection="shop")]
    assert await store(conn, ring, first) == [True, False, True, True]
    assert await store(conn, ring, [incoming("b"), incoming("c")]) == [False, True]


@pytest.mark.parametrize("body", [b"", b"\x00\xff\x00", "花子".encode(), b"x" * 70_000])
async def test_a_delivery_comes_back_byte_for_byte(
    conn: AsyncConnection, ring: KeyRing, body: bytes
) -> None:
    await store(conn, ring, [incoming("z", b"other"), incoming("a", body), incoming("b", b"more")])
    found = {one.key: one.opened(ring) for one in await claimed(conn)}
    assert found["a"] == incoming("a", body).delivery
    assert found["b"].body == b"more"


async def test_nothing_of_a_delivery_is_readable_in_the_database(
    conn: AsyncConnection, ring: KeyRing, one: One
) -> None:
    await store(conn, ring, [incoming("a", b"hanako@example.jp")])
    headers, body = await one("SELECT headers, body FROM delivery")
    assert b"X-Id" not in bytes(headers)
    assert b"hanako" not in bytes(body)


async def test_a_body_moved_to_another_delivery_does_not_open(
    shops: Database, ring: KeyRing, owner_engine: Any
) -> None:
    async with shops.begin() as conn:
        await stored(conn, ring, "a", "b")
    async with owner_engine.begin() as behind:
        await behind.execute(text("ALTER TABLE delivery DISABLE TRIGGER USER"))
        await behind.execute(text("UPDATE delivery SET body = (SELECT max(body) FROM delivery)"))
    async with shops.begin() as conn:
        moved = await claimed(conn)
    with pytest.raises(SealBroken):
        [one.opened(ring) for one in moved]


async def test_what_is_claimed_is_nobody_elses_until_the_lease_is_over(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await stored(conn, ring, "a")
    (mine,) = await claimed(conn)
    assert await claimed(conn, "other") == []
    (again,) = await claimed(conn, "other", LATER)
    assert (mine.tries, again.tries) == (1, 2)


async def test_what_another_worker_is_taking_is_passed_over_and_not_waited_for(
    shops: Database, ring: KeyRing
) -> None:
    async with shops.begin() as conn:
        await stored(conn, ring, *(f"d{n}" for n in range(15)))
    async with shops.begin() as left, shops.begin() as right:
        await right.execute(text("SET LOCAL lock_timeout = '5s'"))
        first = (await left.execute(text(f"{FIRST_TEN} FOR UPDATE"))).scalars().all()
        second = [one.key for one in await claimed(right, "right")]
    assert (len(first), len(second), len({*first, *second})) == (10, 5, 15)


async def test_whoever_lost_the_lease_cannot_end_the_delivery(
    conn: AsyncConnection, ring: KeyRing, one: One
) -> None:
    await stored(conn, ring, "a")
    (mine,) = await claimed(conn)
    (others,) = await claimed(conn, "me", LATER)  # the same process, stalled and started again
    assert await end(conn, [Ended(mine, "dead", LATER, "late")]) == 0
    assert await end(conn, [Ended(others, "done", LATER)]) == 1
    assert await end(conn, [Ended(others, "dead", LATER)]) == 0
    assert await one("SELECT state, reason FROM delivery") == ("done", None)


async def test_a_delivery_to_be_tried_again_comes_when_it_is_due(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await stored(conn, ring, "a")
    (mine,) = await claimed(conn)
    await end(conn, [Ended(mine, "new", LATER, "not now")])
    assert await claimed(conn, now=NOW) == []
    assert [one.key for one in await claimed(conn, now=LATER)] == ["a"]


async def test_other_connections_deliveries_are_not_claimed(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await store(conn, ring, [incoming("a", connection="shop")])
    assert await claimed(conn) == []


async def test_a_reason_with_characters_that_cannot_be_stored_is_stored_without_them(
    conn: AsyncConnection, ring: KeyRing, one: One
) -> None:
    await stored(conn, ring, "a")
    (mine,) = await claimed(conn)
    await end(conn, [Ended(mine, "dead", NOW, "a\x00b\ud800" + "c" * 999)])
    assert await one("SELECT left(reason, 3), length(reason) FROM delivery") == ("ab?", 500)


async def test_what_is_claimed_comes_in_the_order_in_which_it_came_in(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    for tick in (3, 1, 2, 0):
        at = NOW - timedelta(seconds=tick)
        await store(conn, ring, [Incoming(Delivery("cart", at, (), b""), f"d{tick}")])
    assert [one.key for one in await claimed(conn)] == ["d3", "d2", "d1", "d0"]


async def settled(conn: AsyncConnection, ring: KeyRing, **states: Any) -> None:
    """Deliveries by their keys, each ended like this."""
    await stored(conn, ring, *states)
    found = await claimed(conn)
    await end(conn, [Ended(each, states[each.key], NOW, "said") for each in found])


async def test_old_bytes_go_once_they_are_settled_and_the_rest_stays(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await settled(conn, ring, a="done", b="ignored", c="dead", d="new")
    assert await empty(conn, NOW, 10) == 0, "not before their time"
    assert await empty(conn, LATER, 1) == 1
    assert await empty(conn, LATER, 10) == 1
    assert await empty(conn, LATER, 10) == 0
    found = await kept.look(conn, "cart", [])
    assert [(each.key, each.sealed.gone, each.state) for each in found] == [
        ("a", True, "done"),
        ("b", True, "ignored"),
        ("c", False, "dead"),
        ("d", False, "new"),
    ]
    with pytest.raises(BodyGone, match="cart/a is not kept any more"):
        found[0].sealed.opened(ring)
    assert found[2].sealed.opened(ring).body == b"c"


async def test_what_comes_again_when_its_bytes_are_gone_is_still_known(
    conn: AsyncConnection, ring: KeyRing, one: One
) -> None:
    await settled(conn, ring, a="done")
    await empty(conn, LATER, 10)
    assert await store(conn, ring, [incoming("a")]) == [False]
    assert await claimed(conn, now=LATER) == []
    assert await one("SELECT state, reason, length(headers) + length(body) FROM delivery") == (
        "done",
        "said",
        0,
    )


@pytest.mark.parametrize(
    ("state", "change"),
    [
        ("done", "body = 'another'"),
        ("done", "headers = 'another', body = ''"),
        ("done", "body = body"),
        ("new", "headers = '', body = ''"),
        ("dead", "headers = '', body = ''"),
    ],
)
async def test_bytes_may_be_emptied_and_never_changed(
    shops: Database, ring: KeyRing, owner_engine: Any, state: Any, change: str
) -> None:
    async with shops.begin() as conn:
        await settled(conn, ring, a=state)
    for engine in (shops.engine, owner_engine):
        async with engine.begin() as conn:
            with pytest.raises(DBAPIError, match="may be emptied, no more"):
                await conn.execute(text(f"UPDATE delivery SET {change}"))


async def lost(conn: AsyncConnection, times: int) -> datetime:
    """So many workers took what waits and never came back; gives when the last lease is over."""
    now = NOW
    for number in range(times):
        assert await claimed(conn, f"lost {number}", now)
        now += timedelta(seconds=11)
    return now


async def suspect(conn: AsyncConnection, now: datetime) -> Claimed:
    """The next that has to be worked off alone."""
    found = await claim_suspect(conn, "cart", "me", now)
    assert found is not None
    return found


async def test_what_was_lost_again_and_again_is_taken_alone(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await stored(conn, ring, "a", "b")
    over = await lost(conn, ALONE)
    await store(conn, ring, [incoming("c")])
    taken = await claim(conn, "cart", "me", over, 10)
    assert ([each.key for each in taken.claimed], taken.suspects) == (["c"], True)
    first, second = await suspect(conn, over), await suspect(conn, over)
    assert {(one.key, one.lost) for one in (first, second)} == {("a", ALONE), ("b", ALONE)}
    assert await claim_suspect(conn, "cart", "me", over) is None
    assert await claim(conn, "cart", "me", over, 10) == ([], False)


async def test_what_was_lost_once_is_taken_with_the_rest(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    await stored(conn, ring, "a")
    over = await lost(conn, ALONE - 1)
    assert await claim_suspect(conn, "cart", "me", over) is None
    taken = await claim(conn, "cart", "me", over, 10)
    (mine,) = taken.claimed
    assert not taken.suspects
    assert mine.lost == ALONE - 1


async def test_an_end_forgets_what_was_lost(conn: AsyncConnection, ring: KeyRing) -> None:
    await stored(conn, ring, "a")
    over = await lost(conn, ALONE)
    await end(conn, [Ended(await suspect(conn, over), "new", over, "the vendor is down")])
    (mine,) = await claimed(conn, now=over)
    assert mine.lost == 0


async def test_a_worker_that_takes_up_its_own_again_was_not_lost(
    conn: AsyncConnection, ring: KeyRing
) -> None:
    """The database was away as it wanted to say how they ended."""
    await stored(conn, ring, "a")
    now = NOW
    for _ in range(ALONE + 1):
        (mine,) = await claimed(conn, now=now)
        assert mine.lost == 0
        now += timedelta(seconds=11)
