"""What comes in faster than it can be stored is sent away before it fills the memory."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from itertools import islice
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from renkei.errors import Busy
from renkei.web.room import BYTES, DELIVERIES, SMALL, Room

Signer = Callable[..., dict[str, str]]

WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def filled(room: Room, sender: str, size: int = 0) -> ExitStack:
    """Everything that the sender can get."""
    held = ExitStack()
    while True:
        try:
            held.enter_context(room.place(sender, size))
        except Busy:
            return held


def test_a_flood_leaves_as_much_room_as_it_takes() -> None:
    room = Room(requests=100)
    with filled(room, "flood"):
        assert room._each["flood"].requests == 50
        with filled(room, "second flood"):
            assert room._each["second flood"].requests == 25
            with room.place("quiet", 0):
                pass


def test_the_bytes_of_bodies_are_shared_like_their_number() -> None:
    room = Room(bytes=1_000_000)
    with filled(room, "flood", 100_000), room.place("quiet", 500_000):
        assert room._each["flood"].bytes == 500_000
        with pytest.raises(Busy):
            room.place("late", SMALL + 1).__enter__()


def test_a_few_who_send_large_ones_slowly_keep_no_small_one_out() -> None:
    room = Room()
    with filled(room, "shop", 2_000_000):
        assert room._each["shop"].requests == 8
        with room.place("shop", SMALL):
            pass


def test_small_ones_are_bounded_by_their_number_to_as_many_bytes() -> None:
    assert DELIVERIES * SMALL <= BYTES


def test_a_body_that_is_smaller_than_it_might_be_makes_room() -> None:
    room = Room(bytes=100_000)
    with room.place("shop", 100_000) as place:
        place.shrink(10)
        with room.place("shop", 90_000):
            pass


def test_what_has_left_leaves_nothing_behind() -> None:
    room = Room(requests=10, bytes=100)
    with filled(room, "flood", 10):
        pass
    with pytest.raises(RuntimeError), room.place("flood", 10):
        raise RuntimeError("the handler failed")
    assert (room._all.requests, room._all.bytes, room._each) == (0, 0, {})


@asynccontextmanager
async def stalled(owner_engine: Any) -> AsyncIterator[None]:
    """A database that stores no delivery while the block runs, and says nothing either."""
    async with owner_engine.begin() as conn:
        await conn.execute(text("LOCK TABLE delivery IN EXCLUSIVE MODE"))
        yield


async def until_it_waits(owner_engine: Any) -> None:
    async with owner_engine.begin() as conn:
        while not (await conn.execute(text(WAITS))).scalar_one():
            await conn.execute(text("SELECT pg_stat_clear_snapshot()"))


async def test_whoever_names_no_connection_sends_no_body(client: httpx.AsyncClient) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"{}"

    answer = await client.post("/webhooks/nobody", content=body())
    assert (answer.status_code, read) == (404, [])


async def test_a_name_that_is_made_up_is_no_label_where_there_is_no_room(
    app: Any, client: httpx.AsyncClient, acme_signs: Signer
) -> None:
    app.state.room = Room(requests=1)
    await client.post("/webhooks/signing", content=b"{}", headers=acme_signs(b"{}"))
    app.state.room = Room(requests=0)
    for name in ("signing", "nobody"):
        assert (await client.post(f"/webhooks/{name}")).status_code == 503
    told = (await client.get("/metrics")).text
    assert 'renkei_deliveries_total{connection="signing",outcome="busy"} 1.0' in told
    assert 'renkei_deliveries_total{connection="",outcome="unknown"} 1.0' in told
    assert "nobody" not in told


async def test_a_body_of_unknown_size_takes_only_what_it_was_once_it_is_there(
    app: Any, client: httpx.AsyncClient, acme_signs: Signer, owner_engine: Any, hub: Any
) -> None:
    room = app.state.room = Room(bytes=hub.settings.body_limit_bytes + 100)

    def send(number: int) -> "asyncio.Task[httpx.Response]":
        async def body() -> AsyncIterator[bytes]:
            yield b"%d" % number

        headers = acme_signs(b"%d" % number, f"d{number}")
        return asyncio.create_task(
            client.post("/webhooks/signing", content=body(), headers=headers)
        )

    async with stalled(owner_engine):
        first = send(1)
        await until_it_waits(owner_engine)
        second = send(2)
        while room._all.requests < 2 and not second.done():
            await until_it_waits(owner_engine)
    assert [(await one).status_code for one in (first, second)] == [200, 200]


async def test_while_the_database_stalls_a_flood_is_sent_away_and_another_shop_still_waits_its_turn(
    app: Any, client: httpx.AsyncClient, acme_signs: Signer, owner_engine: Any, count: Any
) -> None:
    app.state.room = Room(requests=20)

    def send(path: str, number: int) -> "asyncio.Task[httpx.Response]":
        body = b'{"order": %d}' % number
        return asyncio.create_task(
            client.post(path, content=body, headers=acme_signs(body, f"d{number}"))
        )

    async with stalled(owner_engine):
        flood = [send("/webhooks/signing", number) for number in range(60)]
        for one in islice(asyncio.as_completed(flood), 50):
            await one
        other = send("/webhooks/secret/acme-is-known-by-this-path", 1)
        await until_it_waits(owner_engine)
        assert not other.done()
    answers = await asyncio.gather(*flood)
    assert (await other).status_code == 200
    assert Counter(answer.status_code for answer in answers) == {503: 50, 200: 10}
    sent_away = next(answer for answer in answers if answer.status_code == 503)
    assert sent_away.json()["code"] == "busy"
    assert int(sent_away.headers["retry-after"]) >= 1
    assert await count("delivery") == 11
