"""What the lanes share: the connection, the observations' way, and errors that stop nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
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
    """What working off a lane takes. ``owner`` names this process in leases.

    Who works off what was lost again and again has ``alone`` meanwhile: of all queues and
    connections this process has one of them in hand.
    """

    database: Database
    ring: KeyRing
    connections: OpenConnections
    ingest: Ingest
    trouble: Trouble
    clock: Clock
    owner: str
    traces: Traces = NO_TRACES
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it at once; what fails is raised when every part has come to its own end."""
    answers: list[T] = []
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        answers.append(outcome)
    return answers


async def one_by_one(tools: Tools, most: int, work: Callable[[], Awaitable[bool]]) -> int:
    """Do it so often, or until it says that there is none left; gives how many there were.

    None while another lane is at its own: they stay due.
    """
    if tools.alone.locked():
        return 0
    async with tools.alone:
        for number in range(most):
            if not await work():
                return number
    return most


def log_or_raise(error: Exception, **about: str) -> None:
    """Raise what concerns everything, a lost database or race; log what nobody foresaw."""
    if passes(error):
        raise error
    if not isinstance(error, TryLater | Reauthorize | GiveUp | FixData):
        log.warning("unexpected", error=type(error).__name__, at=place_of(error), **about)
