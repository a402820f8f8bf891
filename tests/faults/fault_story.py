"""One story for every fault: shops sell in rounds, something breaks in each, all comes back.

At the end the hub's books must be those of the run in which nothing broke.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fault_books import Books, books, members, quiet
from fault_cloud import Cloud, open_cloud
from fault_load import LONGEST, Callers, Errand, enrolments, round_of
from fault_nodes import Node, Where, hub_on, set_up

Fault = Callable[[int], Awaitable[None]]
"""Breaks something in the middle of a round, and mends it."""

FEW = 30
"""Acknowledgements after which the round is under way."""


@dataclass
class Story:
    """A hub of several nodes, the cart's cloud, and everybody who calls."""

    where: Where
    cloud: Cloud
    nodes: dict[str, Node]
    callers: Callers
    names: Sequence[str] = ()
    told: list[Errand] = field(default_factory=list)
    refused_before: int = 0

    async def play(self, rounds: int, fault: Fault) -> Books:
        """Tell everything, each round with the fault in its middle; gives the end."""
        for number in range(rounds):
            errands = round_of(number, self.names)
            self.told += errands
            await self._round(number, errands, fault)
        return await self._end()

    async def _round(self, number: int, errands: list[Errand], fault: Fault) -> None:
        before = self.callers.acknowledged
        telling = asyncio.create_task(self.callers.tell_all(errands, seed=number))
        try:
            await self.callers.until(lambda: self.callers.acknowledged >= before + FEW)
            assert not telling.done(), "everything was told before anything broke"
            self.refused_before = self.callers.refused
            await fault(number)
            await telling
        finally:
            telling.cancel()

    def let_leases_end(self) -> None:
        """A minute passes at once: what a killed process had taken is free again."""
        for node in self.nodes.values():
            node.set_ahead(node.ahead + 60)

    async def until(self, holds: Callable[[], Awaitable[bool]], seconds: float = LONGEST) -> None:
        """Look until it holds."""
        async with asyncio.timeout(seconds):
            while not await holds():  # noqa: ASYNC110 - it comes true in another process
                await asyncio.sleep(0.02)

    async def refusals(self, count: int) -> None:
        """Wait until so many calls were not acknowledged since this round's fault began."""
        enough = self.refused_before + count
        await self.callers.until(lambda: self.callers.refused >= enough)

    async def acknowledgements(self, more: int) -> None:
        """Wait until so many more calls were acknowledged."""
        enough = self.callers.acknowledged + more
        await self.callers.until(lambda: self.callers.acknowledged >= enough)

    async def _end(self) -> Books:
        """What was acknowledged stands there, and asking for all of it again changes nothing."""
        assert not self.callers.odd, self.callers.odd[:5]
        self.let_leases_end()
        await quiet(self.where.owner)
        end = await books(self.where.owner, self.cloud)
        answers = [_lasting(one) for one in self.told]
        await self.callers.tell_all(self.told, seed=-1)
        assert [_lasting(one) for one in self.told] == answers
        await quiet(self.where.owner)
        again = await books(self.where.owner, self.cloud)
        assert again == end, f"{again} after {end}"
        assert not self.callers.odd, self.callers.odd[:5]
        return end


def _lasting(errand: Errand) -> object:
    """Of an answer, what is the same for ever: not what the member has left by now."""
    if errand.answer is None:
        return None
    return {name: errand.answer[name] for name in ("sale", "revision", "member", "earned", "used")}


@asynccontextmanager
async def open_story(where: Where, *nodes: Node) -> AsyncIterator[Story]:
    """Everything up and everybody enrolled; nothing of it is left."""
    async with open_cloud() as cloud:
        async with hub_on(where) as hub:
            credential = await set_up(hub, cloud)
        try:
            await asyncio.gather(*(node.start() for node in nodes))
            story = Story(
                where,
                cloud,
                {node.name: node for node in nodes},
                Callers([node.url for node in nodes], credential),
            )
            await _enrol(story)
            yield story
        finally:
            await asyncio.gather(*(node.kill() for node in nodes))


async def _enrol(story: Story) -> None:
    story.told = enrolments()
    await story.callers.tell_all(story.told, seed=0)
    await quiet(story.where.owner)
    found = await members(story.where.owner)
    story.names = [found[customer] for customer in sorted(found)]
