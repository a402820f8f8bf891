"""What the lanes share: the connection, the observations' way, and errors that stop nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.messaging.lost import MOST_LOST
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
L = TypeVar("L", bound="Losable")


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


class Losable(Protocol):
    """Something claimed, and how many workers were lost that had it before."""

    @property
    def lost(self) -> int: ...


async def together(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it at once; what fails is raised when every part has come to its own end."""
    answers: list[T] = []
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        answers.append(outcome)
    return answers


async def one_by_one(
    tools: Tools,
    connection: str,
    *,
    claim: Callable[[AsyncConnection, str, str, datetime], Awaitable[L | None]],
    work: Callable[[L], Awaitable[None]],
    give_up: Callable[[L], Awaitable[None]],
    most: int = 1,
) -> int:
    """Work off what was lost again and again, alone, or give it up; gives how many there were.

    No more than ``most`` in one turn, as a vendor may take long and others wait. None while another
    lane is at its own: they stay due.
    """
    if tools.alone.locked():
        return 0
    async with tools.alone:
        for number in range(most):
            async with tools.database.begin_often() as conn:
                one = await claim(conn, connection, tools.owner, tools.clock())
            if one is None:
                return number
            await (give_up if one.lost >= MOST_LOST else work)(one)
    return most


def log_or_raise(error: Exception, **about: str) -> None:
    """Raise what concerns everything, a lost database or race; log what nobody foresaw."""
    if passes(error):
        raise error
    if not isinstance(error, TryLater | Reauthorize | GiveUp | FixData):
        log.warning("unexpected", error=type(error).__name__, at=place_of(error), **about)
