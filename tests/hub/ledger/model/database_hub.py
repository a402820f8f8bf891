"""The same commands on a real database beside the world in memory: answers and books are equal.

What loading leaves out, writing forgets or a column cannot keep shows as a difference.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from in_memory_hub import LONG_AGO, PROGRAM, InMemoryHub
from sqlalchemy import create_engine, text

from renkei.ledger.loading import load, load_at_once
from renkei.ledger.verify import Finding, verify
from renkei.ledger.world import Needs, World
from renkei.services import batch
from renkei.services.command import Command
from renkei.storage.engine import APP_ROLE, Database, open_database

TEMPLATE = "renkei_template"

INSTALL = (
    "INSERT INTO program (program_id, title, zone) VALUES ('default', 'Points', 'Asia/Tokyo')",
    """INSERT INTO program_version (program_id, version, in_force_from, document)
       VALUES ('default', 1, :long_ago, CAST(:document AS json))""",
    "INSERT INTO company (company_id, title) VALUES ('default', 'default')",
    """INSERT INTO connection (connection_id, vendor, program_id, company_id, settings,
                               settles_from, leads, binds_holds, state, created_at)
       SELECT c, 'acme', 'default', 'default', '', :since, 'hub', false, 'active', :since
       FROM unnest(CAST(:channels AS text[])) AS c""",
    """INSERT INTO member (member_id, program_id, created_at)
       SELECT m, 'default', :since FROM unnest(CAST(:members AS text[])) AS m""",
)

HEADS = "SELECT member_id, version, chain, debt, version_lead FROM member"
LOTS = "SELECT member_id, lot, pending, available, held, expired, netted FROM lot"
SETTLED = "SELECT member_id, connection_id, order_ref, earned, redeemed FROM settled"


@dataclass
class BothHubs(InMemoryHub):
    """``runner`` and ``database`` are given by ``on_a_database``."""

    runner: asyncio.Runner | None = None
    database: Database | None = None
    agreed: bool = True

    def run(self, command: Command[Any], now: datetime) -> Any:
        """The answer of both."""
        self.agreed = False
        answer = super().run(command, now)
        stored = self._await(self._run_there, command, now)
        if isinstance(answer, Exception):
            assert (type(stored), str(stored)) == (type(answer), str(answer))
        else:
            assert stored == answer
        heads = {row[0]: tuple(row[1:]) for row in self._rows(HEADS)}
        assert heads == {
            member: (books.version, books.chain, books.debt, books.version_lead)
            for member, books in self.world.books.items()
        }
        self.agreed = True
        return answer

    def check_at_the_end(self) -> None:
        """Every lot, every order, and what the hub itself verifies; unless they parted before."""
        if not self.agreed:
            return
        lots = {(row[0], row[1]): tuple(row[2:]) for row in self._rows(LOTS)}
        assert lots == {
            lot.ref: (lot.pending, lot.available, lot.held, lot.expired, lot.netted)
            for books in self.world.books.values()
            for lot in books.lots
        }
        settled = {(row[0], (row[1], row[2])): (row[3], row[4]) for row in self._rows(SETTLED)}
        assert settled == {
            name: (done.earned, done.redeemed) for name, done in self.world.settled.items()
        }
        assert self._await(self._verify) == ()

    async def _run_there(self, command: Command[Any], now: datetime) -> Any:
        async def load_then(conn: Any, needs: Needs, further: Any) -> World:
            world = await load(conn, needs, further)
            world.now = now
            return world

        async def load_at_once_then(conn: Any, needs: Needs, further: Any) -> World | None:
            world = await load_at_once(conn, needs, further)
            if world is not None:
                world.now = now
            return world

        at_once = patch.object(batch, "load_at_once", load_at_once_then)
        with patch.object(batch, "load", load_then), at_once:
            return (await batch.run_batch(self.database, [command]))[0]

    async def _verify(self) -> tuple[Finding, ...]:
        async with self.database.begin() as conn:
            return (await verify(conn)).findings

    async def _select(self, statement: str) -> Any:
        async with self.database.begin() as conn:
            return (await conn.execute(text(statement))).all()

    def _rows(self, statement: str) -> Any:
        return self._await(self._select, statement)

    def _await(self, work: Callable[..., Any], *args: Any) -> Any:
        return self.runner.run(work(*args))


@contextmanager
def on_a_database(
    server: Any, now: datetime, since: datetime, members: tuple[str, ...], channels: tuple[str, ...]
) -> Iterator[BothHubs]:
    """Both hubs with empty books, on a fresh database that is dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    _as_owner(server.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    values = {
        "long_ago": LONG_AGO,
        "document": json.dumps(PROGRAM.model_dump(mode="json")),
        "since": since,
        "channels": list(channels),
        "members": list(members),
    }
    _as_owner(server.url(database=name), *INSTALL, values=values)
    hub = BothHubs.opened(now, since, members, channels)
    with asyncio.Runner() as runner:
        hub.runner, hub.database = runner, open_database(server.url(APP_ROLE, name))
        try:
            yield hub
        finally:
            runner.run(hub.database.close())
            _as_owner(server.url(), f"DROP DATABASE {name} WITH (FORCE)")


def _as_owner(url: str, *statements: str, values: dict[str, Any] | None = None) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        for statement in statements:
            conn.execute(text(statement), values or {})
    engine.dispose()
