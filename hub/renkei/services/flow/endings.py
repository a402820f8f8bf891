"""What time alone ends or brings is booked by one process, in bounded batches, found by an index.

Balances have counted it before, and mirror rows know the moment: nobody waits for this. What a
process that has lost the job still submits is decided under the member's lock, and books nothing
twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import structlog

from renkei.clock import Clock
from renkei.messaging import inbox, jobs
from renkei.services.booking import EVER, Booking
from renkei.services.members import look_ups
from renkei.services.till import terminals

log = structlog.get_logger(__name__)

JOB = "endings"

ROUNDS = 50
"""Batches of one kind in one turn: after a month's end another kind has its turn between."""

EMPTIED = 500
"""Deliveries in one batch: bodies of two megabytes are allowed, and their bytes are not read."""

BACK = timedelta(days=1)
"""Holds whose end lies so far back are looked for again: some are booked late."""


@dataclass
class Endings:
    """Ends what is over. ``owner`` names this process; ``keeps``: for how long bytes are kept."""

    booking: Booking
    clock: Clock
    owner: str
    keeps: timedelta
    epoch: int | None = None
    lapsed_until: datetime = EVER
    slid_at: datetime = EVER

    SLIDES_EVERY: ClassVar[timedelta] = timedelta(minutes=15)
    """Sliding points end at a midnight, and every time zone has it at a quarter of an hour."""

    async def end_what_is_over(self) -> None:
        """One turn, where the job is ours."""
        if not await self._is_ours():
            return
        await self._drain(self._lapse)
        await self._drain(self.booking.expire_lots)
        if self.clock() - self.slid_at >= self.SLIDES_EVERY:
            began = self.clock()
            if await self._drain(self.booking.expire_slid):
                self.slid_at = began
        await self._drain(self.booking.reach_tiers)
        await self._drain(self._empty)
        await self._forget()

    async def leave(self) -> None:
        """Let another process go on at once."""
        async with self.booking.database.begin() as conn:
            await jobs.leave(conn, JOB, self.owner)

    async def _is_ours(self) -> bool:
        async with self.booking.database.begin() as conn:
            epoch = await jobs.keep(conn, JOB, self.owner)
        if epoch is not None and epoch != self.epoch:
            log.info("job_taken", job=JOB, epoch=epoch)
            self.lapsed_until = self.slid_at = EVER  # what others left may lie anywhere
        self.epoch = epoch
        return epoch is not None

    async def _drain(self, end: Callable[[], Awaitable[int]]) -> bool:
        """Batch after batch, as long as the job is ours; gives whether nothing is left."""
        for _ in range(ROUNDS):
            if not await self._is_ours():
                return False
            if not await end():
                return True
        return False

    async def _lapse(self) -> int:
        now = self.clock()
        found = await self.booking.lapsed(self.lapsed_until)
        if not found:
            self.lapsed_until = now - BACK
        return await self.booking.lapse(found)

    async def _empty(self) -> int:
        async with self.booking.database.begin() as conn:
            return await inbox.empty(conn, self.clock() - self.keeps, EMPTIED)

    async def _forget(self) -> None:
        async with self.booking.database.begin() as conn:
            await terminals.forget_old_nonces(conn, self.clock())
            await look_ups.forget_old_codes(conn, self.clock())
