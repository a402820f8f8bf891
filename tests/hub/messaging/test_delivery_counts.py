"""Counting deliveries: added up over processes, and never in the way."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from renkei.messaging import delivery_counts
from renkei.messaging.acceptance import Count
from renkei.messaging.delivery_counts import DeliveryCounts
from renkei.services.booking import Booking
from renkei.storage.engine import Database

AT = datetime(2026, 11, 26, 3, 0, 30, tzinfo=UTC)
MINUTE = AT.replace(second=0)


Row = tuple[datetime, int, int]


async def stored(database: Database) -> dict[str, list[Row]]:
    async with database.begin() as conn:
        found = await delivery_counts.load(conn, MINUTE)
    return {name: sorted({as_row(one) for one in told}) for name, told in found.items()}


def as_row(count: Count) -> Row:
    return count.minute, count.accepted, count.refused


async def test_what_two_processes_counted_adds_up(booking: Booking) -> None:
    one, other = DeliveryCounts(booking.database), DeliveryCounts(booking.database)
    for counts in (one, other):
        counts.add("cart", AT, genuine=True)
        counts.add("cart", AT + timedelta(seconds=20), genuine=False)
        counts.add("shop", AT + timedelta(minutes=1), genuine=True)
        await counts.write()
    await one.write()
    assert await stored(booking.database) == {
        "cart": [(MINUTE, 2, 2)],
        "shop": [(MINUTE + timedelta(minutes=1), 2, 0)],
    }


async def test_what_cannot_be_written_is_written_the_next_time(booking: Booking) -> None:
    counts = DeliveryCounts(booking.database)
    counts.add("cart", AT, genuine=True)
    counts.add("nowhere", AT, genuine=True)  # no such connection: the whole batch is refused
    with pytest.raises(IntegrityError):
        await counts.write()
    del counts._waiting[("nowhere", MINUTE)]
    counts.add("cart", AT, genuine=True)
    await counts.write()
    assert await stored(booking.database) == {"cart": [(MINUTE, 2, 0)]}


async def test_leaving_writes_the_rest(booking: Booking) -> None:
    async with DeliveryCounts(booking.database, every=3600) as counts:
        counts.add("cart", AT, genuine=False)
    assert await stored(booking.database) == {"cart": [(MINUTE, 0, 1)]}


async def test_old_counts_are_forgotten_but_for_the_first(booking: Booking) -> None:
    counts = DeliveryCounts(booking.database)
    for days in range(4):
        counts.add("cart", AT + timedelta(days=days), genuine=True)
    await counts.write()
    async with booking.database.begin() as conn:
        await delivery_counts.forget(conn, MINUTE + timedelta(days=3))
    kept = [at for at, *_ in (await stored(booking.database))["cart"]]
    assert kept == [MINUTE, MINUTE + timedelta(days=3)]
