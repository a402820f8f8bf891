"""What was given up is put back, for the workers to try again; nothing is booked here.

What a delivery tells is booked by what it names: an order's older state changes nothing once a
newer one was seen, and a state that is booked already is booked no second time.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.clock import Clock
from renkei.connections.opened import OpenConnections
from renkei.errors import RequestInvalid
from renkei.messaging import dead_letters
from renkei.messaging.dead_letters import Letter
from renkei.messaging.reason import storable
from renkei.services.booking import EVER
from renkei.storage.engine import Database

_Act = Callable[[AsyncConnection, str, Sequence[str]], Awaitable[list[str]]]


@dataclass(frozen=True)
class Replay:
    """Lists what was given up or waits; puts back what was given up, or leaves it for good."""

    connections: OpenConnections
    database: Database
    clock: Clock

    async def dead(self, connection: str | None) -> list[Letter]:
        """What was given up, at one connection or at all. Raises UnknownConnection."""
        shops = await self._shops(connection)
        async with self.database.begin() as conn:
            return await dead_letters.dead(conn, shops)

    async def waiting(self, connection: str | None) -> list[Letter]:
        """What waits, at one connection or at all. Raises UnknownConnection."""
        shops = await self._shops(connection)
        async with self.database.begin() as conn:
            return await dead_letters.waiting(conn, shops)

    async def named(self, names: Sequence[str]) -> int:
        """Put back these, named connection/name: all of them or none; gives how many.

        Raises UnknownConnection; RequestInvalid for the first that was not given up.
        """

        async def back(conn: AsyncConnection, connection: str, some: Sequence[str]) -> list[str]:
            return await dead_letters.put_back(conn, connection, some, self.clock())

        return await self._all_or_none(names, back)

    async def dismiss(self, names: Sequence[str], by: str, reason: str) -> int:
        """Leave these deliveries, readings and balances for good, all or none; gives how many.

        ``by`` and ``reason`` are kept with a delivery and a balance; a reading is forgotten. Raises
        UnknownConnection; RequestInvalid for the first that was not given up, or is a code.
        """
        why = storable(f"dismissed by {by}: {reason}")

        async def left(conn: AsyncConnection, connection: str, some: Sequence[str]) -> list[str]:
            return await dead_letters.dismiss(conn, connection, some, why, self.clock())

        return await self._all_or_none(names, left)

    async def _all_or_none(self, names: Sequence[str], act: _Act) -> int:
        wanted: dict[str, list[str]] = {}
        for full in dict.fromkeys(names):
            connection, _, name = full.partition("/")
            wanted.setdefault(connection, []).append(name)
        for connection in wanted:
            await self.connections.require(connection)
        done = 0
        async with self.database.begin() as conn:
            for connection, some in sorted(wanted.items()):
                found = await act(conn, connection, some)
                await _require_all(conn, connection, some, found)
                done += len(found)
        return done

    async def everything(self, connections: Sequence[str], since: datetime | None = None) -> int:
        """Put back all that was given up at these connections, batch by batch; gives how many.

        Only what came in from ``since`` on, if that is given. What ends it leaves what was put back
        so far. Raises UnknownConnection, before anything was.
        """
        every = dict.fromkeys(connections)
        for connection in every:
            await self.connections.require(connection)
        queues = [(connection, queue) for connection in every for queue in dead_letters.BACK]
        return sum([await self._all_of(*one, since or EVER) for one in queues])

    async def _all_of(self, connection: str, queue: str, since: datetime) -> int:
        reached: dead_letters.Reached | None = None
        back = 0
        while True:
            async with self.database.begin() as conn:
                now = self.clock()
                reached = await dead_letters.put_back_next(
                    conn, connection, queue, since, now, reached
                )
            if reached is None:
                return back
            back += reached.back

    async def _shops(self, connection: str | None) -> list[str]:
        if connection is not None:
            return [(await self.connections.require(connection)).id]
        return [row.id for row in await self.connections.rows()]


async def _require_all(
    conn: AsyncConnection, connection: str, names: Sequence[str], found: Sequence[str]
) -> None:
    missing = [name for name in names if name not in found]
    if not missing:
        return
    stands = await dead_letters.stands(conn, connection, missing[0])
    why = stands or "nothing has this name"
    raise RequestInvalid(
        "name", f"{connection}/{missing[0]}", f"{why}; see `renkei queue --dead`; nothing was done"
    )
