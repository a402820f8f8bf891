"""Calls keep the vendor's pace, and no caller waits long for its turn."""

import httpx
import pytest

from renkei_colorme.pace import AT_ONCE, LONGEST, PACES, Pace, own_turn
from renkei_contracts.errors import RateLimited

INTERVAL = 60 / 90


def test_in_no_minute_more_calls_are_made_than_the_vendor_asks_for() -> None:
    pace, made = Pace(), []
    now = 1_000.0
    while now < 1_300:
        try:
            now += pace.turn(INTERVAL, now)
        except RateLimited as error:
            now += error.retry_after or 0.0
            continue
        made.append(now)
    busiest = max(sum(at <= one < at + 60 for one in made) for at in made)
    assert 90 <= busiest <= 90 + AT_ONCE <= 120
    assert len(made) >= 300 / INTERVAL


def test_after_a_time_of_quiet_a_few_calls_need_not_wait() -> None:
    pace = Pace()
    assert [pace.turn(INTERVAL, 50.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert pace.turn(INTERVAL, 50.0) == pytest.approx(INTERVAL)


def test_a_turn_that_is_far_off_is_not_waited_for() -> None:
    pace = Pace()
    for _ in range(AT_ONCE + int(LONGEST / INTERVAL)):
        pace.turn(INTERVAL, 50.0)
    with pytest.raises(RateLimited) as refused:
        pace.turn(INTERVAL, 50.0)
    assert refused.value.retry_after is not None
    assert LONGEST < refused.value.retry_after < LONGEST + 2 * INTERVAL


async def test_each_connection_has_a_pace_of_its_own() -> None:
    async with httpx.AsyncClient() as one, httpx.AsyncClient() as other:
        for http in (one, other):
            for _ in range(AT_ONCE):
                await own_turn(http, 1)
        with pytest.raises(RateLimited):
            await own_turn(one, 1)
        assert PACES[one] is not PACES[other]
