"""A hub's node as a process of its own, as `renkei serve` runs it, for a test to ask and to break.

usage: node_process.py PLUGIN [PORT [CLOCK]]   (the module of its vendor; the hub's settings in the
environment; the file CLOCK holds the seconds by which the node's clock is ahead)

Its address is the first line on stdout; what it logs goes to stderr. SIGTERM ends it.
"""

import importlib
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from socket import socket

from renkei.bootstrap import open_hub
from renkei.cli.logs import configure_logs
from renkei.cli.running import run_async
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


async def serve(plugin: str, listener: socket, clock: Clock) -> None:
    """Serve until told to stop."""
    stop = stop_on_signals()
    vendor = importlib.import_module(plugin).VENDOR
    registry = Registry({vendor.name: vendor})
    async with (
        open_hub(load_settings(), clock=clock, registry=registry) as hub,
        running(hub, listener, PACE) as parts,
    ):
        sys.stdout.write(f"{url_of(listener)}\n")
        sys.stdout.flush()
        await parts.until(stop)


def main(plugin: str, port: str = "0", clock: str = "") -> None:
    """Listen first, so that a taken port is said at once."""
    configure_logs("info", sys.stderr)
    with closing(listen("127.0.0.1", int(port))) as listener:
        run_async(serve(plugin, listener, clock_of(Path(clock)) if clock else utcnow))


if __name__ == "__main__":
    main(*sys.argv[1:])
