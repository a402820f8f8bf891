"""Starts the hub's own PostgreSQL again where its supervisor has given up, as on a full disk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from renkei.storage import embedded
from renkei.storage.embedded import EmbeddedRefused

log = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between two looks, and how long one may wait for the server."""


@asynccontextmanager
async def kept_up(
    home: Path, binaries: Path | None = None, every: float = EVERY
) -> AsyncIterator[None]:
    """While the block runs, look ``every`` so many seconds; why it cannot be started is logged."""
    keeping = asyncio.create_task(_keep(home, binaries, every))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def _keep(home: Path, binaries: Path | None, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        try:
            await asyncio.to_thread(embedded.start_again, home, wait=every, binaries=binaries)
        except EmbeddedRefused as refusal:
            log.error("database_stopped", reason=str(refusal).splitlines()[0])
