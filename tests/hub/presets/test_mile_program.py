"""A year in the program of the former MUJI passport."""

from typing import Any

from renkei.services.till.till import TillService

PRESET = "mile-program"


async def test_a_yen_is_a_mile_and_no_point(walk: Any) -> None:
    walk.on("2025-03-01")
    assert await walk.buys(19_999) == 0
    assert await walk.reaches() == []
    await walk.buys(1)
    assert await walk.reaches() == ["bronze"]
    assert await walk.has() == 0


async def test_miles_count_from_zero_each_february_in_japan_and_stages_rise_again(
    walk: Any,
) -> None:
    walk.on("2025-02-01", "00:00")
    await walk.buys(60_000)
    assert await walk.reaches() == ["bronze", "silver"]
    walk.on("2026-01-31", "23:59")
    await walk.buys(39_999)
    assert (await walk.reaches(), await walk.tier()) == ([], "silver")
    await walk.buys(1)
    assert (await walk.reaches(), await walk.tier()) == (["gold"], "gold")
    walk.on("2026-02-01", "00:00")
    assert await walk.tier() == ""
    await walk.buys(19_999)
    assert (await walk.reaches(), await walk.tier()) == ([], "")
    await walk.buys(1)
    assert (await walk.reaches(), await walk.tier()) == (["bronze"], "bronze")


async def test_a_stage_brings_a_shopping_voucher_once_a_period(
    walk: Any, till: TillService
) -> None:
    walk.on("2025-03-01")
    await walk.buys(50_000)
    assert [await walk.reaches() for _ in range(2)] == [["bronze", "silver"], []]
    codes = {kind: code for code, kind, _, _ in await walk.coupons()}
    assert {*codes} == {"voucher-200", "voucher-500"}
    done = await walk.rings(3_000, till, coupons=tuple(codes.values()))
    assert done.coupon_value == 700
    walk.on("2026-02-01")
    await walk.buys(20_000)
    assert await walk.reaches() == ["bronze"]
    assert [kind for _, kind, _, _ in await walk.coupons()].count("voucher-200") == 2


async def test_a_birthday_is_five_hundred_points_once_a_year_and_points_stay(walk: Any) -> None:
    await walk.enrols(birthday="06-15")
    given = {}
    for year in (2025, 2026):
        for month in range(1, 13):
            for day in ("01", "28"):
                walk.on(f"{year}-{month:02}-{day}", "00:00")
                given[year, month, day] = await walk.buys(100)
    assert {when for when, points in given.items() if points} == {
        (2025, 6, "01"),
        (2026, 6, "01"),
    }
    assert await walk.has() == 1_000
    await walk.enrols(birthday="12-30")
    walk.on("2026-12-30")
    assert await walk.buys(100) == 0
    walk.on("2040-01-01")
    assert (await walk.has(), await walk.loses()) == (1_000, 0)
