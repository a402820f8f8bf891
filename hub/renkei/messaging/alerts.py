"""Alerts: what a person should look at, each raised once. Holds no personal data."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

RAISE = """
INSERT INTO alert (alert_id, kind, connection_id, order_ref, message, raised_at)
VALUES (:id, :kind, :c, :order, :message, :now) ON CONFLICT (alert_id) DO NOTHING"""

OF_CONNECTIONS = """
SELECT connection_id, message FROM alert
WHERE kind = ANY(:kinds) AND closed_at IS NULL ORDER BY connection_id, raised_at"""

LISTED = """
SELECT alert_id, kind, connection_id, order_ref, raised_at, message, closed_at, closed_by
FROM alert
WHERE (closed_at IS NOT NULL) = :closed AND (CAST(:c AS text) IS NULL OR connection_id = :c)
ORDER BY coalesce(closed_at, raised_at) DESC, alert_id LIMIT :most"""

CLOSE = """
UPDATE alert SET closed_at = :now, closed_by = :by
WHERE alert_id = ANY(CAST(:ids AS text[])) AND closed_at IS NULL AND kind <> ALL(:but)
RETURNING alert_id"""


class Raised(NamedTuple):
    """One as it is kept. ``closed_by``: a person; None: nobody yet, or it ended by itself."""

    id: str
    kind: str
    connection: str | None
    order: str | None
    raised_at: datetime
    message: str
    closed_at: datetime | None
    closed_by: str | None


@dataclass(frozen=True)
class Alert:
    """One thing to look at; the same ``subject`` at the same connection is raised once."""

    kind: str
    connection: str
    subject: str
    message: str
    order: str | None = None

    @property
    def id(self) -> str:
        """Always the same for the same thing."""
        name = "\x1f".join((self.kind, self.connection, self.subject))
        return f"alr_{hashlib.sha256(name.encode()).hexdigest()[:32]}"


async def raise_all(conn: AsyncConnection, alerts: Sequence[Alert], now: datetime) -> None:
    """Record them; those raised before stay as they are."""
    rows = [
        {
            "id": alert.id,
            "kind": alert.kind,
            "c": alert.connection,
            "order": alert.order,
            "message": alert.message,
            "now": now,
        }
        for alert in sorted(alerts, key=lambda alert: alert.id)
    ]
    if rows:
        await conn.execute(text(RAISE), rows)


async def standing(conn: AsyncConnection, kinds: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What the alerts of these kinds say, by connection, as long as nobody has closed them."""
    found: dict[str, tuple[str, ...]] = {}
    for connection, message in (
        await conn.execute(text(OF_CONNECTIONS), {"kinds": list(kinds)})
    ).all():
        found[connection] = (*found.get(connection, ()), message)
    return found


async def listed(
    conn: AsyncConnection, connection: str | None, most: int, *, closed: bool
) -> list[Raised]:
    """The open ones or the closed, the newest first, of one connection or of all."""
    values = {"c": connection, "most": most, "closed": closed}
    rows = (await conn.execute(text(LISTED), values)).all()
    return [Raised(*row) for row in rows]


async def close(
    conn: AsyncConnection, ids: Sequence[str], but: Sequence[str], by: str, now: datetime
) -> set[str]:
    """Close these, a person having looked; gives which were open and of no kind in ``but``."""
    values = {"ids": list(ids), "but": list(but), "by": by, "now": now}
    return set((await conn.execute(text(CLOSE), values)).scalars())
