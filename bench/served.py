"""The hub as a process of its own, on a database of the bench, and what it costs."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import text

from bench.fill import RING, SINCE, member_id
from bench.ground import Ground
from renkei.storage.engine import APP_ROLE, Database

NAME, SHOP, TILLS = "served", "shop", "tills"
MEMBERS = 5_000
SECRET = "the-bench-signs-with-this"  # noqa: S105 - of an invented shop
GONE = 30

WAITING = "SELECT EXISTS (SELECT FROM delivery WHERE state = 'new')"

SETTINGS = "UPDATE connection SET settings = :settings WHERE connection_id = :shop"

ONE_MORE = f"""
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, :vendor, :program, 'default', '', '{SINCE}', 'hub', true, 'active', '{SINCE}')"""

FOUND_BY = """
INSERT INTO identity (kind, scope, blind, valid_from, member_id, grade, asserted_by, sealed)
SELECT kind, scope, :blind, valid_from, member_id, grade, asserted_by, sealed
FROM identity WHERE kind = 'vendor_customer' AND member_id = :member"""

BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)"""


@dataclass(frozen=True)
class Cpu:
    """Seconds of CPU so far: of the hub's process, and of PostgreSQL's."""

    hub: float
    postgres: float

    def since(self, before: "Cpu") -> "Cpu":
        """What was used since then."""
        return Cpu(self.hub - before.hub, self.postgres - before.postgres)

    def of(self, count: int) -> str:
        """What each of so many took, to be read."""
        hub, postgres = self.hub * 1000 / count, self.postgres * 1000 / count
        return f"{hub:.2f} ms in the hub, {postgres:.2f} ms in PostgreSQL"


@dataclass(frozen=True)
class Served:
    """A running hub."""

    url: str
    pid: int
    database: Database

    async def cpu(self) -> Cpu:
        """What was used up to now."""
        async with self.database.begin() as conn:
            backends = (await conn.execute(text(BACKENDS))).scalars().all()
        return Cpu(_seconds(self.pid), sum(_seconds(pid) for pid in backends))


async def served(ground: Ground) -> Served:
    """The hub on the filled database, started on first use."""
    return await ground.kept(NAME, partial(_make, ground))


async def _make(ground: Ground) -> Served:
    database = await ground.database(NAME, {SHOP: MEMBERS})
    await give_settings(database, SHOP, {"secret": SECRET})
    await _let_in(database)
    return await start(ground, database, NAME)


async def give_settings(database: Database, shop: str, settings: Mapping[str, object]) -> None:
    """What this connection knows, secrets and all."""
    sealed = RING.seal(json.dumps(settings).encode(), f"connection/{shop}/settings")
    async with database.begin() as conn:
        await conn.execute(text(SETTINGS), {"settings": sealed, "shop": shop})


async def _let_in(database: Database) -> None:
    """The shop's customers as an order names them, and a connection for registers."""
    members = [member_id(SHOP, number) for number in range(1, MEMBERS + 1)]
    blinds = [
        {"member": member, "blind": RING.blind("vendor_customer", SHOP, member)}
        for member in members
    ]
    await add_connection(database, TILLS, SHOP)
    async with database.begin() as conn:
        await conn.execute(text(FOUND_BY), blinds)


async def add_connection(database: Database, id: str, program: str, vendor: str = "") -> None:
    """One more channel of a program; without a vendor it is for registers."""
    values = {"id": id, "program": program, "vendor": vendor}
    async with database.begin() as conn:
        await conn.execute(text(ONE_MORE), values)


async def start(
    ground: Ground, database: Database, name: str, *options: str, workers: bool = True
) -> Served:
    """A hub on the database of that name; ``options`` are bench.serving's own."""
    log = ground.server.folder / f"hub-{'-'.join((name, *options))}.log"
    process = await asyncio.to_thread(
        _spawn,
        [sys.executable, "-m", "bench.serving", str(log), *options],
        _environment(ground, name) | {"RENKEI_WORKERS": str(workers)},
    )
    ground.stack.callback(_end, process)
    assert process.stdout is not None
    url = (await asyncio.to_thread(process.stdout.readline)).decode().strip()
    assert url, f"the hub did not start; see {log}"
    return Served(url, process.pid, database)


async def until_settled(hub: Served) -> None:
    """Wait until no delivery waits."""
    waiting = True
    while waiting:
        await asyncio.sleep(0.02)
        async with hub.database.begin() as conn:
            waiting = (await conn.execute(text(WAITING))).scalar_one()


def _environment(ground: Ground, name: str) -> dict[str, str]:
    embedded = ground.server.embedded
    return os.environ | {
        "RENKEI_DATABASE_URL": embedded.url(APP_ROLE, name),
        "RENKEI_MIGRATION_URL": embedded.url(database=name),
        "RENKEI_SECRET_KEY": base64.b64encode(RING.keys[RING.current]).decode(),
        "RENKEI_DATA_DIR": str(ground.server.folder),
    }


def _spawn(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)  # noqa: S603 - ours


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(GONE)
    assert process.stdout is not None
    process.stdout.close()


def _seconds(pid: int) -> float:
    """User and system time of a process; Linux only, as this is read from /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # it has ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
