"""The life of a credential: another one in its place, a terminal shut out, and who there is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import UnknownTerminal
from renkei.services.till.terminals import (
    ADD_CREDENTIAL,
    ANY_TILL,
    LOOPBACK,
    SCOPES,
    NewCredential,
    new_credential,
)
from renkei.storage.sealed import KeyRing

IS_THERE = "SELECT 1 FROM terminal WHERE terminal_id = :id"

NEWEST = """
SELECT scopes, ARRAY(SELECT n::text FROM unnest(static_from) AS n) FROM terminal_credential
WHERE terminal_id = :id ORDER BY valid_from DESC, key_id DESC LIMIT 1"""

END = """
UPDATE terminal_credential SET valid_until = :until
WHERE terminal_id = :id AND (valid_until IS NULL OR valid_until > :until)"""

DISABLE = """
UPDATE terminal SET disabled_at = coalesce(disabled_at, :now) WHERE terminal_id = :id RETURNING 1"""

ENABLE = "UPDATE terminal SET disabled_at = NULL WHERE terminal_id = :id RETURNING 1"

LISTED = """
SELECT t.terminal_id, t.connection_id, t.store, t.till, t.label, t.disabled_at,
       count(c.key_id), coalesce(bool_or(:any = ANY(c.scopes)), false)
FROM terminal t LEFT JOIN terminal_credential c ON c.terminal_id = t.terminal_id
     AND c.valid_from <= :now AND (c.valid_until IS NULL OR c.valid_until > :now)
WHERE CAST(:c AS text) IS NULL OR t.connection_id = :c
GROUP BY t.terminal_id ORDER BY 2, 3, 4"""


@dataclass(frozen=True)
class ListedTerminal:
    """A terminal with how many credentials of it are valid now; an empty store: no till."""

    terminal: str
    connection: str
    store: str
    till: str
    label: str
    disabled_at: datetime | None
    credentials: int
    gateway: bool


async def rotate(
    conn: AsyncConnection,
    ring: KeyRing,
    new_id: Callable[[str], str],
    now: datetime,
    terminal: str,
    overlap: timedelta,
) -> NewCredential:
    """Another credential that may do the same; those before it end after ``overlap``.

    Also the first one of a till that a gateway has registered. Raises UnknownTerminal.
    """
    found = await conn.execute(text(IS_THERE), {"id": terminal})
    if found.first() is None:
        raise _unknown(terminal)
    newest = (await conn.execute(text(NEWEST), {"id": terminal})).first()
    scopes, networks = (newest[0], newest[1]) if newest else (SCOPES, LOOPBACK)
    await conn.execute(text(END), {"id": terminal, "until": now + overlap})
    new, row = new_credential(ring, new_id, now, terminal, scopes, networks)
    await conn.execute(text(ADD_CREDENTIAL), row)
    return new


async def disable(conn: AsyncConnection, terminal: str, now: datetime) -> None:
    """Refuse whatever it sends from now on, its tokens included; raises UnknownTerminal."""
    if (await conn.execute(text(DISABLE), {"id": terminal, "now": now})).first() is None:
        raise _unknown(terminal)


async def enable(conn: AsyncConnection, terminal: str) -> None:
    """Let it in again, with the credentials it had; raises UnknownTerminal."""
    if (await conn.execute(text(ENABLE), {"id": terminal})).first() is None:
        raise _unknown(terminal)


async def listed(
    conn: AsyncConnection, connection: str | None, now: datetime
) -> list[ListedTerminal]:
    """Every terminal, or those of one connection."""
    values = {"c": connection, "now": now, "any": ANY_TILL}
    return [ListedTerminal(*row) for row in (await conn.execute(text(LISTED), values)).all()]


def _unknown(terminal: str) -> UnknownTerminal:
    return UnknownTerminal(f"no terminal {terminal!r:.80}; see `renkei terminal list`")
