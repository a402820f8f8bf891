"""Several statements in one round trip: a batch waits for trips to the server, not for statements.

They run in order, in the open transaction, and under READ COMMITTED each sees what was committed
before it began, as if they had been sent one by one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from psycopg import AsyncConnection as Driver
from psycopg import AsyncRawCursor, Error
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.failpoints import reach

Rows = Sequence[Any]

PARAMETER = re.compile(r"(?<![:\w]):([a-z]\w*)")


@dataclass(frozen=True)
class Statement:
    """SQL with ``:name`` parameters, as everywhere in the hub, and their values."""

    sql: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a statement gave, and how many rows it gave or changed."""

    rows: Rows
    count: int


def as_json(content: object) -> str:
    """A batch's rows as one JSON parameter; instants and days are written as ISO 8601."""
    return orjson.dumps(content).decode()


def joined(ids: Iterable[str]) -> str:
    """Ids as one parameter for ``string_to_array``: cheaper for both sides than an array."""
    return ",".join(sorted(ids))


async def travel(conn: AsyncConnection, statements: Sequence[Statement]) -> list[Answer]:
    """The statements' answers, in order. The first one that fails raises; the others did not run.

    Raises DBAPIError, as SQLAlchemy does, without the parameters: they hold members' data.
    """
    assert conn.sync_connection is not None
    driver = conn.sync_connection.connection.driver_connection
    assert isinstance(driver, Driver)
    try:
        async with driver.pipeline():
            cursors = []
            for one in statements:
                cursors.append(await _send(driver, one))
                reach("between_statements")
        return [await _answer(cursor) for cursor in cursors]
    except Error as error:
        raise DBAPIError.instance(
            None, None, error, Error, hide_parameters=True, connection_invalidated=driver.broken
        ) from error


async def _send(driver: Driver, statement: Statement) -> AsyncRawCursor[Any]:
    sql, names = _numbered(statement.sql)
    cursor = AsyncRawCursor(driver)
    await cursor.execute(sql, [statement.values[name] for name in names])
    return cursor


async def _answer(cursor: AsyncRawCursor[Any]) -> Answer:
    rows = await cursor.fetchall() if cursor.description else ()
    return Answer(rows, cursor.rowcount)


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """In the server's own notation, ``$1`` for the first of these names: read through once."""
    names = tuple(dict.fromkeys(PARAMETER.findall(sql)))
    text = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
    return text.encode(), names
