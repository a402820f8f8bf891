"""Connections as rows: settings sealed, the state, and the circuit that spares a vendor in trouble.

The circuit opens after some failures in a row and then waits ever longer; one success closes it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import UnknownConnection
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import SettingsInvalid

State = Literal["active", "paused", "needs_authorization"]
Leads = Literal["hub", "vendor"]

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

FAILURES_ALLOWED = 5
SHORTEST_BREAK = timedelta(seconds=5)
LONGEST_BREAK = timedelta(minutes=5)
REASON_LENGTH = 500

COLUMNS = """connection_id, vendor, program_id, company_id, settings, settles_from, leads,
       binds_holds, state, failures, open_until, last_error"""

ALL = f"SELECT {COLUMNS} FROM connection ORDER BY connection_id"

ONE = f"SELECT {COLUMNS} FROM connection WHERE connection_id = :id"

INSERT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, :vendor, :program, :company, :settings, :since, :leads, :binds, 'active', :now)"""

SETTINGS = "UPDATE connection SET settings = :settings WHERE connection_id = :id"

STATE = """
UPDATE connection SET state = :state, last_error = :reason
WHERE connection_id = :id AND state <> :state
  AND (CAST(:used AS bytea) IS NULL OR settings = :used)"""

FAILURE = """
UPDATE connection SET failures = failures + 1, last_error = :reason,
    open_until = greatest(open_until, CAST(:until AS timestamptz),
        CASE WHEN failures + 1 < :allowed THEN NULL
             ELSE :now + least(CAST(:longest AS interval),
                               CAST(:shortest AS interval)
                               * power(2, least(failures + 1 - :allowed, 20)))
        END)
WHERE connection_id = :id"""

# What is answered while the circuit is open was asked before it opened.
SUCCESS = """
UPDATE connection SET failures = 0, open_until = NULL, last_error = NULL
WHERE connection_id = :id AND (failures > 0 OR open_until IS NOT NULL)
  AND coalesce(open_until <= :now, true)"""


@dataclass(frozen=True)
class NewConnection:
    """A connection to be added; ``settings`` are the vendor's own, secrets included."""

    id: str
    vendor: str
    settings: Mapping[str, Any] = field(repr=False)
    settles_from: datetime
    program: str = "default"
    company: str = "default"
    leads: Leads = "hub"
    binds_holds: bool = False


@dataclass(frozen=True)
class ConnectionRow:
    """A connection as it is kept. ``sealed`` are its settings, secrets included.

    ``open_until``: no call to the vendor before this instant.
    """

    id: str
    vendor: str
    program: str
    company: str
    sealed: bytes = field(repr=False)
    settles_from: datetime
    leads: Leads
    binds_holds: bool
    state: State
    failures: int
    open_until: datetime | None
    last_error: str | None

    def settings(self, ring: KeyRing) -> dict[str, Any]:
        """The settings; raises SealBroken."""
        opened: dict[str, Any] = json.loads(ring.open(self.sealed, _about(self.id)))
        return opened


def _about(id: str) -> str:
    return f"connection/{id}/settings"


def _sealed(ring: KeyRing, id: str, settings: Mapping[str, Any]) -> bytes:
    return ring.seal(json.dumps(dict(settings), ensure_ascii=False).encode(), _about(id))


def _row(row: Any) -> ConnectionRow:
    return ConnectionRow(row[0], row[1], row[2], row[3], bytes(row[4]), *row[5:])


def require_slug(id: str) -> None:
    """Raise SettingsInvalid unless it can be the name of a connection."""
    if not SLUG.fullmatch(id):
        raise SettingsInvalid(f"{id!r} is no name: use a-z, 0-9 and hyphens, at most 63")


async def load_all(conn: AsyncConnection) -> list[ConnectionRow]:
    """Every connection, by name."""
    return [_row(row) for row in (await conn.execute(text(ALL))).all()]


async def load(conn: AsyncConnection, id: str) -> ConnectionRow:
    """One connection; raises UnknownConnection."""
    row = (await conn.execute(text(ONE), {"id": id})).first()
    if row is None:
        raise UnknownConnection(f"no connection {id}; see `renkei connections`")
    return _row(row)


async def insert(conn: AsyncConnection, ring: KeyRing, new: NewConnection, now: datetime) -> None:
    """Add a connection, active at once; raises IntegrityError when the name is taken."""
    values = {
        "id": new.id,
        "vendor": new.vendor,
        "program": new.program,
        "company": new.company,
        "settings": _sealed(ring, new.id, new.settings),
        "since": new.settles_from,
        "leads": new.leads,
        "binds": new.binds_holds,
        "now": now,
    }
    await conn.execute(text(INSERT), values)


async def set_settings(
    conn: AsyncConnection, ring: KeyRing, id: str, settings: Mapping[str, Any]
) -> None:
    """Replace the settings."""
    await conn.execute(text(SETTINGS), {"id": id, "settings": _sealed(ring, id, settings)})


async def set_state(
    conn: AsyncConnection,
    id: str,
    state: State,
    reason: str | None = None,
    used: bytes | None = None,
) -> bool:
    """Change the state; gives whether it was another one before.

    ``used``, sealed settings: only if they are the connection's still.
    """
    values = {
        "id": id,
        "state": state,
        "reason": reason and reason[:REASON_LENGTH],
        "used": used,
    }
    return (await conn.execute(text(STATE), values)).rowcount == 1


async def note_failure(
    conn: AsyncConnection, id: str, now: datetime, reason: str, until: datetime | None = None
) -> None:
    """Count a failure of the vendor; ``until`` is when it said that we may come again."""
    values = {
        "id": id,
        "now": now,
        "reason": reason[:REASON_LENGTH],
        "until": until,
        "allowed": FAILURES_ALLOWED,
        "shortest": SHORTEST_BREAK,
        "longest": LONGEST_BREAK,
    }
    await conn.execute(text(FAILURE), values)


async def note_success(conn: AsyncConnection, id: str, now: datetime) -> None:
    """The vendor works: the circuit is closed, unless it has just been opened until later."""
    await conn.execute(text(SUCCESS), {"id": id, "now": now})
