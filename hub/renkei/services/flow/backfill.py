"""Back-fill: a connection's past is read page after page beside its polls, and says how far it is.

What was placed before the connection's orders count is kept as history: it earns nothing, and tells
what a member bought before.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.errors import RequestInvalid
from renkei.messaging import polls
from renkei.messaging.polls import Kind
from renkei.storage.engine import Database
from renkei_contracts.errors import UnsupportedFeature
from renkei_contracts.toolkit.japanese import JST

PROGRESS = """
SELECT split_part(kind, '_', 1) || 's', began, since, ends, pages, items, failures
FROM poll WHERE connection_id = :c AND ends IS NOT NULL ORDER BY kind"""


@dataclass(frozen=True)
class Progress:
    """How far the past has been read: changes from ``began`` up to ``read_to``, of ``ends``.

    ``pages`` of ``items`` have been read and booked; ``failures`` are tries in a row that failed.
    """

    what: str
    began: datetime
    read_to: datetime
    ends: datetime
    pages: int
    items: int
    failures: int

    @property
    def done(self) -> bool:
        """Whether all of it was read."""
        return self.read_to >= self.ends

    @property
    def percent(self) -> int:
        """How much of the time has been read; 100 only once it is done."""
        return 100 * (self.read_to - self.began) // (self.ends - self.began)


@dataclass(frozen=True)
class Backfill:
    """Begins to read a connection's past, and says how far that is; the worker does the reading."""

    connections: OpenConnections
    database: Database
    clock: Clock

    async def begin(self, connection: str, since: datetime) -> None:
        """Read what changed from ``since`` on, before the connection's orders count.

        Told again while it runs, it goes on as it does; told of an earlier time when it is done,
        it is carried on back to that. Raises UnknownConnection, RequestInvalid where nothing lies
        between, and UnsupportedFeature where the plugin reads nothing.
        """
        opened = await self.connections.get(connection)
        ends = opened.row.settles_from
        if since >= ends:
            first = ends.astimezone(JST).isoformat(timespec="seconds")
            why = f"orders count from {first} on, and polls read them: name an earlier day"
            raise RequestInvalid("since", since.isoformat(), why)
        kinds: list[Kind] = ["order_history"] if opened.vendor.orders is not None else []
        kinds += ["member_history"] if opened.vendor.members is not None else []
        if not kinds:
            raise UnsupportedFeature(f"the plugin {opened.row.vendor} reads no orders or members")
        async with self.database.begin() as conn:
            await polls.backfill(conn, connection, kinds, since, ends, self.clock())

    async def progress(self, connection: str) -> list[Progress]:
        """By kind; empty where no back-fill was begun. Raises UnknownConnection."""
        await self.connections.require(connection)
        async with self.database.begin() as conn:
            rows = (await conn.execute(text(PROGRESS), {"c": connection})).all()
        return [Progress(*row) for row in rows]
