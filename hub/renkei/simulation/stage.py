"""Where a simulation plays: a scratch database, its own clock, channels and a program.

The clock is the database's: the hub asks for ``clock_timestamp()``, and on this stage the schema
``simulation`` stands before PostgreSQL's own and gives the simulated instant. One database
transaction sees one instant, so that replaying it with that instant gives the same books.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from sqlalchemy import create_engine, text

from renkei.errors import ConfigInvalid
from renkei.loyalty.program import Program
from renkei.services.setup import installation
from renkei.simulation.rounds import BEGIN
from renkei.storage.engine import open_database
from renkei.storage.scratch import Scratch
from renkei.storage.sealed import KeyRing

RING = KeyRing({"1": b"simulated members are no secret."}, "1")
SEARCH_PATH = "simulation,public,pg_catalog"

CARTS = ("cart1", "cart2")
TILLS = ("till1", "till2")

SCHEMA = """
CREATE SCHEMA simulation;
CREATE TABLE simulation.clock (at timestamptz NOT NULL, since timestamptz NOT NULL,
                               speed int NOT NULL);
CREATE TABLE simulation.head (seq bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO simulation.head VALUES (0);
CREATE TABLE simulation.log (seq bigint PRIMARY KEY, acts json NOT NULL);
CREATE FUNCTION simulation.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS $$
    SELECT coalesce(
        nullif(current_setting('simulation.now', true), '')::timestamptz,
        (SELECT set_config('simulation.now',
                (at + (pg_catalog.clock_timestamp() - since) * speed)::text, true)
         FROM simulation.clock)::timestamptz)
$$;
GRANT USAGE ON SCHEMA simulation TO renkei_app;
GRANT SELECT ON simulation.clock TO renkei_app;
GRANT SELECT, UPDATE ON simulation.head TO renkei_app;
GRANT SELECT, INSERT ON simulation.log TO renkei_app;
"""

CLOCK = """
WITH gone AS (DELETE FROM simulation.clock)
INSERT INTO simulation.clock VALUES (CAST(:at AS timestamptz), pg_catalog.clock_timestamp(), :speed)
"""

PROGRAM = "INSERT INTO program (program_id, title, zone) VALUES (:id, :id, :zone)"

VERSION = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES (:id, 1, '1970-01-01Z', CAST(:document AS json))"""

CHANNEL = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, 'simulated', :program, :company, :settings, '1970-01-01Z', 'hub', :binds, 'active',
        pg_catalog.clock_timestamp())"""


@dataclass(frozen=True)
class Stage:
    """One empty database with its own clock; URLs as owner and as the running hub."""

    owner: str
    app: str

    def set_clock(self, at: datetime, speed: int = 0) -> None:
        """It is ``at`` now, and time goes ``speed`` times as fast as outside (0: it stands)."""
        _run(self.owner, CLOCK, at=at, speed=speed)


def prepare(owner: str, app: str, program: Program) -> Stage:
    """Make an empty, migrated database a stage; refuses one that already has members."""
    if _has_members(owner):
        raise ConfigInvalid(
            "this database has members: a simulation runs on an empty one only; "
            "leave out --database-url for a scratch database"
        )
    stage = Stage(_with_path(owner), _with_path(app))
    _run(owner, SCHEMA)
    stage.set_clock(BEGIN)
    asyncio.run(_furnish(stage, program))
    return stage


async def _furnish(stage: Stage, program: Program) -> None:
    database = open_database(stage.app)
    document = json.dumps(program.model_dump(mode="json"))
    async with database.begin() as conn:
        await installation.ensure(conn, RING)
        await conn.execute(text(PROGRAM), {"id": program.id, "zone": program.zone})
        await conn.execute(text(VERSION), {"id": program.id, "document": document})
        for channel in (*CARTS, *TILLS):
            values = {
                "id": channel,
                "program": program.id,
                "company": installation.COMPANY,
                "settings": RING.seal(b"{}", f"connection/{channel}/settings"),
                "binds": channel in TILLS,
            }
            await conn.execute(text(CHANNEL), values)
    await database.close()


@contextmanager
def scratch_stage(scratch: Scratch, program: Program) -> Iterator[Stage]:
    """A fresh stage, dropped afterwards."""
    with scratch.database("simulation") as (owner, app):
        yield prepare(owner, app, program)


def _with_path(url: str) -> str:
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}options={quote(f'-csearch_path={SEARCH_PATH}', safe='')}"


def _has_members(owner: str) -> bool:
    engine = create_engine(owner, hide_parameters=True)
    try:
        with engine.connect() as conn:
            return bool(conn.execute(text("SELECT EXISTS (SELECT FROM member)")).scalar_one())
    finally:
        engine.dispose()


def _run(url: str, statement: str, **values: object) -> None:
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.begin() as conn:
            conn.execute(text(statement), values)
    finally:
        engine.dispose()
