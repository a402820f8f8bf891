"""What a new installation has from the start: a program, a company, and tills of no vendor."""

import json
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.connections import store
from renkei.connections.store import NewConnection
from renkei.errors import ConfigInvalid, SealBroken, UnknownConnection
from renkei.loyalty.program import DEFAULT
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import SettingsInvalid

COMPANY = "default"
TILLS = "pos"
"""The connection of registers that call /pos/v1 and have no plugin."""

PROGRAM = """
INSERT INTO program (program_id, title, zone) VALUES (:id, :title, :zone) ON CONFLICT DO NOTHING"""

VERSION = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES (:id, 1, '1970-01-01Z', CAST(:document AS json)) ON CONFLICT DO NOTHING"""

COMPANIES = "INSERT INTO company (company_id, title) VALUES (:id, :id) ON CONFLICT DO NOTHING"

CONNECTION = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, '', :program, :company, :settings, '1970-01-01Z', 'hub', true, 'active',
        clock_timestamp())
ON CONFLICT DO NOTHING"""


SEALED = f"SELECT settings FROM connection WHERE connection_id = '{TILLS}'"
"""What was sealed first in a database: only the key that it was made with opens it."""

ABOUT = f"connection/{TILLS}/settings"


async def is_there(conn: AsyncConnection) -> bool:
    """Whether somebody has begun to use this database: then it has its key already."""
    return (await conn.execute(text(SEALED))).first() is not None


async def require_key(conn: AsyncConnection, ring: KeyRing, where: str) -> None:
    """Raise ConfigInvalid where the database was made with another key; ``where`` names ours.

    With another one nobody's identities would be found, and every known card would be a stranger's.
    """
    try:
        ring.open((await conn.execute(text(SEALED))).scalar_one(), ABOUT)
    except SealBroken:
        raise ConfigInvalid(
            f"{where} is not the secret key that this database was made with: put the hub's own "
            "key back; without it no member is found again"
        ) from None


async def ensure(conn: AsyncConnection, ring: KeyRing) -> None:
    """Create what is missing; does nothing on an installation that has it."""
    program = {"id": DEFAULT.id, "title": DEFAULT.title, "zone": DEFAULT.zone}
    await conn.execute(text(PROGRAM), program)
    document = json.dumps(DEFAULT.model_dump(mode="json"), ensure_ascii=False)
    await conn.execute(text(VERSION), {"id": DEFAULT.id, "document": document})
    await conn.execute(text(COMPANIES), {"id": COMPANY})
    settings = ring.seal(b"{}", ABOUT)
    values = {"id": TILLS, "program": DEFAULT.id, "company": COMPANY, "settings": settings}
    await conn.execute(text(CONNECTION), values)


async def ensure_own_cart(conn: AsyncConnection, ring: KeyRing, id: str, now: datetime) -> None:
    """A connection of no vendor, for a merchant's own cart; one that is there stays as it is.

    Its orders count from the start of this minute. Raises SettingsInvalid where the name is a
    vendor's, or none.
    """
    try:
        vendor = (await store.load(conn, id)).vendor
    except UnknownConnection:
        store.require_slug(id)
        since = now.replace(second=0, microsecond=0)
        await store.insert(conn, ring, NewConnection(id, "", {}, since, binds_holds=True), now)
        return
    if vendor:
        raise SettingsInvalid(f"{id} is a connection to {vendor}: give your own cart another name")
