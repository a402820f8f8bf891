"""Recomputing the ledger from its log: every finding names the invariant and where it is broken.

What must hold is in ``invariants.py``; here it is only run, on one view of the database.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renkei.ledger.chain import ENTRIES, UNBOOKED, Walk
from renkei.ledger.invariants import INVARIANTS, REPLAYED, SMALL, STACKS, Finding, Invariant
from renkei.ledger.row_checks import UTC
from renkei.ledger.seals import SEALS, Seal, Seals
from renkei.ledger.stacks import MOVES, Replay
from renkei.storage.stream import stream

CHUNK = 2_000
"""Rows of the log fetched at a time: memory does not grow with the ledger."""

ROOM = "SELECT set_config('work_mem', '64MB', true)"
"""Sums by lot or order stay in memory up to here, for this transaction only."""

IN_ORDER = """
SELECT set_config('enable_hashjoin', :others, true), set_config('enable_nestloop', :others, true)"""
"""With the others off, the log is joined as it is read, in order of its keys, instead of being kept
and sorted, or looked up entry by entry."""


@dataclass(frozen=True)
class Report:
    """What was looked at, and everything found."""

    findings: tuple[Finding, ...]
    members: int
    transactions: int
    checks: int


async def verify_database(engine: AsyncEngine, member: str | None = None) -> Report:
    """Recompute everything, or one member's part of it, as of this moment.

    The statements run beside the log, on a second connection that sees the same snapshot; what is
    left of them when the log is read, on both.
    """
    async with engine.connect() as conn, engine.connect() as beside:
        for each in (conn, beside):
            await each.execution_options(isolation_level="REPEATABLE READ")
        snapshot = (await conn.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
        await beside.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
        return await verify(conn, member, beside)


async def verify(
    conn: AsyncConnection, member: str | None = None, beside: AsyncConnection | None = None
) -> Report:
    """The same as this transaction sees it; ``beside`` sees it, too, and takes statements.

    In READ COMMITTED, what is booked meanwhile may look like a finding.
    """
    asked = [one for one in INVARIANTS if member is None or one.per_member]
    waiting = iter(asked)  # whichever connection is free takes the next one
    walk, replay = Walk(), Replay()
    lanes = [_log_first(conn, waiting, member, walk, replay)]
    if beside is not None:
        lanes.append(_state(beside, waiting, member))
    found = [one for lane in await asyncio.gather(*lanes) for one in lane]
    places = {one.name: place for place, one in enumerate(asked)}
    found.sort(key=lambda one: places[one.invariant])
    found += [*walk.findings, *replay.findings]
    return Report(tuple(found), walk.members, walk.transactions, len(asked) + len(REPLAYED))


async def _log_first(
    conn: AsyncConnection,
    waiting: Iterator[Invariant],
    member: str | None,
    walk: Walk,
    replay: Replay,
) -> list[Finding]:
    await _replay(conn, member, walk, replay)
    return await _state(conn, waiting, member)


async def _state(
    conn: AsyncConnection, waiting: Iterator[Invariant], member: str | None
) -> list[Finding]:
    """What the statements find that are waiting still."""
    await conn.execute(text(ROOM))
    await conn.execute(text(UTC))
    return [found for one in waiting for found in await _broken(conn, one, member)]


async def _broken(conn: AsyncConnection, asked: Invariant, member: str | None) -> list[Finding]:
    """What does not hold of it; sums of amounts that are larger than usual are asked for again."""
    try:
        rows = await _rows(conn, asked.statement, member)
    except DataError:
        try:
            rows = await _rows(conn, asked.statement.replace(SMALL, ""), member)
        except DataError as broken:
            return [_unreadable(asked.name, broken.orig)]
    return [Finding(asked.name, f"{row[0]} {row[1]}".strip(), row[2]) for row in rows]


def _unreadable(name: str, said: object) -> Finding:
    first = str(said).splitlines()[0]
    return Finding(name, "what is stored", f"it cannot be read: {first}")


async def _rows(conn: AsyncConnection, statement: str, member: str | None) -> Sequence[Any]:
    values = {}
    if member is not None:
        statement = (
            f"SELECT * FROM ({statement}) AS found(subject, place, detail) WHERE subject = :m"
        )
        values = {"m": member}
    async with conn.begin_nested():
        return (await conn.execute(text(statement), values)).all()


async def _replay(conn: AsyncConnection, member: str | None, walk: Walk, replay: Replay) -> None:
    """What reading the log in order finds."""
    await conn.execute(text(ROOM))
    if member is None:
        await conn.execute(text(IN_ORDER), {"others": "off"})
        walk.seals = Seals(Seal(*row) for row in (await conn.execute(text(SEALS))).all())
    for statement, only in (ENTRIES, "WHERE t.member_id = $1"), (UNBOOKED, "AND m.member_id = $1"):
        await _read(conn, statement, only, member, walk)
    walk.end()
    walk.findings += walk.seals.broken()
    await conn.execute(text(IN_ORDER), {"others": "on"})  # few of the entries are moves
    try:
        async with conn.begin_nested():
            await _read(conn, MOVES, "WHERE member_id = $1", member, replay)
    except psycopg.DataError as broken:
        replay.findings.append(_unreadable(STACKS, broken))
        return
    replay.end()


class _Reader(Protocol):
    def step(self, rows: Sequence[Any]) -> None: ...


async def _read(
    conn: AsyncConnection, statement: str, only: str, member: str | None, reader: _Reader
) -> None:
    """Stream the rows to the reader; of one member, ``only`` theirs."""
    sql = statement.format(where=only if member is not None else "")
    values = [member] if member is not None else []
    async with aclosing(stream(conn, sql, values, CHUNK)) as log:
        async for rows in log:
            reader.step(rows)
