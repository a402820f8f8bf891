"""Several statements in one round trip: a batch waits for trips to the server, not for statements.

They run in order, in the open transaction, and under READ COMMITTED each sees what was committed
before it began, as if they had been sent one by one.
"""

import itertools
import re
from collections.abc import Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from psycopg import AsyncConnection as Driver
from psycopg import Error, generators
from psycopg.abc import PQGen
from psycopg.abc import Transformer as Reader
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.failpoints import reach

Rows = Sequence[Any]

Prepared = dict[bytes, bytes]
"""SQL → the name under which a connection has prepared it."""

Asked = tuple[bytes, Sequence[bytes | None], Sequence[int]]
"""SQL in the server's notation, its parameters, and of each whether it is text (0) or bytes (1)."""

_prepared: MutableMapping[Driver, Prepared] = WeakKeyDictionary()
_numbers = itertools.count(1)

BINARY = 1
"""How answers come: numbers, instants and bytes need not be spelled by the server and read here."""

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


async def travel(
    conn: AsyncConnection, statements: Sequence[Statement], *, commit: bool = False
) -> list[Answer]:
    """The statements' answers, in order. The first one that fails raises; the others did not run.

    ``commit`` ends the transaction in the same trip if none fails.
    Raises DBAPIError, as SQLAlchemy does, without the parameters: they hold members' data.
    """
    driver = _driver(conn)
    try:
        results = await driver.wait(_exchange(driver, [_asked(one) for one in statements], commit))
    except Error as error:
        raise DBAPIError.instance(
            None, None, error, Error, hide_parameters=True, connection_invalidated=driver.broken
        ) from error
    reader = Transformer(driver)
    return [_answer(reader, result) for result in results]


async def end(conn: AsyncConnection) -> None:
    """Commit what is open still: of statements that went by SQLAlchemy, or of trips."""
    if conn.in_transaction():
        await conn.commit()
    elif _driver(conn).pgconn.transaction_status != TransactionStatus.IDLE:
        await travel(conn, (), commit=True)


def _driver(conn: AsyncConnection) -> Driver:
    assert conn.sync_connection is not None
    driver = conn.sync_connection.connection.driver_connection
    assert isinstance(driver, Driver)
    return driver


def _asked(statement: Statement) -> Asked:
    sql, names = _numbered(statement.sql)
    values = [statement.values[name] for name in names]
    formats = [1 if isinstance(value, bytes) else 0 for value in values]
    return sql, [_as_sent(value) for value in values], formats


def _exchange(driver: Driver, statements: Sequence[Asked], commit: bool) -> PQGen[list[PGresult]]:
    """Everything is sent at once and then read: the driver's own pipeline waits after each.

    The driver begins a transaction by itself only for statements that it sends itself. Where it
    prepares statements itself we do not: after a rollback it has the server forget all of them.
    """
    pgconn = driver.pgconn
    known = _prepared.setdefault(driver, {}) if driver.prepare_threshold is None else None
    begins = not driver.autocommit and pgconn.transaction_status == TransactionStatus.IDLE
    pgconn.enter_pipeline_mode()
    if begins:
        pgconn.send_query_params(b"BEGIN", None)
    fresh, places = _send(pgconn, known, statements)
    if commit:
        reach("before_commit")
        pgconn.send_query_params(b"COMMIT", None)
    pgconn.pipeline_sync()
    yield from generators.send(pgconn)
    results = yield from _results(pgconn)
    pgconn.exit_pipeline_mode()
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    if known is not None:
        known.update(fresh)
    return [results[begins + place] for place in places]


def _send(
    pgconn: PGconn, known: Prepared | None, statements: Sequence[Asked]
) -> tuple[Prepared, list[int]]:
    """Send the statements, each prepared where this connection has not met it (None: as it is).

    Gives what was prepared, and the places of the statements' own results.
    """
    fresh: Prepared = {}
    places: list[int] = []
    for sql, values, formats in statements:
        reach("between_statements")
        if known is None:
            places.append(len(places))
            pgconn.send_query_params(sql, values, param_formats=formats, result_format=BINARY)
            continue
        name = known.get(sql) or fresh.get(sql)
        if name is None:
            name = fresh[sql] = b"rk_%d" % next(_numbers)
            pgconn.send_prepare(name, sql)
        places.append(len(places) + len(fresh))
        pgconn.send_query_prepared(name, values, param_formats=formats, result_format=BINARY)
    return fresh, places


def _results(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Every result up to the end of the pipeline."""
    found: list[PGresult] = []
    while True:
        part = yield from generators.fetch_many(pgconn)
        if part and part[0].status == ExecStatus.PIPELINE_SYNC:
            return found
        found += part


def _as_sent(value: object) -> bytes | None:
    """A parameter as the server reads it: bytes as they are, anything else as text."""
    if value is None or isinstance(value, bytes):
        return value
    return (value.isoformat() if isinstance(value, datetime) else str(value)).encode()


def _answer(reader: Reader, result: PGresult) -> Answer:
    reader.set_pgresult(result)
    rows = reader.load_rows(0, result.ntuples, tuple)
    return Answer(rows, result.command_tuples or 0)


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """In the server's own notation, ``$1`` for the first of these names: read through once."""
    names = tuple(dict.fromkeys(PARAMETER.findall(sql)))
    text = PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
    return text.encode(), names
