"""Engines for the hub's database: the running role for the hub, the owner's for migrations."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from renkei.errors import ConfigInvalid, DatabaseUnreachable
from renkei.storage.trip import Statement, end

APP_ROLE = "renkei_app"
POOL_SIZE = 6
BATCHES = 6
"""Connections of committers, a lane each: three of the ledger, intake, callers, the feed's head."""

OFTEN = 4
"""Further ones, for trips that the worker makes all the time."""

OLDEST = 15
"""The oldest major version of PostgreSQL that will do."""


@dataclass(frozen=True)
class Database:
    """The hub's database as the running hub sees it.

    ``batches`` is for the committers: its connections are not tried before each use, since a batch
    that meets a lost one runs again. ``idle`` are those that the next batch takes as they are:
    borrowing from the pool and giving back takes as long as a statement.
    """

    engine: AsyncEngine
    batches: AsyncEngine
    idle: list[AsyncConnection] = field(default_factory=list, kw_only=True)
    _often: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(OFTEN), kw_only=True
    )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One database transaction; commits at the end, rolls back on an exception."""
        async with self.engine.begin() as conn:
            yield conn

    @asynccontextmanager
    async def begin_batch(self) -> AsyncIterator[AsyncConnection]:
        """The same for a batch that runs again when its connection was lost."""
        conn = self.idle.pop() if self.idle else await self.batches.connect()
        try:
            yield conn
            await end(conn)
        except BaseException:
            await conn.close()  # the pool rolls back, and drops what is broken
            raise
        self.idle.append(conn)

    @asynccontextmanager
    async def begin_often(self) -> AsyncIterator[AsyncConnection]:
        """The same for a trip that is made many times a second and comes again if it fails: with
        storage/trip.py it costs a seventh of begin(). So many at a time as leave lanes their own.
        """
        async with self._often, self.begin_batch() as conn:
            yield conn

    def beside(self) -> Sequence[Statement]:
        """What else a batch writes in its transaction, last of all: nothing."""
        return ()

    async def close(self) -> None:
        """Close every connection."""
        while self.idle:
            await self.idle.pop().close()
        await self.engine.dispose()
        await self.batches.dispose()


def open_database(url: str) -> Database:
    """An engine for ``url`` (postgresql+psycopg://…); connects on first use.

    ``options`` in the URL come after ours and win.

    Parameters never stand in error texts or logs: they hold members' data.
    """
    batches = _engine(
        url,
        PRICES + BY_KEY + NO_PAUSE,
        PREPARED,
        name=BATCH_NAME,
        pool_size=BATCHES + OFTEN,
        max_overflow=BATCHES,
    )
    return Database(
        engine=_engine(url, PRICES, {}, pool_size=POOL_SIZE, max_overflow=2, pool_pre_ping=True),
        batches=batches,
    )


PRICES = "-c random_page_cost=1.1 -c jit=off"
"""A read by index costs about as much as any other since disks have no arms."""

BY_KEY = (
    " -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
    " -c plan_cache_mode=force_generic_plan"
)
"""A batch finds everything by key: the planner, which takes every batch for a hundred commands,
would rather read a small table as a whole. So each statement is planned once in a connection's
life, also while a table is empty still: planning a hold's statements anew takes longer than the
hold. What is looked for by a key must therefore have one index that fits it best by its shape
(tests/hub/storage/test_plans.py)."""

NOTICED: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""We find the server's machine gone after about ten seconds: it says nothing itself."""

NOTICED_THERE = (
    "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
    " -c tcp_user_timeout=10000 "
)
"""So does the server with ours, whose locks it would else keep for two hours."""

NO_PAUSE = " -c idle_in_transaction_session_timeout=10s"
"""A batch asks again at once. Where a process or its machine is paused in the middle of one, or cut
off, the server ends it, or its locks would hold up everybody until that process comes back. In the
middle of a trip it is the other processes that do (storage/stalled.py)."""

BATCH_NAME = "renkei batch"
"""The application's name in connections of batches, by which those are told from others."""

PREPARED: dict[str, Any] = {"prepare_threshold": None}
"""The statements of batches are prepared by storage/trip.py, none by the driver."""


def _engine(
    url: str, options: str, driver: dict[str, Any], name: str = "renkei", **pool: Any
) -> AsyncEngine:
    args = {**connect_args(make_url(url), name, options), **driver}
    return create_async_engine(
        url, hide_parameters=True, pool_use_lifo=True, connect_args=args, **pool
    )


def connect_args(url: URL, name: str, options: str = "") -> dict[str, Any]:
    """How to connect; what the URL says itself stays, and its ``options`` come last and win."""
    ours = {"application_name": name, "connect_timeout": 5, **NOTICED}
    left = {one: value for one, value in ours.items() if one not in url.query}
    return {**left, "options": f"{NOTICED_THERE}{options} {url.query.get('options', '')}"}


async def require_reachable(
    database: Database, named: str = "RENKEI_DATABASE_URL or renkei.toml"
) -> None:
    """Raise DatabaseUnreachable with the server's own reason, ConfigInvalid when it is too old.

    ``named`` is where its address was given.
    """
    try:
        async with database.engine.connect() as conn:
            number = (await conn.execute(text("SHOW server_version_num"))).scalar_one()
    except Exception as error:
        if not is_database_error(error):
            raise
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise DatabaseUnreachable(
            f"the database cannot be reached: {reason}; check {named}"
        ) from error
    require_new_enough(int(number))


def require_new_enough(version_number: int) -> None:
    """Raise ConfigInvalid below PostgreSQL 15; ``version_number`` as the server says: 150018."""
    if version_number < OLDEST * 10_000:
        raise ConfigInvalid(
            f"the database is PostgreSQL {version_number // 10_000}; the hub needs {OLDEST} or "
            "newer: point RENKEI_DATABASE_URL to such a server"
        )


def is_database_error(error: BaseException) -> bool:
    """Whether the error comes from the driver or the network below it."""
    from psycopg import Error
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, SQLAlchemyError | Error | OSError)
