"""Many deliveries, many times, in any order: the same books, and no more memory."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest
from flow_ground import Ground, Line, Node, fresh_ground, in_order, node
from flow_story import MOST_SENT, Told, an_hour_ago, deliveries, disorder

from renkei.ledger.statehash import state_hash
from renkei.storage.scratch import Scratch

# Read here: a running test sees no setting of ours.
DELIVERIES = int(os.environ.get("RENKEI_FLOOD_DELIVERIES", "100000"))
LINES = 32
SAMPLE_EVERY = 1_000
WARM = 0.2
"""The share of the run after which memory counts: everything has been used by then."""


@dataclass
class Memory:
    """What each of the nodes held, again and again, in bytes."""

    sent: int = 0
    seen: list[list[int]] = field(default_factory=list)

    def look(self, *nodes: Node) -> None:
        """Look at each of them."""
        self.seen.append([each.memory for each in nodes])

    def warm(self) -> list[tuple[int, ...]]:
        """By node, since they were warm."""
        return list(zip(*self.seen[int(len(self.seen) * WARM) :], strict=True))


async def flooded(ground: Ground, told: list[Told], patience: float) -> Memory:
    """Two nodes hear of everything again and again; gives what each held meanwhile."""
    memory, queue, answered = Memory(), disorder(told), Counter[int]()
    async with node(ground, "one") as one, node(ground, "two") as two:

        async def send(line: Line) -> None:
            for delivery in queue:
                answered[await line.send(delivery)] += 1
                if answered.total() % SAMPLE_EVERY == 0:
                    memory.look(one, two)
            line.close()

        await asyncio.gather(*(send(Line(each.url)) for each in (one, two) * (LINES // 2)))
        await ground.worked_off(patience)
    assert set(answered) == {200}
    memory.sent = answered.total()
    return memory


async def assert_same_books(
    playground: Scratch, folder: Path, count: int, patience: float = 60
) -> Memory:
    """Gives what the nodes held in memory while the disorder came in."""
    began = an_hour_ago()
    told, at = deliveries(count, began), began + timedelta(days=1)
    with playground.database("disorder") as urls:
        async with fresh_ground(*urls, folder) as ground:
            with measured(f"{len(told)} deliveries, each 1 to {MOST_SENT} times in any order"):
                memory = await flooded(ground, told, patience)
            disordered = await ground.states(at)
    with playground.database("clean") as urls:
        async with fresh_ground(*urls, folder) as ground:
            with measured("each once and in order"):
                await in_order(ground, told, patience)
            clean = await ground.states(at)
    assert clean
    assert state_hash(disordered) == state_hash(clean)
    assert {*disordered} == {*clean}
    print(f"sent: {memory.sent}, state hash: {state_hash(clean)}")  # noqa: T201 - with pytest -s
    return memory


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Say how long it took."""
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s")  # noqa: T201 - with pytest -s


async def test_deliveries_sent_again_and_again_in_any_order_end_in_the_books_of_the_clean_run(
    playground: Scratch, tmp_path: Path
) -> None:
    await assert_same_books(playground, tmp_path, 250)


@pytest.mark.soak
async def test_a_flood_ends_in_the_books_of_the_clean_run_and_takes_no_more_memory(
    playground: Scratch, tmp_path: Path
) -> None:
    memory = await assert_same_books(playground, tmp_path, DELIVERIES, patience=7_200)
    for held in memory.warm():
        low, middle, high = min(held), median(held), max(held)
        said = f"{low / 1e6:.0f} to {high / 1e6:.0f} MB, median {middle / 1e6:.0f}"
        print(f"a node's memory: {said}")  # noqa: T201 - with pytest -s
        assert low >= 0.9 * middle, said
        assert high <= 1.1 * middle, said
