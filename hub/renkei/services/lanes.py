"""What the lanes share: the connection, the observations' way, and errors that stop nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.messaging.reason import place_of
from renkei.services.ingest import Ingest
from renkei.services.trouble import Trouble
from renkei.storage.committer import passes
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.tracing import NO_TRACES, Traces
from renkei_contracts.errors import FixData, GiveUp, Reauthorize, TryLater

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Tools:
    """What working off a lane takes. ``owner`` names this process in leases."""

    database: Database
    ring: KeyRing
    connections: OpenConnections
    ingest: Ingest
    trouble: Trouble
    clock: Clock
    owner: str
    traces: Traces = NO_TRACES


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it at once; what fails is raised when every part has come to its own end."""
    answers: list[T] = []
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        answers.append(outcome)
    return answers


STRETCH = 2.0
"""Seconds for which a lane goes on by itself, before the worker looks whether it may."""


async def keep_up(
    claim: Callable[[int], Awaitable[Sequence[T]]],
    act: Callable[[T], Awaitable[bool]],
    most: int,
    stretch: float = STRETCH,
) -> int:
    """Act on what is claimed, ``most`` at a time, as long as there is more; gives how many it was.

    Once half of them are done so many are claimed again: where a vendor gives turns, none passes
    unused. No more are claimed when one went wrong (``act`` gives False) or the ``stretch``, in
    seconds, is over: the connection may have to rest. Raises as ``together`` does.
    """
    over = asyncio.get_running_loop().time() + stretch
    every: list[asyncio.Task[bool]] = []
    under_way: set[asyncio.Task[bool]] = set()
    more = True
    try:
        while more and asyncio.get_running_loop().time() < over:
            room = most - len(under_way)
            fresh = [asyncio.ensure_future(act(one)) for one in await claim(room)]
            every += fresh
            under_way, well = await _until_half(under_way.union(fresh), most)
            more = well and len(fresh) == room
    finally:
        await together(every)
    return len(every)


async def _until_half(
    under_way: set["asyncio.Task[bool]"], most: int
) -> tuple[set["asyncio.Task[bool]"], bool]:
    """Wait until half of the places are free; gives what goes on, and whether the rest did well."""
    ended: set[asyncio.Task[bool]] = set()
    while len(under_way) * 2 > most:
        done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        ended |= done
    return under_way, all(one.exception() is None and one.result() for one in ended)


def log_or_raise(error: Exception, **about: str) -> None:
    """Raise what concerns everything, a lost database or race; log what nobody foresaw."""
    if passes(error):
        raise error
    if not isinstance(error, TryLater | Reauthorize | GiveUp | FixData):
        log.warning("unexpected", error=type(error).__name__, at=place_of(error), **about)
