"""Group commit: what waits is written together, and each command gets its own answer.

Knows no business. A batch that the database refuses is split in halves, so that one bad command
never fails its neighbours; a batch that met a race or lost its connection runs again as a whole.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Generic, Protocol, Self, TypeVar
from zlib import crc32

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from renkei.errors import Busy
from renkei.failpoints import reach
from renkei.storage.engine import Database
from renkei.storage.turns import Turns
from renkei_contracts.errors import RenkeiError

log = structlog.get_logger(__name__)

C = TypeVar("C")
A = TypeVar("A")
P = TypeVar("P", contravariant=True)
R = TypeVar("R", covariant=True)

BATCH = 200
QUEUE = 5_000
TRIES = 8
PATIENCE = 5.0
"""Seconds after which a batch is not tried again because of the server's trouble: whoever sent it
waits no longer, and hears soon that it has to come again."""

CUT_OFF = ("08", "57P", "25P03")
"""The connection broke, the server went away, or the server ended what was paused."""

RACE_CODES = {"40001", "40P01", "57P01", "57P02", "57P03"}
ENDED = {"57014", "55P03"}
"""A limit on statements or on waiting for locks, or whoever runs the server, has ended it: of a
whole batch not to be tried again, and no fault of a command that was alone."""

SHORTAGE = "53"
"""The class of errors where the server is out of disk, memory or connections."""


class LostRace(RenkeiError):
    """Another process was first; the same batch must run again on fresh data."""


RunBatch = Callable[[Database, Sequence[C]], Awaitable[Sequence[A | Exception]]]


class GroupCommitter(Generic[C, A]):
    """Runs commands in batches, one batch at a time: a lane.

    ``run_batch`` takes the commands in order, does everything in one database transaction, commits,
    and gives one answer or exception per command. ``on_commit`` is called after each commit.
    ``whose`` names who sent a command: senders take turns, so that one's flood delays no other.
    ``linger``: seconds for which the first one waits for others to go with, where it has the time.
    """

    def __init__(
        self,
        database: Database,
        run_batch: "RunBatch[C, A]",
        on_commit: Callable[[], None] = lambda: None,
        batch: int = BATCH,
        whose: Callable[[C], str] = lambda _: "",
        linger: float = 0.0,
    ) -> None:
        self._database = database
        self._run_batch = run_batch
        self._on_commit = on_commit
        self._batch = batch
        self._whose = whose
        self._linger = linger
        self._queue: Turns[tuple[C, asyncio.Future[A]]] = Turns(QUEUE)
        self._loop: asyncio.Task[None] | None = None
        self._last_batch = 0
        self._taken = self._answered = 0
        self._turn = asyncio.Condition()

    async def __aenter__(self) -> "GroupCommitter[C, A]":
        self._loop = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Finish what was accepted, then stop."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._answered >= self._taken)
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    @property
    def last_batch(self) -> int:
        """How many commands the last batch had."""
        return self._last_batch

    @property
    def waiting(self) -> int:
        """How many commands wait for the next batch."""
        return len(self._queue)

    async def submit(self, command: C) -> A:
        """Wait for the command's own answer; raises Busy when the queue is full."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put(self._whose(command), (command, answer))
        except asyncio.QueueFull:
            raise Busy("the hub is busy; try again in a second") from None
        self._taken += 1
        return await answer

    async def submit_first(self, command: C) -> A:
        """The same: there is one queue."""
        return await self.submit(command)

    async def settled(self) -> None:
        """Wait until everything that was taken before is booked or refused."""
        before = self._taken
        async with self._turn:
            await self._turn.wait_for(lambda: self._answered >= before)

    async def _run(self) -> None:
        while True:
            if self._linger:
                await self._queue.filled()
                await asyncio.sleep(self._linger)
            waiting = await self._queue.take(self._batch)
            self._last_batch = len(waiting)
            try:
                await self._answer_all(waiting)
            finally:
                async with self._turn:
                    self._answered += len(waiting)
                    self._turn.notify_all()

    async def _answer_all(self, waiting: list[tuple[C, "asyncio.Future[A]"]]) -> None:
        outcomes = await self._outcomes([command for command, _ in waiting])
        for (_, answer), outcome in zip(waiting, outcomes, strict=True):
            if answer.done():  # its caller gave up; what was booked stays booked
                continue
            if isinstance(outcome, Exception):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)

    async def _outcomes(self, commands: Sequence[C]) -> "list[A | Exception]":
        """Every command's outcome; a refused batch is split until the refused one is alone."""
        try:
            outcomes = await self._until_no_race(commands)
        except Exception as error:
            if len(commands) == 1 or may_pass_later(error):
                log.warning("batch_failed", commands=len(commands), reason=brief(error))
                return [error] * len(commands)
            half = len(commands) // 2
            return await self._outcomes(commands[:half]) + await self._outcomes(commands[half:])
        reach("after_commit")
        self._on_commit()
        return list(outcomes)

    async def _until_no_race(self, commands: Sequence[C]) -> "Sequence[A | Exception]":
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE
        for attempt in range(TRIES):
            try:
                return await self._run_batch(self._database, commands)
            except (LostRace, DBAPIError) as error:
                trouble = _is_trouble(error)
                over = attempt == TRIES - 1 or (trouble and clock() > until)
                if over or not may_pass_later(error):
                    raise
                log.info("batch_again", commands=len(commands), reason=brief(error))
                await asyncio.sleep(0.02 * 2**attempt if trouble else 0)
        raise AssertionError("unreachable")


class AnsweringTogether:
    """Whoever asks the database for many callers at once: opened and closed with its committer."""

    _together: GroupCommitter[Any, Any]

    async def __aenter__(self) -> Self:
        await self._together.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Answer who waits, then stop."""
        await self._together.__aexit__(*exc)


class Lanes(Generic[C, A]):
    """Committers side by side: while the database writes one's batch, another decides its own.

    ``about`` names what a command is about, such as its member. Equal names share a lane, so that
    batches seldom wait for one another's locks; nothing but speed depends on it. ``first`` is the
    lane of whoever waits at a counter: full batches of a shop's webhooks are not before them.
    """

    def __init__(
        self,
        committers: Sequence[GroupCommitter[C, A]],
        first: GroupCommitter[C, A],
        about: Callable[[C], str],
    ) -> None:
        self._committers = committers
        self._first = first
        self._about = about
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "Lanes[C, A]":
        for committer in self._every:
            await self._open.enter_async_context(committer)
        return self

    @property
    def _every(self) -> Sequence[GroupCommitter[C, A]]:
        return (*self._committers, self._first)

    async def __aexit__(self, *exc: object) -> None:
        """Finish what was accepted, then stop."""
        await self._open.aclose()

    @property
    def last_batch(self) -> int:
        """The largest of the lanes' last batches."""
        return max(committer.last_batch for committer in self._every)

    @property
    def waiting(self) -> int:
        """How many commands wait in all lanes."""
        return sum(committer.waiting for committer in self._every)

    async def submit(self, command: C) -> A:
        """Wait for the command's own answer; raises Busy when its lane's queue is full."""
        lane = crc32(self._about(command).encode()) % len(self._committers)
        return await self._committers[lane].submit(command)

    async def submit_first(self, command: C) -> A:
        """The same in the lane of those whom somebody waits for."""
        return await self._first.submit(command)

    async def settled(self) -> None:
        """Wait until everything that any lane has taken before is booked or refused."""
        await asyncio.gather(*(committer.settled() for committer in self._every))


class Committer(Protocol[P, R]):
    """What takes commands: one lane or several."""

    @property
    def last_batch(self) -> int:
        """How many commands the last batch had."""
        ...

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        ...

    async def submit(self, command: P) -> R:
        """Wait for the command's own answer; raises Busy when there are too many."""
        ...

    async def submit_first(self, command: P) -> R:
        """The same for somebody who waits at a counter: nothing that can wait goes before it."""
        ...

    async def settled(self) -> None:
        """Wait until everything that was taken before is booked or refused."""
        ...


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a database error."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def is_connection_loss(error: BaseException) -> bool:
    """Whether the connection broke, so that the outcome of a commit is unknown."""
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or (sqlstate(error) or "08").startswith(CUT_OFF)
    )


def may_pass_later(error: BaseException) -> bool:
    """Whether the whole batch may pass when it runs again: a race, or trouble of the server."""
    return isinstance(error, LostRace) or sqlstate(error) in RACE_CODES or _is_trouble(error)


def _is_trouble(error: BaseException) -> bool:
    """Whether the server is away, or out of what it needs: no fault of the batch's."""
    return is_connection_loss(error) or (sqlstate(error) or "").startswith(SHORTAGE)


def passes(error: BaseException) -> bool:
    """Whether it is worth coming again: what may pass, was ended, or had no connection in time."""
    ended = isinstance(error, PoolExhausted) or sqlstate(error) in ENDED
    return ended or may_pass_later(error)


def brief(error: BaseException) -> str:
    """A database error without statement and parameters, which hold members' data."""
    diagnosis = getattr(getattr(error, "orig", None), "diag", None)
    constraint = getattr(diagnosis, "constraint_name", None)
    return f"{type(error).__name__} {sqlstate(error) or ''} {constraint or ''}".strip()
