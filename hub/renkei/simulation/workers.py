"""A worker process of a simulation: many clients of one committer, like one process of the hub.

It gets its errands through a pipe and reports every answer through it before it acts on it. What
it has not reported is done again by its successor.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

import structlog

from renkei import failpoints
from renkei.bootstrap import new_id, new_serial
from renkei.services.booking import Booking
from renkei.services.command import Command
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.simulation.recording import Outcome, plain, refusal, run_recorded
from renkei.simulation.schedule import Errand, Jobs, Tell, Turn
from renkei.simulation.stage import RING
from renkei.simulation.tills import Step, Visit, filled
from renkei.simulation.traffic import Told
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import open_database
from renkei_contracts.errors import FixData, GiveUp
from renkei_contracts.event import MemberSeen, OrderSeen
from renkei_contracts.till import CommitRequest, HoldRequest

CLIENTS = 48
"""Errands under way at the same time; fewer would leave batches small."""


@dataclass(frozen=True)
class Post:
    """What a worker process must know: the database, and where to die (None: nowhere)."""

    url: str
    failpoint: tuple[str, int] | None = None


@dataclass(frozen=True)
class Batch:
    """Errands of one round. ``heard``: by visit, the first answer to its hold, if there was one."""

    errands: tuple[Errand, ...]
    in_order: bool = False
    heard: dict[int, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """One answer to one step of a visit; ``ask`` None: a hold's release."""

    visit: int
    step: int
    ask: HoldRequest | CommitRequest | None
    outcome: Outcome


@dataclass(frozen=True)
class Done:
    """An errand came to its end; ``fault`` says what nobody foresaw."""

    errand: str
    fault: str | None = None


Report = Answered | Done | None
"""None: the batch is done."""


def serve(post: Post, pipe: "Connection[Any, Any]") -> None:
    """The process: work off batches until there is none."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of every pipeline that fails
    if post.failpoint is not None:
        failpoints.arm(*post.failpoint)
    asyncio.run(_work(post, pipe))


async def _work(post: Post, pipe: "Connection[Any, Any]") -> None:
    database = open_database(post.url)
    async with GroupCommitter[Command[Any], Any](database, run_recorded) as committer:
        worker = Worker(Booking(database, RING, committer, new_id, new_serial), pipe)
        while (batch := pipe.recv()) is not None:
            await worker.run(batch)
            pipe.send(None)
    await database.close()


class Worker:
    """The clients of one process."""

    def __init__(self, booking: Booking, pipe: "Connection[Any, Any]") -> None:
        self._booking = booking
        self._till = TillService(booking)
        self._pipe = pipe
        self._heard: dict[int, Outcome] = {}

    async def run(self, batch: Batch) -> None:
        """Do the errands, many at a time, or one after another where ``in_order``."""
        self._heard.update(batch.heard)
        if batch.in_order:
            await self._in_order(batch.errands)
            return
        waiting = deque(batch.errands)
        await asyncio.gather(*(self._client(waiting) for _ in range(CLIENTS)))

    async def _in_order(self, errands: Sequence[Errand]) -> None:
        """Many go together: a batch decides in the order in which commands were submitted."""
        together: list[Errand] = []
        for errand in errands:
            if isinstance(errand, Tell) and not isinstance(errand.told, MemberSeen):
                together.append(errand)
                continue
            await asyncio.gather(*map(self._do, together))
            together.clear()
            await self._do(errand)
        await asyncio.gather(*map(self._do, together))

    async def _client(self, waiting: deque[Errand]) -> None:
        while waiting:
            await self._do(waiting.popleft())

    async def _do(self, errand: Errand) -> None:
        fault = None
        try:
            await self._run_errand(errand)
        except (GiveUp, FixData):
            pass  # refused, which the judge finds in the log
        except Exception as error:
            fault = str(refusal(error))
        self._pipe.send(Done(errand.id, fault))

    async def _run_errand(self, errand: Errand) -> None:
        if isinstance(errand, Turn):
            await self._turn(errand)
        elif isinstance(errand, Jobs):
            await self._booking.lapse_holds()
            await self._booking.expire_lots()
            await self._booking.expire_slid()
        else:
            await self._tell(errand.told)

    async def _tell(self, told: Told) -> None:
        if isinstance(told, OrderSeen):
            await self._booking.settle(told.order, read_at=None, delivery_key=None)
        elif isinstance(told, MemberSeen):
            await self._booking.enrol(told.member)
        else:
            await self._booking.committer.submit(told.command)

    async def _turn(self, turn: Turn) -> None:
        """Each step some times at once; the rest of its times when all steps were made."""
        again = []
        for number, step in enumerate(turn.steps, turn.first):
            late = step.times // 2
            again += [(number, step)] * late
            calls = [self._call(turn.visit, number, step) for _ in range(step.times - late)]
            await asyncio.gather(*calls)
        await asyncio.gather(*(self._call(turn.visit, *one) for one in again))

    async def _call(self, visit: Visit, number: int, step: Step) -> None:
        heard = self._heard.get(visit.number, {})
        hold = heard["answer"]["hold"] if "answer" in heard else None
        ask = filled(step, hold, refused="refused" in heard)
        if ask is None and hold is None:
            return  # nothing was held, so there is nothing to release
        try:
            outcome: Outcome = {"answer": plain(await self._ask(visit, ask, hold))}
        except Exception as error:
            outcome = refusal(error)
        self._pipe.send(Answered(visit.number, number, ask, outcome))
        if isinstance(ask, HoldRequest):
            self._heard.setdefault(visit.number, outcome)

    async def _ask(
        self, visit: Visit, ask: HoldRequest | CommitRequest | None, hold: str | None
    ) -> Any:
        terminal = Terminal(visit.terminal, visit.till, "store", visit.till)
        if isinstance(ask, HoldRequest):
            return await self._till.hold(terminal, ask)
        if isinstance(ask, CommitRequest):
            return await self._till.commit(terminal, ask)
        assert hold is not None
        return await self._till.release(terminal, hold)
