"""A connection's access token in the database; one refresher at a time across processes."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.connection import Token

READ = "SELECT token, expires_at FROM connection_token WHERE connection_id = :id"

LOCK = "SELECT 1 FROM connection WHERE connection_id = :id FOR NO KEY UPDATE"

WRITE = """
INSERT INTO connection_token (connection_id, token, expires_at) VALUES (:id, :token, :expires_at)
ON CONFLICT (connection_id) DO UPDATE
SET token = excluded.token, expires_at = excluded.expires_at"""


@dataclass(frozen=True)
class DatabaseTokens:
    """The contracts' TokenStore for one connection."""

    database: Database
    ring: KeyRing
    connection: str

    async def current(self) -> Token | None:
        """The token kept, expired or not."""
        async with self.database.begin() as conn:
            return await self._read(conn)

    async def replace(
        self, refused: Token | None, fetch: Callable[[Token | None], Awaitable[Token]]
    ) -> Token:
        """Fetch a new token under the connection's lock, unless ``refused`` was replaced before."""
        async with self.database.begin() as conn:
            await conn.execute(text(LOCK), {"id": self.connection})
            kept = await self._read(conn)
            if kept is not None and kept != refused:
                return kept
            fresh = await fetch(kept)
            await self._write(conn, fresh)
            return fresh

    async def _read(self, conn: AsyncConnection) -> Token | None:
        row = (await conn.execute(text(READ), {"id": self.connection})).first()
        if row is None:
            return None
        content = json.loads(self.ring.open(bytes(row[0]), self._about()))
        return Token(content["access"], _instant(row[1]), content["refresh"])

    async def _write(self, conn: AsyncConnection, token: Token) -> None:
        content = json.dumps({"access": token.access, "refresh": token.refresh}).encode()
        values = {
            "id": self.connection,
            "token": self.ring.seal(content, self._about()),
            "expires_at": token.expires_at,
        }
        await conn.execute(text(WRITE), values)

    def _about(self) -> str:
        return f"connection/{self.connection}/token"


def _instant(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None
