"""Turns at a vendor: a few at once after a time of quiet, then one after the other."""

import pytest

from renkei_contracts.errors import RateLimited
from renkei_contracts.pace import LONGEST, Limit, MemoryPace, require_near

SLOW = Limit(every=60, at_once=3)


def test_a_few_turns_may_follow_each_other_and_the_next_waits() -> None:
    limit = Limit(every=2, at_once=3)
    assert [limit.wait(ahead) for ahead in (0, 2, 4, 6, 8)] == [0, 0, 0, 2, 4]


def test_a_turn_that_is_far_off_is_refused_with_the_time_to_come_again() -> None:
    require_near(LONGEST)
    with pytest.raises(RateLimited) as refused:
        require_near(LONGEST + 3)
    assert refused.value.retry_after == LONGEST + 3


async def test_in_one_process_a_refused_turn_is_not_taken() -> None:
    pace = MemoryPace()
    for _ in range(SLOW.at_once):
        await pace.turn(SLOW)
    waits = []
    for _ in range(2):
        with pytest.raises(RateLimited) as refused:
            await pace.turn(SLOW)
        waits.append(refused.value.retry_after)
    assert waits[1] is not None
    assert waits[1] <= waits[0] <= SLOW.every
