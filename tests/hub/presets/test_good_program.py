"""A year in the program of MUJI GOOD PROGRAM."""

from typing import Any

import pytest

from renkei.errors import TillRefused
from renkei.services.till.till import TillService

PRESET = "good-program"


async def test_a_hundred_yen_are_a_point_that_is_one_yen_from_the_next_day_on(
    walk: Any, till: TillService
) -> None:
    walk.on("2025-04-01", "23:59")
    assert await walk.buys(12_345) == 123
    assert await walk.has() == 0
    with pytest.raises(TillRefused, match="insufficient_points"):
        await walk.rings(1_000, till, points_used=100)
    walk.on("2025-04-02", "00:00")
    assert await walk.has() == 123
    done = await walk.rings(1_000, till, points_used=100)
    assert (done.used, done.earned) == (100, 9)
    assert await walk.has() == 23


async def test_points_live_five_months_to_the_end_of_the_day_in_japan(walk: Any) -> None:
    walk.on("2025-09-30", "22:00")
    await walk.buys(10_000)
    walk.on("2025-10-01", "01:00")
    assert await walk.does("recycling") == 10
    walk.on("2026-02-28", "23:59")
    assert await walk.has() == 110
    walk.on("2026-03-01", "00:00")
    assert (await walk.has(), await walk.loses()) == (10, 100)
    walk.on("2026-03-02", "00:00")
    assert (await walk.has(), await walk.loses()) == (0, 10)
    assert await walk.has() == 0


@pytest.mark.parametrize(
    ("kind", "points", "a_day", "a_month"),
    [
        ("favourite", 1, None, 5),
        ("delivery-list", 10, 1, None),
        ("check-in", 1, 1, 10),
        ("article", 1, 1, 5),
        ("recycling", 10, 1, None),
    ],
)
async def test_an_activity_gives_its_points_so_often_a_day_and_a_month_in_japan(
    walk: Any, kind: str, points: int, a_day: int | None, a_month: int | None
) -> None:
    given = []
    for day in range(1, 32):
        walk.on(f"2025-07-{day:02}", "00:00" if day % 2 else "23:59")
        given += [await walk.does(kind, f"{day}/{n}") for n in range(2)]
    times = min(31 * (a_day or 2), a_month or 62)
    assert sum(given) == times * points
    first_day = given[:2]
    assert first_day == ([points, 0] if a_day else [points, points])
    walk.on("2025-07-31", "23:59")
    assert await walk.does(kind, "last") == 0
    walk.on("2025-08-01", "00:00")
    assert await walk.does(kind, "next") == points
    assert await walk.has() == times * points


async def test_a_published_review_counts_once_for_a_receipt_and_a_request_each_time(
    walk: Any,
) -> None:
    assert await walk.does("review", "tea", "receipt-1") == 5
    assert await walk.does("review", "rice", "receipt-1") == 0
    assert await walk.does("review", "tea", "receipt-2") == 5
    assert [await walk.does("posted-request", str(n)) for n in range(3)] == [5, 5, 5]
    walk.on("2025-01-02")
    assert await walk.has() == 25


async def test_the_card_gives_a_thousand_once_and_five_hundred_each_may_and_december(
    walk: Any,
) -> None:
    walk.on("2025-02-10")
    assert [await walk.does("card-sign-up") for _ in range(2)] == [1000, 0]
    given = {}
    for year in (2025, 2026):
        for month in range(1, 13):
            walk.on(f"{year}-{month:02}-01", "00:00")
            given[year, month] = [await walk.does("card-bonus") for _ in range(2)]
    bonus = {month for month, points in given.items() if points == [500, 0]}
    assert bonus == {(2025, 5), (2025, 12), (2026, 5), (2026, 12)}
    assert sum(map(sum, given.values())) == 4 * 500
    walk.on("2026-04-30", "23:59")
    assert await walk.does("card-bonus") == 0
    walk.on("2026-12-02")
    assert await walk.has() == 500


async def test_at_the_hotel_only_the_room_charge_earns(walk: Any) -> None:
    await walk.connects("hotel")
    await walk.lists("room", "room-charge")
    bill = [(20_000, "room"), (5_000, "dinner")]
    assert await walk.buys_all(bill, "hotel") == 200
    assert await walk.buys_all(bill, "cart") == 250


async def test_a_bag_of_ones_own_is_a_point_for_each_sale_at_the_till(
    walk: Any, till: TillService
) -> None:
    first = await walk.rings(500, till, activities=("own-bag", "own-bag"))
    assert ([one.points for one in first.activities], first.earned) == ([1], 5)
    second = await walk.rings(99, till, activities=("own-bag",))
    assert ([one.points for one in second.activities], second.earned) == ([1], 0)
    assert await walk.has() == 0
    walk.on("2025-01-02", "00:00")
    assert await walk.has() == 7
