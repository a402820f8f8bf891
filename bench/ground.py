"""Where the samples run: databases filled once, and the hub's committers on them."""

import asyncio
import gc
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bench.events import Event
from bench.fill import RING, fill
from bench.server import Server
from renkei.messaging.inbox import Incoming, store_batch
from renkei.services.batch import ledger_lanes, run_batch
from renkei.services.command import Command
from renkei.storage.committer import BATCH, Committer, GroupCommitter
from renkei.storage.engine import Database, open_database

T = TypeVar("T")

IN_FLIGHT = 400
"""Events that wait at the same time: enough for every lane to have its next batch full."""


@dataclass(frozen=True)
class Hub:
    """The two committers of a hub, on one database."""

    database: Database
    intake: GroupCommitter[Incoming, bool]
    ledger: Committer[Command[Any], Any]

    async def take(self, event: Event) -> None:
        """Store the delivery, then settle its order: two answers waited for."""
        assert await self.intake.submit(event.incoming)
        answer = await self.ledger.submit(event.settle)
        assert answer.outcome == "settled", answer


@dataclass
class Ground:
    """Everything is made on first use and kept for the rounds that follow.

    ``noted``: what one sample saw and others of the same round look at. ``pgledger``: a checkout of
    it, where there is one.
    """

    server: Server
    stack: AsyncExitStack
    pgledger: Path | None = None
    noted: dict[str, Sequence[float]] = field(default_factory=dict)
    _databases: dict[str, Database] = field(default_factory=dict)
    _hubs: dict[tuple[str, int, int], Hub] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _kept: dict[str, Any] = field(default_factory=dict)

    async def database(self, name: str, shops: dict[str, int]) -> Database:
        """The database of this name, filled with these shops."""
        if name not in self._databases:
            url = await asyncio.to_thread(self.server.make_database, name)
            opened = self._databases[name] = open_database(url)
            self.stack.push_async_callback(opened.close)
            await fill(opened, shops)
            await self.analyze(name)
        return self._databases[name]

    async def analyze(self, name: str) -> None:
        """What autovacuum does within minutes. Of a table without rows the planner hears nothing:
        it would plan for no rows for as long as a connection lives."""
        await asyncio.to_thread(self.server.analyze, name)

    async def once(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        """Act the first time this name is given."""
        if name not in self._done:
            self._done.add(name)
            await act()

    async def kept(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """What was made the first time this name was given."""
        if name not in self._kept:
            self._kept[name] = await make()
        made: T = self._kept[name]
        return made

    async def hub(self, name: str, shops: dict[str, int], batch: int = BATCH, lane: int = 0) -> Hub:
        """The hub's committers on that database; other lanes are further ones beside them."""
        key = (name, batch, lane)
        if key not in self._hubs:
            database = await self.database(name, shops)
            enter = self.stack.enter_async_context
            store = partial(store_batch, RING)
            intake = await enter(GroupCommitter(database, store, batch=batch))
            ledger: Committer[Command[Any], Any]
            if batch == BATCH:
                ledger = await enter(ledger_lanes(database))
            else:
                ledger = await enter(GroupCommitter(database, run_batch, batch=batch))
            self._hubs[key] = Hub(database, intake, ledger)
        return self._hubs[key]


async def rate(
    things: Iterable[T], act: Callable[[T], Awaitable[None]], in_flight: int = IN_FLIGHT
) -> float:
    """Things acted upon per second, so many of them at the same time."""
    waiting = list(things)
    source = iter(waiting)

    async def client() -> None:
        for thing in source:
            await act(thing)

    gc.collect()
    gc.freeze()  # what was made for the run is not for the collector to walk: a hub never has it
    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in itertools.repeat(None, in_flight)))
    elapsed = time.perf_counter() - started
    gc.unfreeze()
    return len(waiting) / elapsed


async def median_ms(things: Iterable[T], act: Callable[[T], Awaitable[None]]) -> float:
    """The median time of one, in milliseconds, with nothing else in flight."""
    times = []
    for thing in things:
        started = time.perf_counter()
        await act(thing)
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2] * 1000
