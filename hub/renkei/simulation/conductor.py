"""The parent of a simulation's worker processes: hands out rounds, kills, restarts, collects."""

import asyncio
import multiprocessing
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from renkei.bootstrap import new_id
from renkei.failpoints import NAMES
from renkei.services.booking import Booking
from renkei.services.command import Command
from renkei.simulation.office import opened
from renkei.simulation.people import member_id
from renkei.simulation.recording import Outcome, run_recorded
from renkei.simulation.rounds import ROUNDS, end, now_of
from renkei.simulation.schedule import Errand, Jobs, Order, schedule
from renkei.simulation.stage import RING, Stage
from renkei.simulation.traffic import Plan, first_customers
from renkei.simulation.workers import Answered, Batch, Done, Post, serve
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import Database, open_database
from renkei_contracts.till import HoldRequest

SPEED = 400
"""In disorder a second lasts minutes, so that holds lapse while they are used."""

KILLS = 3
"""Of each worker's processes, where there are faults."""

DEADLIEST = 12
"""A doomed worker reaches its fail-point at most this many times."""

MANY = 20 * DEADLIEST
"""Fail-points between statements are reached that much more often."""

SILENCE = 60.0
"""Seconds without any report after which a simulation has hung."""


@dataclass(frozen=True)
class Conduct:
    """How the traffic is brought to the hub. ``worker`` is what a worker process runs."""

    workers: int = 2
    order: Order = "disorder"
    faults: bool = False
    worker: Callable[[Post, Any], None] = serve


@dataclass
class Outcomes:
    """What the clients heard. ``faults`` are errands that ended as nobody foresaw."""

    answers: list[Answered] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    kills: dict[str, int] = field(default_factory=dict)
    delivered: int = 0


class Hung(Exception):
    """No worker reported anything for a long time."""


@dataclass
class _Seat:
    """One worker's place: its process now, what it has yet to do, how often it must still die."""

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    chance: random.Random
    deaths: int
    doom: str | None = None
    waiting: dict[str, Errand] = field(default_factory=dict)
    done: dict[str, Errand] = field(default_factory=dict)
    busy: bool = False


def conduct(stage: Stage, plan: Plan, how: Conduct) -> Outcomes:
    """Bring the whole traffic to the hub on this stage; gives what the clients heard."""
    asyncio.run(_enrol(stage, plan))
    conductor = _Conductor(stage, plan, how)
    try:
        for number, lists in enumerate(schedule(plan, how.workers, how.order)):
            stage.set_clock(now_of(number), SPEED if plan.scenario.traffic == "all" else 0)
            conductor.play(lists)
        stage.set_clock(end())
        last: list[Errand] = [Jobs(f"j{ROUNDS}")]
        conductor.play([last, *([] for _ in range(how.workers - 1))])
    finally:
        conductor.close()
    return conductor.outcomes


async def _enrol(stage: Stage, plan: Plan) -> None:
    """The members and the quotas are there before the doors open."""
    database = open_database(stage.app)
    async with GroupCommitter[Command[Any], Any](database, run_recorded) as committer:
        members = enumerate(first_customers(plan.scenario))
        await asyncio.gather(
            *(_named(database, committer, number).enrol(member) for number, member in members),
            *(committer.submit(quota) for quota in opened()),
        )
    await database.close()


def _named(
    database: Database, committer: GroupCommitter[Command[Any], Any], number: int
) -> Booking:
    """A booking that gives a new member the id and the card of this number."""

    def id_of(prefix: str) -> str:
        return member_id(number) if prefix == "mem" else new_id(prefix)

    return Booking(database, RING, committer, id_of, lambda: number)


class _Conductor:
    def __init__(self, stage: Stage, plan: Plan, how: Conduct) -> None:
        self._stage = stage
        self._how = how
        self._heard: dict[int, Outcome] = {}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([serve.__module__])
        self.outcomes = Outcomes()
        deaths = KILLS if how.faults else 0
        self._seats = [
            self._seated(plan.scenario.random(f"worker {n}"), deaths) for n in range(how.workers)
        ]

    def play(self, lists: Sequence[Sequence[Errand]]) -> None:
        """One round: until every worker has done its errands."""
        for seat, errands in zip(self._seats, lists, strict=True):
            seat.waiting = {errand.id: errand for errand in errands}
            seat.done = {}
            self.outcomes.delivered += len(errands)
            self._hand_out(seat, tuple(errands))
        while busy := [seat for seat in self._seats if seat.busy]:
            ready = wait([seat.pipe for seat in busy], SILENCE)
            if not ready:
                raise Hung(f"no worker reported anything for {SILENCE:.0f} s")
            for seat in busy:
                if seat.pipe in ready:
                    self._listen(seat)

    def close(self) -> None:
        """Let the workers go."""
        for seat in self._seats:
            if seat.process.is_alive() and not seat.busy:
                seat.pipe.send(None)
            else:
                seat.process.kill()
            seat.process.join()
            seat.pipe.close()

    def _listen(self, seat: _Seat) -> None:
        try:
            report = seat.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._succeed(seat)
            return
        if report is None:
            seat.busy = False
        elif isinstance(report, Done):
            if report.errand in seat.waiting:
                seat.done[report.errand] = seat.waiting.pop(report.errand)
            if report.fault:
                self.outcomes.faults.append((report.errand, report.fault))
        else:
            self.outcomes.answers.append(report)
            if isinstance(report.ask, HoldRequest):
                self._heard.setdefault(report.visit, report.outcome)

    def _hand_out(self, seat: _Seat, errands: tuple[Errand, ...]) -> None:
        in_order = self._how.order == "clean"
        seat.pipe.send(Batch(errands, in_order, dict(self._heard)))
        seat.busy = True

    def _succeed(self, seat: _Seat) -> None:
        """A worker died: its successor does what was not answered, and some of what was."""
        seat.process.join()
        if seat.doom is None:
            raise Hung(f"a worker ended by itself with exit code {seat.process.exitcode}")
        self.outcomes.kills[seat.doom] = self.outcomes.kills.get(seat.doom, 0) + 1
        seat.pipe.close()
        fresh = self._seated(seat.chance, seat.deaths - 1)
        seat.process, seat.pipe, seat.doom, seat.deaths = (
            fresh.process,
            fresh.pipe,
            fresh.doom,
            fresh.deaths,
        )
        again = seat.chance.sample(list(seat.done.values()), len(seat.done) // 5)
        self._hand_out(seat, (*seat.waiting.values(), *again))

    def _seated(self, chance: random.Random, deaths: int) -> _Seat:
        doom = _doom(chance) if deaths else None
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=self._how.worker, args=(Post(self._stage.app, doom), theirs), daemon=True
        )
        process.start()
        theirs.close()
        return _Seat(process, mine, chance, deaths, doom[0] if doom else None)


def _doom(chance: random.Random) -> tuple[str, int]:
    """Where the worker dies, and at which time it comes there."""
    name = chance.choice(NAMES)
    often = MANY if name == "between_statements" else DEADLIEST
    return name, chance.randint(1, often)
