"""Recomputing the ledger from its log: every finding names the invariant and where it is broken.

What must hold is in ``invariants.py``; here it is only run, on one view of the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.exc import DataError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.chain import ENTRIES, Walk
from renkei.ledger.invariants import INVARIANTS, REPLAYED, Finding, Invariant
from renkei.ledger.stacks import MOVES, Replay

CHUNK = 2_000
"""Rows of the log fetched at a time: memory does not grow with the ledger."""


@dataclass(frozen=True)
class Report:
    """What was looked at, and everything found."""

    findings: tuple[Finding, ...]
    members: int
    transactions: int
    checks: int


async def verify(conn: AsyncConnection, member: str | None = None) -> Report:
    """Recompute everything from the log, or one member's part of it.

    The connection should be in REPEATABLE READ, or bookings meanwhile look like findings.
    """
    asked = [one for one in INVARIANTS if member is None or one.per_member]
    findings = [found for one in asked for found in await _holds(conn, one, member)]
    walk, replay = Walk(), Replay()
    await _read(conn, ENTRIES, "m.member_id", member, walk)
    await _read(conn, MOVES, "member_id", member, replay)
    findings += [*walk.findings, *replay.findings]
    checks = len(asked) + len(REPLAYED)
    return Report(tuple(findings), walk.members, walk.transactions, checks)


async def _holds(conn: AsyncConnection, asked: Invariant, member: str | None) -> list[Finding]:
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
