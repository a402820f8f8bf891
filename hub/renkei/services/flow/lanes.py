"""What the lanes share: the connection, the observations' way, and errors that stop nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.messaging.lost import MOST_LOST, Taken
from renkei.messaging.reason import place_of
from renkei.services.flow.ingest import Ingest
from renkei.services.flow.trouble import Trouble
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


@dataclass(frozen=True)
class Claims(Generic[L]):
    """How a queue's rows are claimed: what may be worked off with others, and what alone.

    ``most`` are under way at the same time, ``suspects`` worked off alone in one turn: a vendor may
    take long, and others wait.
    """

    together: Callable[[AsyncConnection, str, str, datetime, int], Awaitable[Taken[L]]]
    alone: Callable[[AsyncConnection, str, str, datetime], Awaitable[L | None]]
    most: int
    suspects: int = 1


async def work_off(
    tools: Tools,
    connection: str,
    claims: Claims[L],
    *,
    work: Callable[[L], Awaitable[bool]],
    give_up: Callable[[L], Awaitable[object]],
) -> int:
    """What is due at a connection, for a while; gives how many there were.

    ``work`` gives whether it went well. Whatever lost too many workers is given up.
    """

    async def claim(room: int) -> Taken[L]:
        async with tools.database.begin_often() as conn:
            return await claims.together(conn, connection, tools.owner, tools.clock(), room)

    number, suspects = await keep_up(claim, work, claims.most)
    if not suspects:
        return number
    return number + await one_by_one(
        tools, connection, claim=claims.alone, work=work, give_up=give_up, most=claims.suspects
    )


STRETCH = 2.0
"""Seconds for which a lane goes on by itself, before the worker looks whether it may."""


async def keep_up(
    claim: Callable[[int], Awaitable[Taken[L]]],
    work: Callable[[L], Awaitable[bool]],
    most: int,
    stretch: float = STRETCH,
) -> tuple[int, bool]:
    """Work off what is claimed, ``most`` at a time, as long as there is more.

    Gives how many it was, and whether a claim told of suspects. Once half of them are done so many
    are claimed again: where a vendor gives turns, none passes unused. No more are claimed when one
    went wrong or the ``stretch``, in seconds, is over: the connection may have to rest. Raises as
    ``together`` does.
    """
    over = asyncio.get_running_loop().time() + stretch
    every: list[asyncio.Task[bool]] = []
    under_way: set[asyncio.Task[bool]] = set()
    more, suspects = True, False
    try:
        while more and asyncio.get_running_loop().time() < over:
            room = most - len(under_way)
            taken = await claim(room)
            suspects |= taken.suspects
            for one in taken.claimed:
                every.append(task := asyncio.ensure_future(work(one)))
                under_way.add(task)
                await asyncio.sleep(0)  # each begins by itself: who waits at a counter goes between
            under_way, well = await _until_half(under_way, most)
            more = well and len(taken.claimed) == room
    except asyncio.CancelledError:
        for task in every:
            task.cancel()
        raise
    finally:
        await together(every)
    return len(every), suspects


async def _until_half(
    under_way: set["asyncio.Task[bool]"], most: int
) -> tuple[set["asyncio.Task[bool]"], bool]:
    """Wait until half of the places are free; gives what goes on, and whether the rest did well."""
    ended: set[asyncio.Task[bool]] = set()
    while len(under_way) * 2 > most:
        done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        ended |= done
    return under_way, all(one.exception() is None and one.result() for one in ended)


async def one_by_one(
    tools: Tools,
    connection: str,
    *,
    claim: Callable[[AsyncConnection, str, str, datetime], Awaitable[L | None]],
    work: Callable[[L], Awaitable[object]],
    give_up: Callable[[L], Awaitable[object]],
    most: int = 1,
) -> int:
    """Work off what was lost again and again, alone, or give it up; gives how many there were.

    None while another lane is at its own: they stay due.
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
