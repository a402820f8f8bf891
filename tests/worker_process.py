"""A hub's worker as a process of its own, for a test to kill.

usage: worker_process.py PLUGIN   (the module of its vendor; the hub's settings in the environment)
"""

import asyncio
import importlib
import sys
from datetime import timedelta

from renkei.bootstrap import open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.worker import Pace, run_worker

PACE = Pace(tick=0.02, poll_interval=timedelta(seconds=1), rest_after_fault=0.05)


async def main(plugin: str) -> None:
    """Work until killed."""
    vendor = importlib.import_module(plugin).VENDOR
    async with open_hub(Settings(), registry=Registry({vendor.name: vendor})) as hub:
        await run_worker(hub, asyncio.Event(), PACE)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
