"""What a lane does at once has all come to its end before anything is said of it."""

import asyncio

import pytest

from renkei.services.flow.lanes import together
from renkei_contracts.errors import Unavailable


async def test_the_answers_come_in_the_order_in_which_they_were_asked_for() -> None:
    first = asyncio.Event()

    async def waits() -> int:
        await first.wait()
        return 1

    async def goes_ahead() -> int:
        first.set()
        return 2

    assert await together([waits(), goes_ahead()]) == [1, 2]


async def test_a_failure_is_told_once_nothing_is_under_way_any_more() -> None:
    failed, ended = asyncio.Event(), []

    async def fails() -> None:
        failed.set()
        raise Unavailable("down")

    async def ends_later() -> None:
        await failed.wait()
        for _ in range(10):  # turns of the loop, in which a failure would be told long since
            await asyncio.sleep(0)
        ended.append(True)

    with pytest.raises(Unavailable):
        await together([fails(), ends_later()])
    assert ended == [True]
