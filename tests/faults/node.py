"""A node of the hub as a process of its own, for a test to break.

usage: node.py PORT CLOCK   (settings in the environment; the file CLOCK holds the seconds by which
the node's clock is ahead)

What `renkei serve` runs, with the invented cart in the place of the installed plugins.
"""

import asyncio
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket

from fault_vendor import VENDOR

from renkei.bootstrap import open_hub
from renkei.cli.logs import configure_logs
from renkei.clock import Clock, utcnow
from renkei.config import load_settings
from renkei.listening import listen, url_of
from renkei.registry import Registry
from renkei.serving import running, stop_on_signals
from renkei.worker import Pace

PACE = Pace(tick=0.05, rest_after_fault=0.1, longest_rest=1.0)


def clock_of(file: Path) -> Clock:
    """The machine's clock, ahead by what the file says at that moment."""

    def now() -> datetime:
        return utcnow() + timedelta(seconds=float(file.read_text() or 0))

    return now


async def serve(listener: socket, clock: Clock) -> None:
    """Serve until told to stop."""
    stop = stop_on_signals()
    registry = Registry({VENDOR.name: VENDOR})
    async with (
        open_hub(load_settings(), clock=clock, registry=registry) as hub,
        running(hub, listener, PACE) as parts,
    ):
        sys.stdout.write(f"listens on {url_of(listener)}\n")
        sys.stdout.flush()
        await parts.until(stop)


def main(port: str, clock: str) -> None:
    """Listen first, so that a taken port is said at once."""
    configure_logs("info", sys.stderr)
    with closing(listen("127.0.0.1", int(port))) as listener:
        asyncio.run(serve(listener, clock_of(Path(clock))))


if __name__ == "__main__":
    main(*sys.argv[1:])
