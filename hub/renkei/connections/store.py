"""Connections as rows: settings sealed, state and circuit readable by every node."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import UnknownConnection
from renkei.storage.sealed import KeyRing

COLUMNS = """connection_id, vendor, program_id, company_id, settings, settles_from, leads,
       binds_holds, state, failures, open_until, last_error"""

BY_ID = f"SELECT {COLUMNS} FROM connection WHERE connection_id = :id"

ALL = f"SELECT {COLUMNS} FROM connection ORDER BY connection_id"

INSERT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, :vendor, :program, :company, :settings, :settles_from, 'hub', :binds, 'active', :now)
ON CONFLICT DO NOTHING"""

STATE = """
UPDATE connection SET state = :state, last_error = :error
WHERE connection_id = :id AND state <> :state"""

FAILURE = """
UPDATE connection SET failures = failures + 1, last_error = :error,
       open_until = CASE WHEN failures + 1 >= :limit THEN CAST(:until AS timestamptz) END
WHERE connection_id = :id"""

SUCCESS = """
UPDATE connection SET failures = 0, open_until = NULL, last_error = NULL
WHERE connection_id = :id AND (failures > 0 OR open_until IS NOT NULL)"""

FAILURES_TO_OPEN = 5
"""After so many failures in a row no call is made for a while."""

OPEN_FOR = timedelta(seconds=20)


@dataclass(frozen=True)
class ConnectionRow:
    """One connection. ``open_until``: no call to the vendor before this instant."""

    id: str
    vendor: str
    program: str
    company: str
    settings: Mapping[str, Any] = field(repr=False)
    settles_from: datetime
    leads: str
    binds_holds: bool
    state: str
    failures: int
    open_until: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class NewConnection:
    """A connection to be made; ``settings`` are the vendor's, secrets in the clear."""

    id: str
    vendor: str
    settings: Mapping[str, Any] = field(repr=False)
    settles_from: datetime
    binds_holds: bool = False
    program: str = "default"
    company: str = "default"


async def load(conn: AsyncConnection, ring: KeyRing, id: str) -> ConnectionRow:
    """The connection; raises UnknownConnection."""
    row = (await conn.execute(text(BY_ID), {"id": id})).first()
    if row is None:
        raise UnknownConnection(f"no connection {id!r}; see `renkei connections`")
    return _row(ring, row)


async def load_all(conn: AsyncConnection, ring: KeyRing) -> list[ConnectionRow]:
    """Every connection, by name."""
    return [_row(ring, row) for row in (await conn.execute(text(ALL))).all()]


async def insert(conn: AsyncConnection, ring: KeyRing, new: NewConnection, now: datetime) -> bool:
    """Add it; False when the name is taken."""
    sealed = ring.seal(json.dumps(dict(new.settings)).encode(), about(new.id))
    done = await conn.execute(
        text(INSERT),
        {
            "id": new.id,
            "vendor": new.vendor,
            "program": new.program,
            "company": new.company,
            "settings": sealed,
            "settles_from": new.settles_from,
            "binds": new.binds_holds,
            "now": now,
        },
    )
    return done.rowcount == 1


async def set_state(conn: AsyncConnection, id: str, state: str, error: str | None = None) -> bool:
    """Change the state; False when it was so already, so that it is told only once."""
    done = await conn.execute(text(STATE), {"id": id, "state": state, "error": error})
    return done.rowcount == 1


async def note_failure(conn: AsyncConnection, id: str, now: datetime, error: str) -> None:
    """Count a failed call; after several in a row the circuit opens for a while."""
    values = {"id": id, "error": error, "limit": FAILURES_TO_OPEN, "until": now + OPEN_FOR}
    await conn.execute(text(FAILURE), values)


async def note_success(conn: AsyncConnection, id: str) -> None:
    """A call went well: the circuit closes."""
    await conn.execute(text(SUCCESS), {"id": id})


def about(id: str) -> str:
    """What a connection's settings are sealed for."""
    return f"connection/{id}/settings"


def _row(ring: KeyRing, row: Any) -> ConnectionRow:
    settings = json.loads(ring.open(bytes(row[4]), about(row[0])))
    return ConnectionRow(row[0], row[1], row[2], row[3], settings, *row[5:])
