"""Connections as rows: sealed settings, a state, a circuit."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections.store import (
    NewConnection,
    insert,
    load,
    load_all,
    note_failure,
    note_success,
    set_settings,
    set_state,
)
from renkei.errors import SealBroken, UnknownConnection
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


async def test_settings_are_sealed_for_their_connection(shop: Database, ring: KeyRing) -> None:
    async with shop.begin() as conn:
        row = await load(conn, "shop")
        await insert(conn, ring, NewConnection("other", "acme", {}, NOW), NOW)
        await conn.execute(
            text("UPDATE connection SET settings = :s WHERE connection_id = 'other'"),
            {"s": row.sealed},
        )
        moved = await load(conn, "other")
    assert row.settings(ring) == {"secret": "s3cret"}
    assert b"s3cret" not in row.sealed
    assert "s3cret" not in repr(row)
    with pytest.raises(SealBroken):
        moved.settings(ring)


async def test_settings_can_be_replaced(shop: Database, ring: KeyRing) -> None:
    async with shop.begin() as conn:
        await set_settings(conn, ring, "shop", {"secret": "new"})
        assert (await load(conn, "shop")).settings(ring) == {"secret": "new"}


async def test_a_name_is_taken_once(shop: Database, ring: KeyRing) -> None:
    with pytest.raises(IntegrityError):
        async with shop.begin() as conn:
            await insert(conn, ring, NewConnection("shop", "acme", {}, NOW), NOW)


async def test_an_unknown_connection_is_said_to_be_unknown(shop: Database) -> None:
    async with shop.begin() as conn:
        assert [row.id for row in await load_all(conn)] == ["pos", "shop"]
        with pytest.raises(UnknownConnection, match="nowhere"):
            await load(conn, "nowhere")


async def test_a_new_state_is_new_once(shop: Database) -> None:
    async with shop.begin() as conn:
        assert await set_state(conn, "shop", "needs_authorization", "token revoked")
        assert not await set_state(conn, "shop", "needs_authorization", "again")
        row = await load(conn, "shop")
    assert (row.state, row.last_error) == ("needs_authorization", "token revoked")


async def fail(conn: AsyncConnection, times: int) -> timedelta | None:
    """How long the circuit is open after so many more failures."""
    for _ in range(times):
        await note_failure(conn, "shop", NOW, "down")
    until = (await load(conn, "shop")).open_until
    return None if until is None else until - NOW


async def test_the_circuit_opens_after_five_failures_and_then_for_ever_longer(
    shop: Database,
) -> None:
    async with shop.begin() as conn:
        assert await fail(conn, 4) is None
        breaks = [await fail(conn, 1) for _ in range(3)]
        assert breaks == [timedelta(seconds=5), timedelta(seconds=10), timedelta(seconds=20)]
        assert await fail(conn, 30) == timedelta(minutes=5)


async def test_one_success_closes_the_circuit(shop: Database) -> None:
    async with shop.begin() as conn:
        await fail(conn, 9)
        row = await load(conn, "shop")
        assert row.open_until is not None
        await note_success(conn, "shop", row.open_until)
        row = await load(conn, "shop")
    assert (row.failures, row.open_until, row.last_error) == (0, None, None)


async def test_an_answer_to_what_was_asked_before_does_not_close_it(shop: Database) -> None:
    until = NOW + timedelta(seconds=30)
    async with shop.begin() as conn:
        await note_failure(conn, "shop", NOW, "too many calls", until)
        await note_success(conn, "shop", NOW + timedelta(seconds=1))
        assert (await load(conn, "shop")).open_until == until


async def test_a_vendor_that_says_when_to_come_again_is_left_alone_until_then(
    shop: Database,
) -> None:
    until = NOW + timedelta(seconds=90)
    async with shop.begin() as conn:
        await note_failure(conn, "shop", NOW, "too many calls", until)
        await note_failure(conn, "shop", NOW, "down")
        assert (await load(conn, "shop")).open_until == until
