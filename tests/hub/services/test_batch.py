"""A batch of many commands beside everything else that a process does."""

import asyncio
from dataclasses import dataclass, field

from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.batch import run_batch
from renkei.storage.engine import Database


@dataclass
class Clockwork:
    """Work of the same process that has a turn whenever others leave it one."""

    turns: int = 0
    seen: list[int] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Look:
    """A command that notes how many turns there have been when it is decided."""

    clockwork: Clockwork

    def needs(self) -> Needs:
        return Needs()

    def decide(self, attempt: Attempt) -> None:
        self.clockwork.seen.append(self.clockwork.turns)


async def test_a_long_batch_lets_others_go_on_between_its_decisions(database: Database) -> None:
    clockwork = Clockwork()
    beside = asyncio.create_task(clockwork.run())
    await run_batch(database, [Look(clockwork)] * 40)
    beside.cancel()
    assert len(clockwork.seen) == 40
    assert len(set(clockwork.seen)) >= 5
