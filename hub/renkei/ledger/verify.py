"""Recomputing the ledger from its log: every finding names the invariant and where it is broken.

What must hold is in ``invariants.py``; here it is only run, on one view of the database.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renkei.ledger.chain import ENTRIES, Walk
from renkei.ledger.invariants import INVARIANTS, REPLAYED, Finding, Invariant
from renkei.ledger.seals import SEALS, Seal, Seals
from renkei.ledger.stacks import MOVES, Replay

CHUNK = 2_000
"""Rows of the log fetched at a time: memory does not grow with the ledger."""

ROOM = "SELECT set_config('work_mem', '64MB', true)"
"""Sums by lot or order stay in memory up to here, for this transaction only."""

IN_ORDER = "SELECT set_config('enable_hashjoin', 'off', true)"
"""The log is joined as it is read, in order of its keys, instead of being kept and sorted."""


@dataclass(frozen=True)
class Report:
    """What was looked at, and everything found."""

    findings: tuple[Finding, ...]
    members: int
    transactions: int
    checks: int


async def verify_database(engine: AsyncEngine, member: str | None = None) -> Report:
    """Recompute everything, or one member's part of it, as of this moment.

    The statements run beside the log, on a second connection that sees the same snapshot.
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
    """The same as this transaction sees it; ``beside`` sees it, too, and takes the statements.

    In READ COMMITTED, what is booked meanwhile may look like a finding.
    """
    asked = [one for one in INVARIANTS if member is None or one.per_member]
    if beside is None:
        findings = await _state(conn, asked, member)
        walk, replay = await _replay(conn, member)
    else:
        findings, (walk, replay) = await asyncio.gather(
            _state(beside, asked, member), _replay(conn, member)
        )
    findings += [*walk.findings, *replay.findings]
    checks = len(asked) + len(REPLAYED)
    return Report(tuple(findings), walk.members, walk.transactions, checks)


async def _state(
    conn: AsyncConnection, asked: Sequence[Invariant], member: str | None
) -> list[Finding]:
    """What the statements find."""
    await conn.execute(text(ROOM))
    return [found for one in asked for found in await _broken(conn, one, member)]


async def _broken(conn: AsyncConnection, asked: Invariant, member: str | None) -> list[Finding]:
    statement, values = asked.statement, {}
    if member is not None:
        statement = (
            f"SELECT * FROM ({statement}) AS found(subject, place, detail) WHERE subject = :m"
        )
        values = {"m": member}
    try:
        async with conn.begin_nested():
            rows = (await conn.execute(text(statement), values)).all()
    except DataError as broken:
        said = str(broken.orig).splitlines()[0]
        return [Finding(asked.name, "what is stored", f"it cannot be read: {said}")]
    return [Finding(asked.name, f"{row[0]} {row[1]}".strip(), row[2]) for row in rows]


async def _replay(conn: AsyncConnection, member: str | None) -> tuple[Walk, Replay]:
    """What reading the log in order finds."""
    await conn.execute(text(ROOM))
    await conn.execute(text(IN_ORDER))
    seals = [] if member else [Seal(*row) for row in (await conn.execute(text(SEALS))).all()]
    walk, replay = Walk(Seals(seals)), Replay()
    await _read(conn, ENTRIES, "m.member_id", member, walk)
    await _read(conn, MOVES, "member_id", member, replay)
    walk.findings += walk.seals.broken()
    return walk, replay


class _Reader(Protocol):
    def step(self, rows: Sequence[Any]) -> None: ...

    def end(self) -> None: ...


async def _read(
    conn: AsyncConnection, statement: str, column: str, member: str | None, reader: _Reader
) -> None:
    """Stream the rows to the reader."""
    only = f"WHERE {column} = :m" if member is not None else ""
    values = {"m": member} if member is not None else {}
    async with conn.stream(text(statement.format(where=only)), values) as rows:
        async for part in rows.partitions(CHUNK):
            reader.step(part)
    reader.end()
