"""Works off what waits: one task per queue and connection, so that none waits for another.

Looks for work when something was committed in this process, otherwise every ``tick``: other
processes commit, too, and time alone makes things due.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from renkei.clock import Clock
from renkei.config import Settings
from renkei.connections.opened import OpenConnections
from renkei.messaging import polls
from renkei.messaging.due import Lane, due
from renkei.messaging.reason import place_of, reason_of
from renkei.services.booking import Booking
from renkei.services.flow.endings import Endings
from renkei.services.flow.ingest import Ingest
from renkei.services.flow.issue_codes import IssueCodes
from renkei.services.flow.lanes import Tools
from renkei.services.flow.push import Push
from renkei.services.flow.read_changed import ReadChanged
from renkei.services.flow.read_deliveries import ReadDeliveries
from renkei.services.flow.read_polls import ReadPolls
from renkei.services.flow.trouble import Trouble
from renkei.services.flow.watch_deliveries import WatchDeliveries
from renkei.services.members.create_member import CreateMember
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.storage.stalled import end_stalled
from renkei.storage.wakers import Wakers
from renkei.tracing import Traces
from renkei_contracts.errors import RenkeiError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often, in seconds where no unit is said. The demo and the tests are faster."""

    tick: float = 0.2
    breath: float = 0.03
    poll_interval: timedelta = polls.INTERVAL
    poll_overlap: timedelta = polls.OVERLAP
    lapse_every: float = 5.0
    watch_every: float = 20.0
    stalled_every: float = 2.0
    rest_after_fault: float = 1.0
    longest_rest: float = 60.0
    drain: float = 15.0
    lanes: int = 64


class WorkedHub(Protocol):
    """The parts of bootstrap's Hub that the worker needs."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def ring(self) -> KeyRing: ...
    @property
    def connections(self) -> OpenConnections: ...
    @property
    def booking(self) -> Booking: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def wakers(self) -> Wakers: ...
    @property
    def traces(self) -> Traces: ...


def tools_of(hub: WorkedHub) -> Tools:
    """What working off a lane takes, under a name of its own in leases."""
    return Tools(
        database=hub.database,
        ring=hub.ring,
        connections=hub.connections,
        ingest=Ingest(hub.booking, hub.connections, hub.traces),
        trouble=Trouble(hub.database, hub.connections, hub.clock),
        clock=hub.clock,
        owner=f"wrk_{secrets.token_hex(8)}",
        traces=hub.traces,
    )


class Work(Protocol):
    """Works off one connection's queue."""

    async def work(self, connection: str) -> int:
        """One batch; gives how much there was."""
        ...


async def run_worker(hub: WorkedHub, stop: asyncio.Event, pace: Pace | None = None) -> None:
    """Work until ``stop``, then finish what has begun."""
    await Worker(hub, pace or Pace()).run(stop)


@dataclass
class Worker:
    """Gives each lane in which something is due a task of its own."""

    hub: WorkedHub
    pace: Pace = field(default_factory=Pace)
    running: dict[Lane, "asyncio.Task[None]"] = field(default_factory=dict)
    begun: dict[Lane, float] = field(default_factory=dict)
    faults: dict[Lane, tuple[int, float]] = field(default_factory=dict)
    polled: set[str] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        hub = self.hub
        self.tools = tools_of(hub)
        keeps = timedelta(days=hub.settings.keep_days)
        self.endings = Endings(hub.booking, hub.clock, self.tools.owner, keeps)
        self.watch = WatchDeliveries(hub.database, hub.clock)
        self.polls = ReadPolls(self.tools, self.pace.poll_interval, self.pace.poll_overlap)
        create = CreateMember(hub.database, hub.ring, hub.booking, hub.clock)
        self.queues: dict[str, Work] = {
            "deliveries": ReadDeliveries(self.tools),
            "changed": ReadChanged(self.tools),
            "polls": self.polls,
            "mirror": Push(self.tools, create),
            "codes": IssueCodes(self.tools),
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; what is under way then is finished, or cut off after a while."""
        self.woken = self.hub.wakers.register()
        beside = (
            asyncio.create_task(
                self._each(stop, self.pace.lapse_every, self.endings.end_what_is_over)
            ),
            asyncio.create_task(self._each(stop, self.pace.watch_every, self.watch.look)),
            asyncio.create_task(self._each(stop, self.pace.stalled_every, self._end_stalled)),
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._turn()
                await self._wait(stopping)
        finally:
            stopping.cancel()
            self.hub.wakers.forget(self.woken)
            await self._drain(beside)
            await self._leave()

    async def _turn(self) -> None:
        """Start a task for each lane that has work and no task. Never raises but to end."""
        self.woken.clear()
        try:
            await self._begin_polls()
            async with self.hub.database.begin_often() as conn:
                lanes = await due(conn, self.hub.clock())
        except Exception as error:  # the database is away, or a bug: the worker outlives both
            log.warning("worker_turn_failed", reason=reason_of(error), at=place_of(error))
            await asyncio.sleep(self.pace.rest_after_fault)
            return
        now = time.monotonic()
        # Where more is due than there are tasks, what has waited longest is first: nothing starves.
        for lane in sorted(lanes, key=lambda lane: self.begun.get(lane, 0.0)):
            _, rests_until = self.faults.get(lane, (0, 0.0))
            if lane not in self.running and now >= rests_until:
                if len(self.running) >= self.pace.lanes:
                    break
                self.begun[lane] = now
                self.running[lane] = asyncio.create_task(self._lane(lane))

    async def _lane(self, lane: Lane) -> None:
        try:
            done = await self.queues[lane.queue].work(lane.connection)
        except Exception as error:  # one lane's trouble is not the others'
            self._rest(lane, error)
        else:
            self.faults.pop(lane, None)
            if done:
                self.woken.set()
        finally:
            del self.running[lane]

    def _rest(self, lane: Lane, error: Exception) -> None:
        count = self.faults.get(lane, (0, 0.0))[0] + 1
        rest = min(self.pace.rest_after_fault * 2.0 ** min(count - 1, 10), self.pace.longest_rest)
        self.faults[lane] = (count, time.monotonic() + rest)
        log.warning(
            "lane_rests",
            queue=lane.queue,
            connection=lane.connection,
            seconds=rest,
            reason=reason_of(error),
            at=place_of(error),
        )

    async def _begin_polls(self) -> None:
        """Polls of connections that are new to this process."""
        for row in await self.hub.connections.rows():
            if row.id in self.polled or row.state != "active":
                continue
            try:
                await self.polls.begin(await self.hub.connections.get(row.id))
            except RenkeiError as error:
                self._say_once(row.id, error)
            else:
                self.polled.add(row.id)
                self.unusable.discard(row.id)

    def _say_once(self, connection: str, error: RenkeiError) -> None:
        """It is tried again at every turn: its plugin or settings may be mended meanwhile."""
        if connection not in self.unusable:
            log.warning("connection_unusable", connection=connection, reason=reason_of(error))
            self.unusable.add(connection)

    async def _each(
        self, stop: asyncio.Event, seconds: float, do: Callable[[], Awaitable[None]]
    ) -> None:
        """Do it every so many seconds; a failure is for the next time."""
        while not stop.is_set():
            try:
                await do()
            except Exception as error:
                log.warning(
                    "worker_job_failed",
                    job=do.__name__,
                    reason=reason_of(error),
                    at=place_of(error),
                )
            await _until(stop, seconds)

    async def _end_stalled(self) -> None:
        await end_stalled(self.hub.database)

    async def _wait(self, stopping: "asyncio.Task[bool]") -> None:
        kicked = asyncio.create_task(self.woken.wait())
        await asyncio.wait(
            {kicked, stopping}, timeout=self.pace.tick, return_when=asyncio.FIRST_COMPLETED
        )
        kicked.cancel()
        await asyncio.sleep(self.pace.breath)  # commits come in bursts; one look is enough

    async def _leave(self) -> None:
        """What one process does for all, another may take over at once."""
        try:
            await self.endings.leave()
        except Exception as error:  # its lease ends by itself
            log.warning("job_not_left", reason=reason_of(error), at=place_of(error))

    async def _drain(self, beside: Iterable["asyncio.Task[None]"]) -> None:
        """What is cut off is found again when its lease is over."""
        tasks = {*beside, *self.running.values()}
        _, late = await asyncio.wait(tasks, timeout=self.pace.drain)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until(stop: asyncio.Event, seconds: float) -> None:
    """Wait this long, or until ``stop``."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
