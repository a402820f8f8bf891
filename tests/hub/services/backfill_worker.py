"""A hub's worker as a process of its own, for a test to kill; the environment has its settings."""

import asyncio
from datetime import timedelta

from renkei.bootstrap import open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.worker import Pace, run_worker
from renkei_contracts.reference.cart import VENDOR

PACE = Pace(tick=0.02, poll_interval=timedelta(seconds=1), rest_after_fault=0.05)


async def main() -> None:
    """Work until killed."""
    registry = Registry({VENDOR.name: VENDOR})
    async with open_hub(Settings(), registry=registry) as hub:
        await run_worker(hub, asyncio.Event(), PACE)


if __name__ == "__main__":
    asyncio.run(main())
