"""A connection's access token in the database, sealed; one refresher at a time, whatever process.

A refresh token is often good for one use: two refreshers would lock each other out.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from renkei.storage.sealed import KeyRing
from renkei_contracts.connection import Token

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('connection_token/' || :c, 0))"

READ = "SELECT token FROM connection_token WHERE connection_id = :c"

KEEP = """
INSERT INTO connection_token (connection_id, token, expires_at) VALUES (:c, :token, :expires_at)
ON CONFLICT (connection_id) DO UPDATE
SET token = excluded.token, expires_at = excluded.expires_at"""


@dataclass(frozen=True)
class DatabaseTokens:
    """The token store of one connection.

    ``refreshing`` must have no pool: it is held while the vendor is called, and a slow vendor must
    take no connection from others.
    """

    engine: AsyncEngine = field(repr=False)
    refreshing: AsyncEngine = field(repr=False)
    ring: KeyRing
    connection: str

    async def current(self) -> Token | None:
        """The token kept, expired or not."""
        async with self.engine.begin() as conn:
            return await self._read(conn)

    async def replace(
        self, refused: Token | None, fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> Token:
        """Fetch and keep a new token, unless somebody else has replaced ``refused`` meanwhile."""
        async with self.refreshing.begin() as conn:
            await conn.execute(text(LOCK), {"c": self.connection})
            kept = await self._read(conn)
            if kept is not None and (refused is None or kept.access != refused.access):
                return kept
            token = await fetch(kept)
            await keep(conn, self.ring, self.connection, token)
        return token

    async def _read(self, conn: AsyncConnection) -> Token | None:
        sealed = (await conn.execute(text(READ), {"c": self.connection})).scalar_one_or_none()
        if sealed is None:
            return None
        kept = json.loads(self.ring.open(bytes(sealed), _about(self.connection)))
        at = kept["expires_at"]
        return Token(kept["access"], at and datetime.fromisoformat(at), kept["refresh"])


async def keep(conn: AsyncConnection, ring: KeyRing, connection: str, token: Token) -> None:
    """Keep the token, sealed, in place of the one before."""
    at = token.expires_at
    content = {
        "access": token.access,
        "expires_at": at and at.isoformat(),
        "refresh": token.refresh,
    }
    sealed = ring.seal(json.dumps(content).encode(), _about(connection))
    values = {"c": connection, "token": sealed, "expires_at": token.expires_at}
    await conn.execute(text(KEEP), values)


def _about(connection: str) -> str:
    return f"connection/{connection}/token"
