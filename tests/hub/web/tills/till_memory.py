"""What a till of the machine knows, and the one hub that all of its stories are told to."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from till_acts import Act
from till_choices import RULES, TILLS
from till_stage import Caller, Stage, stage_on


@dataclass
class Carried:
    """What a till knows of an allowance: whose, how much is used, and its own count."""

    number: int
    member: str
    points: int
    expires_at: datetime
    used: int = 0
    counter: int = 0


@dataclass(repr=False)
class Till:
    """A till's memory. ``doubt``: calls whose answers it has not heard."""

    name: str
    caller: Caller
    sequence: int = 0
    receipts: int = 0
    queue: list[tuple[int, Act]] = field(default_factory=list)
    doubt: list[Act] = field(default_factory=list)
    holds: list[int] = field(default_factory=list)
    carried: dict[str, Carried] = field(default_factory=dict)

    def __repr__(self) -> str:
        return self.name

    def note(self, act: Act) -> None:
        """It happened while the line was broken."""
        self.sequence += 1
        self.queue.append((self.sequence, act))


@dataclass
class Shop:
    """One hub for all stories of a machine; each has its own members and its own receipts."""

    runner: asyncio.Runner
    stage: Stage
    callers: dict[str, Caller]
    stories: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def run(self, work: Any) -> Any:
        """In the shop's own event loop."""
        return self.runner.run(work)


@contextmanager
def shop_on(server: Any, folder: Path) -> Iterator[Shop]:
    """The shop with its ten tills."""
    opened = stage_on(server, folder, RULES)
    with asyncio.Runner() as runner:
        stage = runner.run(opened.__aenter__())
        try:
            callers = {name: runner.run(stage.add_till(name)) for name in TILLS}
            yield Shop(runner, stage, callers)
        finally:
            runner.run(opened.__aexit__(None, None, None))
