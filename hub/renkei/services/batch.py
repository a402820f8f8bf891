"""One batch of commands in one database transaction: lock, load, decide, write."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.failpoints import reach
from renkei.ledger.journal import write
from renkei.ledger.loading import load, load_at_once, names_its_members
from renkei.ledger.world import Known, Needs, World
from renkei.services.attempt import Attempt
from renkei.services.command import Command, further_needs
from renkei.services.keep import keep
from renkei.storage.committer import GroupCommitter, Lanes
from renkei.storage.engine import Database
from renkei_contracts.errors import RenkeiError

LANES = 2

TURN = 8
"""Decisions in one go: about two milliseconds."""

log = structlog.get_logger(__name__)


async def run_batch(database: Database, commands: Sequence[Command[Any]]) -> Sequence[Any]:
    """Each command's answer, or the exception that refuses it; neighbours are not affected."""
    needs = Needs.of_all([command.needs() for command in commands])
    further = partial(_further, commands)
    if names_its_members(needs):
        async with database.begin_batch() as conn:
            world = await load_at_once(conn, needs, further)
            if world is not None:
                return await _book(conn, database, commands, world)
    async with database.begin_batch() as conn:
        return await _book(conn, database, commands, await load(conn, needs, further))


async def _book(
    conn: AsyncConnection, database: Database, commands: Sequence[Command[Any]], world: World
) -> Sequence[Any]:
    reach("after_load")
    outcomes = [await _in_turn(number, command, world) for number, command in enumerate(commands)]
    reach("after_decide")
    await write(conn, world, database.beside())
    return outcomes


def ledger_lanes(
    database: Database, on_commit: Callable[[], None] = lambda: None, lanes: int = LANES
) -> Lanes[Command[Any], Any]:
    """The lanes in which a process books; two of them keep it and the database busy at once.

    One more is for registers and carts, whose customers wait.
    """
    every = [GroupCommitter(database, run_batch, on_commit) for _ in range(lanes + 1)]
    return Lanes(every[1:], every[0], _about)


def _about(command: Command[Any]) -> str:
    """Whom a command is about: a member, or what proves them, or the order if nobody is known."""
    needs = command.needs()
    names = needs.members or needs.identities or needs.orders or needs.quotas or needs.claims
    return str(min(names)) if names else ""


def _further(commands: Sequence[Command[Any]], known: Known) -> Needs:
    """What commands need that depends on what is known."""
    return Needs.of_all([further_needs(command, known) for command in commands])


async def _in_turn(number: int, command: Command[Any], world: World) -> Any:
    """Decide; a long batch lets whoever else is served by this process go on in between."""
    if number % TURN == TURN - 1:
        await asyncio.sleep(0)
    return _decide(command, world)


def _decide(command: Command[Any], world: World) -> Any:
    attempt = Attempt(world)
    try:
        answer = command.decide(attempt)
    except RenkeiError as refusal:
        return refusal
    except Exception as fault:  # a bug of ours: it is this command's answer, never its neighbours'
        log.exception("decision_failed", command=type(command).__name__)
        return fault
    keep(attempt)
    return answer
