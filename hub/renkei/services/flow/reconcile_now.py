"""Reconciliation on command: compare a connection now, and have what differs put right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from renkei.connections.opened import OpenConnection
from renkei.messaging import changed, compared, polls, reconciliations
from renkei.messaging.changed import Hint
from renkei.messaging.drift import Drift
from renkei.messaging.reconciliations import Outcome
from renkei.messaging.retry import pause
from renkei.services.flow.lanes import Tools
from renkei.services.flow.read_polls import ReadPolls
from renkei.services.flow.reconcile import comparable
from renkei_contracts.errors import AuthenticationFailed, Unavailable, UnsupportedFeature

LOOKS = 0.2
"""Seconds between two looks at how far another process is."""

PATIENCE = timedelta(minutes=1)
"""A vendor that wants to be left alone for longer is not waited for."""

TRIES = 5
"""Failures in a row after which a person is told."""


@dataclass(frozen=True)
class Repaired:
    """What was ordered: balances to be written, orders to be read, and what a person must see to.

    The workers do it; the next comparison shows what came of it.
    """

    balances: int
    orders: int
    left: int


@dataclass(frozen=True)
class ReconcileNow:
    """Compares without waiting for the night, beside whatever process works."""

    tools: Tools

    async def compare(self, connection: str) -> Outcome:
        """Compare to the end, or see another process do it.

        Raises UnknownConnection; UnsupportedFeature where there is nothing to compare;
        AuthenticationFailed or Unavailable where the vendor cannot be asked: what was compared is
        kept, and goes on by itself.
        """
        asked, work = self.tools.clock(), ReadPolls(self.tools)
        opened = await self.tools.connections.get(connection)
        if not comparable(opened.vendor):
            raise UnsupportedFeature(f"{connection}: {opened.row.vendor} has nothing to compare")
        await work.begin(opened)
        while (found := await self.last(connection)) is None or found.finished_at < asked:
            await self._until_willing(opened)
            async with self.tools.database.begin() as conn:
                await polls.hurry(conn, connection, "reconcile", self.tools.clock())
            if await work.work(connection, "reconcile") == 0:
                await asyncio.sleep(LOOKS)
            opened = await self.tools.connections.get(connection)
        return found

    async def connections(self) -> list[str]:
        """Those that work and have something to compare, by name."""
        known = self.tools.connections.registry.vendors
        return [
            row.id
            for row in await self.tools.connections.rows()
            if row.state == "active" and row.vendor in known and comparable(known[row.vendor])
        ]

    async def last(self, connection: str) -> Outcome | None:
        """What the newest finished comparison found. Raises UnknownConnection."""
        await self.tools.connections.require(connection)
        async with self.tools.database.begin() as conn:
            return next(iter(await reconciliations.newest(conn, connection)), None)

    async def differing(self, connection: str, limit: int) -> list[Drift]:
        """What differs, the longest standing first."""
        async with self.tools.database.begin() as conn:
            return await reconciliations.oldest(conn, connection, limit)

    async def repair(self, connection: str) -> Repaired:
        """Have every balance that differs written again, and orders that are missing or old read.

        Nothing is booked by it: an order that is read is settled like any other.
        """
        balances = await self._push_again(connection)
        orders = await self._read_again(connection)
        async with self.tools.database.begin() as conn:
            found = await reconciliations.newest(conn, connection)
        left = sum(one.drift["unbacked"] for one in found)
        return Repaired(balances, orders, left)

    async def _push_again(self, connection: str) -> int:
        """Page by page, each by itself: a shop that differs in everything holds up nobody."""
        last: str | None = ""
        ordered = 0
        while last is not None:
            async with self.tools.database.begin() as conn:
                now = self.tools.clock()
                last, more = await compared.push_again(conn, connection, last, now)
            ordered += more
        return ordered

    async def _read_again(self, connection: str) -> int:
        last, ordered = "", 0
        while True:
            async with self.tools.database.begin() as conn:
                orders = await compared.orders_to_read(conn, connection, last)
                await changed.hint(conn, _hints(connection, orders, self.tools.clock()))
            if not orders:
                return ordered
            last, ordered = orders[-1], ordered + len(orders)

    async def _until_willing(self, opened: OpenConnection) -> None:
        """Wait while the vendor wants to be left alone, as long as that is bearable."""
        row, now = opened.row, self.tools.clock()
        if row.state != "active":
            raise AuthenticationFailed(
                f"{row.id} is {row.state}, so nothing was compared: let it work again first "
                f"(`renkei connect {row.vendor} --id {row.id} --replace`)"
            )
        async with self.tools.database.begin() as conn:
            failures = await polls.failures(conn, row.id, "reconcile")
        wait = pause(failures) if failures else timedelta()
        if row.open_until is not None:
            wait = max(wait, row.open_until - now)
        if failures >= TRIES or wait > PATIENCE:
            why = f": {row.last_error}" if row.last_error else ""
            raise Unavailable(
                f"{row.id} is not compared to the end{why}; `renkei serve` goes on by itself"
            )
        await asyncio.sleep(wait.total_seconds())


def _hints(connection: str, orders: Sequence[str], now: datetime) -> list[Hint]:
    return [Hint(connection, "order", id, now) for id in orders]
