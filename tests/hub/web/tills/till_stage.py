"""An open hub on a fresh database whose clock stands still until a test moves it."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
from sqlalchemy import create_engine, text

from renkei.bootstrap import Hub, new_id, open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.services.batch import ledger_lanes
from renkei.services.till import terminals
from renkei.storage.engine import APP_ROLE
from renkei.web.app import build_app
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member

START = datetime(2026, 11, 1, 3, tzinfo=UTC)
SHOP, CART = "pos", "cart"
STORE = "shibuya"
TEMPLATE = "renkei_template"

OWN_CLOCK = """
CREATE SCHEMA stage;
CREATE TABLE stage.clock (at timestamptz NOT NULL);
INSERT INTO stage.clock VALUES (CAST(:at AS timestamptz));
CREATE FUNCTION stage.clock_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS 'SELECT at FROM stage.clock';
GRANT USAGE ON SCHEMA stage TO renkei_app;
GRANT SELECT, UPDATE ON stage.clock TO renkei_app"""

PATH = "options=" + quote("-csearch_path=stage,public,pg_catalog", safe="")

PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES ('default', 2, '1970-01-02Z', CAST(:d AS json))"""

CONNECT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, '', 'default', 'default', :settings, '1970-01-01Z', 'hub', false, 'active', now())"""


@dataclass
class Caller:
    """A till with its own secret, over whatever way the stage was opened with."""

    http: httpx.AsyncClient
    name: str
    secret: str = field(repr=False)

    async def post(self, path: str, said: Any) -> httpx.Response:
        """Say it as JSON, or lines of JSON."""
        kind = "application/json"
        if isinstance(said, list):
            kind, body = "application/x-ndjson", "\n".join(map(json.dumps, said)).encode()
        else:
            body = b"" if said is None else json.dumps(said).encode()
        return await self.http.post(path, content=body, headers=self._headers(kind))

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Ask."""
        return await self.http.get(path, params=query, headers=self._headers("application/json"))

    def _headers(self, kind: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}", "Content-Type": kind}


@dataclass
class Stage:
    """The hub, callers over ASGI, and its clock."""

    hub: Hub
    http: httpx.AsyncClient
    stack: AsyncExitStack

    async def set_clock(self, at: datetime) -> None:
        """It is ``at`` now."""
        async with self.hub.database.begin() as conn:
            await conn.execute(text("UPDATE stage.clock SET at = :at"), {"at": at})

    @property
    def lanes(self) -> list["asyncio.Task[None]"]:
        """The tasks that book."""
        return [lane._loop for lane in self.hub.ledger._every]

    async def until_a_lane_died(self) -> None:
        """Wait for the end of a committer that was killed."""
        await asyncio.wait(self.lanes, return_when=asyncio.FIRST_COMPLETED)

    async def until_waiting(self, many: int) -> None:
        """Wait until so many commands more were taken than are answered."""
        lanes = self.hub.ledger._every
        while sum(lane._taken - lane._answered for lane in lanes) < many:  # noqa: ASYNC110 - the hub has no event for it
            await asyncio.sleep(0)

    async def restart(self) -> None:
        """Another process: what was under way is lost, and so is every connection."""
        await self.hub.database.close()
        lanes = await self.stack.enter_async_context(ledger_lanes(self.hub.database))
        self.hub.ledger = self.hub.booking.committer = lanes

    async def add_till(self, name: str) -> Caller:
        """Another till of the store."""
        place = {"connection": SHOP, "store": STORE, "till": name}
        async with self.hub.database.begin() as conn:
            new = await terminals.add(conn, self.hub.ring, new_id, START, **place)
        return Caller(self.http, name, f"{new.key_id}.{new.secret}")

    async def add_member(self) -> str:
        """Somebody new."""
        seen = Member(ref=ExternalRef(connection=CART, id=uuid4().hex), changed_at=START)
        return (await self.hub.booking.enrol(seen)).member

    async def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        async with self.hub.database.begin() as conn:
            return [tuple(row) for row in await conn.execute(text(statement), values)]


@asynccontextmanager
async def stage_on(
    server: Any, folder: Path, rules: dict[str, Any], **settings: Any
) -> AsyncIterator[Stage]:
    """A stage whose program has these rules; the database is dropped afterwards."""
    name = f"t_{uuid4().hex[:12]}"
    _as_owner(server.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    for statement in OWN_CLOCK.split(";"):
        _as_owner(server.url(database=name), statement, at=START)
    app = server.url(APP_ROLE, name)
    chosen = Settings(
        data_dir=folder,
        database_url=f"{app}{'&' if '?' in app else '?'}{PATH}",
        migration_url=server.url(database=name),
        secret_key=base64.b64encode(b"k" * 32).decode(),
        **settings,
    )
    try:
        async with open_hub(chosen, registry=Registry({}), clock=lambda: START) as hub:
            await _furnish(hub, rules)
            way = httpx.ASGITransport(build_app(hub), client=("127.0.0.1", 50_000))
            async with (
                AsyncExitStack() as stack,
                httpx.AsyncClient(transport=way, base_url="http://hub") as http,
            ):
                yield Stage(hub, http, stack)
    finally:
        _as_owner(server.url(), f"DROP DATABASE {name} WITH (FORCE)")


async def _furnish(hub: Hub, rules: dict[str, Any]) -> None:
    async with hub.database.begin() as conn:
        await conn.execute(text(PUBLISH), {"d": json.dumps(rules)})
        sealed = hub.ring.seal(b"{}", f"connection/{CART}/settings")
        await conn.execute(text(CONNECT), {"id": CART, "settings": sealed})


def _as_owner(url: str, statement: str, **values: Any) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        conn.execute(text(statement), values if ":at" in statement else {})
    engine.dispose()
