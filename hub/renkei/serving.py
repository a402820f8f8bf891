"""The web application and the worker in one process: started together, drained in their order."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn

from renkei.web.app import build_app
from renkei.web.head import BoundedHead
from renkei.worker import Pace, run_worker

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20
"""How long requests that are under way at the end may take."""


class _Server(uvicorn.Server):
    """Leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Running:
    """What runs; ``worker`` is None where this process works nothing off."""

    server: uvicorn.Server
    web: asyncio.Task[None]
    worker: asyncio.Task[None] | None
    worker_stop: asyncio.Event
    leaving: asyncio.Event

    @property
    def parts(self) -> dict[str, asyncio.Task[None]]:
        """The tasks by name."""
        return {"web": self.web} | ({"worker": self.worker} if self.worker else {})

    async def until(self, stop: asyncio.Event, seconds: float | None = None) -> None:
        """Wait until ``stop``, or until a part has ended by itself, or for so long."""
        waiting = asyncio.create_task(stop.wait())
        parts = {*self.parts.values(), waiting}
        await asyncio.wait(parts, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def linger(self, seconds: float, hurry: asyncio.Event) -> None:
        """Serve on for so long, or until ``hurry``, while /readyz sends callers elsewhere."""
        self.leaving.set()
        await self.until(hurry, seconds)

    async def drain(self) -> bool:
        """Finish the requests, then the work; gives whether every part ended well."""
        self.leaving.set()
        self.server.should_exit = True
        await asyncio.wait({self.web})
        self.worker_stop.set()
        await asyncio.wait(self.parts.values())
        failed = {name: task for name, task in self.parts.items() if task.exception()}
        for name, task in failed.items():
            log.error("part_failed", part=name, exc_info=task.exception())
        return not failed


@asynccontextmanager
async def running(
    hub: "Hub", listener: socket.socket, pace: Pace | None = None
) -> AsyncIterator[Running]:
    """Run both while the block runs; whoever leaves it early drains them, too."""
    app = build_app(hub)
    server = web_server(app)
    web = asyncio.create_task(server.serve(sockets=[listener]))
    stop = asyncio.Event()
    working = hub.settings.workers
    worker = asyncio.create_task(run_worker(hub, stop, pace)) if working else None
    started = Running(server, web, worker, stop, app.state.leaving)
    try:
        yield started
    finally:
        await started.drain()


def stop_on_signals(hurry: asyncio.Event | None = None) -> asyncio.Event:
    """An event that these signals set; SIGINT, and a second one, set ``hurry``, too.

    SIGHUP, of a terminal that is closed, is none of them where it is ignored, as under nohup.
    """
    stop = asyncio.Event()

    def asked(number: signal.Signals) -> None:
        if hurry is not None and (number == signal.SIGINT or stop.is_set()):
            hurry.set()
        stop.set()

    loop = asyncio.get_running_loop()
    heard = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    for number in heard:
        loop.add_signal_handler(number, asked, number)
    return stop


def web_server(app: Any) -> uvicorn.Server:
    """A server of the application; its addresses may hold secrets, so there is no access log."""
    return _Server(
        uvicorn.Config(
            app,
            http=BoundedHead,
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
