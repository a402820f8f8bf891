"""Claims that were lost: the worker ended, or stood still, while it had the row. For every queue.

A row that ends whoever works it off is never ended by it, and has no error to be given up for. So a
claim counts those before it that were lost. Whatever was lost again and again is worked off alone,
so that it is known which one it was, and is given up when its workers are lost all the same.

A claim is lost where another worker has to take the row over: an end clears the owner, and a worker
that goes on after some trouble takes up its own.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.storage.trip import Statement, travel

Row = TypeVar("Row")

ALONE = 2
"""Claims that were lost, after which a row is worked off alone."""

MOST_LOST = 5
"""Claims that were lost, after which it waits for a person."""

ENDS_WORKERS = (
    f"{MOST_LOST} workers in a row ended or stood still while they had it, the last "
    f"{MOST_LOST - ALONE} with nothing else that was lost before"
)

LOST = "lost + CAST(coalesce(owner <> :owner, false) AS int)"
"""Of a row that is taken now by :owner, in SQL."""

TOGETHER = f"{LOST} < {ALONE}"
"""Whether a row may be worked off with others."""

SUSPECT = f"lost > 0 AND {LOST} >= {ALONE}"
"""Whether it may not; in words that an index of the few that were lost answers."""


class Taken(NamedTuple, Generic[Row]):
    """What was claimed; ``suspects``: there is also what has to be worked off alone."""

    claimed: list[Row]
    suspects: bool


async def take(
    conn: AsyncConnection,
    claim: str,
    suspects_wait: str,
    values: dict[str, Any],
    made: Callable[[Any], Row],
) -> Taken[Row]:
    """What a claim gives, ``made`` of its rows, and whether suspects wait. Commits in its trip."""
    asked = [Statement(claim, values), Statement(suspects_wait, values)]
    found, suspects = await travel(conn, asked, commit=True)
    return Taken([made(row) for row in found.rows], suspects.rows[0][0])


async def take_one(
    conn: AsyncConnection, claim: str, values: dict[str, Any], made: Callable[[Any], Row]
) -> Row | None:
    """The one that a claim gives, or None. Commits."""
    (found,) = await travel(conn, [Statement(claim, values)], commit=True)
    return made(found.rows[0]) if found.rows else None
