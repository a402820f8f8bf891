"""The hub's own commands over a world in memory: what a batch does, without the database.

The world holds everything there is, so nothing is left to what loading chooses; the same commands
run on a real database elsewhere.
"""

import copy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from renkei.ledger.books import Books
from renkei.ledger.history import HoldPart
from renkei.ledger.staged import Entry, HoldEnd, NewHold, Staged
from renkei.ledger.world import ConnectionFacts, Needs, ProgramVersion, World
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt
from renkei.services.command import Command
from renkei.services.keep import keep
from renkei.services.points.expire import ExpireLots
from renkei.services.points.hold import LapseHolds
from renkei_contracts.errors import RenkeiError

PROGRAM = Program(per_yen=100, usable="next_day", expires_months=5, restore_days=30)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class InMemoryHub:
    """A world with these members and channels. ``entries`` is everything ever booked."""

    world: World
    entries: list[Entry] = field(default_factory=list)
    placed: list[NewHold] = field(default_factory=list)
    ends: list[HoldEnd] = field(default_factory=list)
    staged: Staged = field(default_factory=Staged)
    needs: Needs = field(default_factory=Needs)

    @classmethod
    def opened(
        cls,
        now: datetime,
        settles_from: datetime,
        members: tuple[str, ...],
        channels: tuple[str, ...],
    ) -> "InMemoryHub":
        """Empty books."""
        facts = ConnectionFacts("default", "default", settles_from)
        document = PROGRAM.model_dump_json()
        world = World(
            now=now,
            connections=dict.fromkeys(channels, facts),
            programs=[ProgramVersion("default", 1, LONG_AGO, document)],
            periods=set(),
            orders={},
            sales={},
            identities={},
            books={member: Books(member, "default", 0, 0, b"") for member in members},
            settled={},
            requests={},
            merged=dict.fromkeys(members),
        )
        return cls(world)

    def run(self, command: Command[Any], now: datetime) -> Any:
        """The answer, or the refusal that was raised; ``staged`` is what would be written."""
        self.world.now = now
        self.world.staged = self.staged = Staged()
        self.needs = command.needs()
        attempt = Attempt(self.world)
        try:
            answer = command.decide(attempt)
        except RenkeiError as refusal:
            return refusal
        keep(attempt)
        self.entries += self.staged.entries
        self.placed += self.staged.holds
        self.ends += self.staged.hold_ends
        self.world.periods |= {(one.program, one.period) for one in self.staged.entries}
        return answer

    def hold_parts(self) -> list[HoldPart]:
        """Every part of a hold there has been."""
        ends = {(end.member, end.version): end.end_version for end in self.ends}
        return [
            HoldPart(one.member, one.version, one.lapses_at, ends.get((one.member, one.version)))
            for one in self.placed
        ]

    def after_the_jobs(self, now: datetime) -> World:
        """A copy of the world in which the jobs have just run."""
        later = InMemoryHub(copied(self.world))
        for member, books in self.world.books.items():
            dead = any(lot.available and lot.dead(now) for lot in books.lots)
            if dead or any(hold.lapses_at <= now for hold in books.holds):
                later.run(LapseHolds(member), now)
                later.run(ExpireLots(member), now)
        return later.world


def copied(world: World) -> World:
    """The same content in collections of its own; what they hold is frozen."""
    twin = copy.copy(world)
    for one in fields(world):
        setattr(twin, one.name, copy.copy(getattr(world, one.name)))
    return twin
