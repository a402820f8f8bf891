"""A lane that keeps up: so many at a time, more as soon as there is room, and when it stops."""

import asyncio
from dataclasses import dataclass, field

import pytest

from renkei.messaging.lost import Taken
from renkei.services.flow.lanes import keep_up

MOST = 4


@dataclass(frozen=True)
class Job:
    """What waits."""

    number: int
    lost: int = 0


@dataclass
class Queue:
    """Numbers that wait; each ends when its future does."""

    waiting: list[int]
    claims: list[int] = field(default_factory=list)
    under_way: dict[int, "asyncio.Future[bool]"] = field(default_factory=dict)
    breaks: bool = False
    suspects: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def claim(self, most: int) -> Taken[Job]:
        self.claims.append(most)
        if self.breaks and len(self.claims) > 1:
            raise ConnectionError("no database")
        taken, self.waiting = self.waiting[:most], self.waiting[most:]
        return Taken([Job(number) for number in taken], self.suspects)

    async def work(self, job: Job) -> bool:
        ends = self.under_way[job.number] = asyncio.get_running_loop().create_future()
        self.begun.set()
        return await ends

    async def end(self, *numbers: int, well: bool = True) -> None:
        """Let these end, once they have begun."""
        for number in numbers:
            while number not in self.under_way:
                self.begun.clear()
                await self.begun.wait()
            self.under_way[number].set_result(well)

    def run(self, stretch: float = 60.0) -> "asyncio.Task[tuple[int, bool]]":
        return asyncio.create_task(keep_up(self.claim, self.work, MOST, stretch))


async def test_more_are_claimed_as_soon_as_half_of_the_places_are_free() -> None:
    queue = Queue(list(range(6)))
    running = queue.run()
    await queue.end(0, 1)
    await queue.end(4, 5)  # begun beside 2 and 3, which go on still
    assert not queue.under_way[2].done()
    await queue.end(2, 3)
    assert await running == (6, False)
    assert queue.claims[:2] == [4, 2]


async def test_a_claim_that_was_not_full_is_the_last_one() -> None:
    queue = Queue([0, 1])
    running = queue.run()
    await queue.end(0, 1)
    assert (await running, queue.claims) == ((2, False), [4])


async def test_after_one_that_went_wrong_no_more_are_claimed() -> None:
    queue = Queue(list(range(8)))
    running = queue.run()
    await queue.end(0)
    await queue.end(1, well=False)
    await queue.end(2, 3)
    assert (await running, queue.claims, queue.waiting) == ((4, False), [4], [4, 5, 6, 7])


async def test_after_its_stretch_no_more_are_claimed() -> None:
    queue = Queue(list(range(8)))
    assert (await queue.run(stretch=0.0), queue.claims) == ((0, False), [])


async def test_what_is_under_way_is_finished_before_the_trouble_of_a_claim_is_raised() -> None:
    queue = Queue(list(range(8)), breaks=True)
    running = queue.run()
    await queue.end(0, 1)
    await asyncio.wait({running}, timeout=0)
    assert not running.done()
    await queue.end(2, 3)
    with pytest.raises(ConnectionError):
        await running
    assert all(one.done() for one in queue.under_way.values())


async def test_suspects_that_a_claim_told_of_are_told_on() -> None:
    queue = Queue([0], suspects=True)
    running = queue.run()
    await queue.end(0)
    assert await running == (1, True)


async def test_a_lane_that_is_cut_off_cuts_off_what_it_has_under_way() -> None:
    queue = Queue(list(range(4)))
    running = queue.run()
    while len(queue.under_way) < MOST:
        queue.begun.clear()
        await queue.begun.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert all(one.cancelled() for one in queue.under_way.values())
