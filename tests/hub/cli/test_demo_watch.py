"""Waiting for a balance."""

from collections.abc import Iterable

from renkei.cli.demo_watch import Look, watch, watch_all


def showing(values: Iterable[int | None]) -> Look:
    left = iter(values)

    async def look() -> int | None:
        return next(left)

    return look


async def test_the_first_look_may_be_enough() -> None:
    seen = await watch(showing([132]), 132, 5)
    assert seen.shown == 132
    assert seen.ms is not None


async def test_looking_goes_on_until_the_balance_is_right() -> None:
    assert (await watch(showing([None, 0, 132]), 132, 5)).shown == 132


async def test_after_the_deadline_what_was_shown_last_is_told() -> None:
    seen = await watch(showing([None, 7]), 132, 0)
    assert seen.shown in (None, 7)
    assert seen.ms is None


async def test_channels_are_watched_at_the_same_time() -> None:
    looks = {"cart": showing([0, 132]), "till": showing([132])}
    seen = await watch_all(looks, 132, 5)
    assert [one.shown for one in seen.values()] == [132, 132]
