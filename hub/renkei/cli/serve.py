"""``renkei serve``: the web application and the worker in one process, until it is told to stop."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
import uvicorn

from renkei.cli.hubs import opened
from renkei.cli.invocation import invocation, require_data_dir
from renkei.cli.listening import listen, url_of
from renkei.cli.logs import configure_logs
from renkei.cli.running import missing_fast_parts, run_async
from renkei.cli.screen import output
from renkei.config import Settings

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20
"""How long requests that are under way at the end may take."""


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on; 0: a free one")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error")] = None,
    workers: Annotated[
        bool | None, typer.Option("--workers/--no-workers", help="also work off what comes in")
    ] = None,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C; what is under way is finished first."""
    given = invocation(context)
    settings = given.load(host=host, port=port, log_level=log_level, workers=workers)
    with closing(listen(settings.host, settings.port)) as listener:
        require_data_dir(settings)
        configure_logs("debug" if given.debug else settings.log_level, sys.stdout)
        if missing := missing_fast_parts():
            log.warning("slower_without", missing=missing, mend="pip install " + " ".join(missing))
        code = run_async(_run(settings, listener))
    raise typer.Exit(code)


async def _run(settings: Settings, listener: socket.socket) -> int:
    stop = stop_on_signals()
    async with opened(settings) as hub:
        return await serve_hub(hub, listener, stop)


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def serve_hub(hub: "Hub", listener: socket.socket, stop: asyncio.Event) -> int:
    """Serve until ``stop``; then drain the requests, then the worker. 1 where a part gave up."""
    from renkei.web.app import build_app
    from renkei.worker import run_worker

    server = web_server(build_app(hub))
    worker_stop = asyncio.Event()
    web = asyncio.create_task(server.serve(sockets=[listener]))
    parts = {web}
    if hub.settings.workers:
        parts.add(asyncio.create_task(run_worker(hub, worker_stop)))
    output.print(f"renkei listens on {url_of(listener)}", soft_wrap=True)
    log.info("listening", url=url_of(listener), worker=hub.settings.workers)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({*parts, waiting}, return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping", asked=stop.is_set())
    waiting.cancel()
    server.should_exit = True
    await asyncio.wait({web})
    worker_stop.set()
    ends = await asyncio.gather(*parts, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            log.error("part_failed", exc_info=end)
    log.info("stopped")
    return 0 if stop.is_set() and not any(isinstance(end, BaseException) for end in ends) else 1


class _Server(uvicorn.Server):
    """Leaves signals to the program it runs in."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def web_server(app: Any) -> uvicorn.Server:
    """A server of the application; its addresses may hold secrets, so there is no access log."""
    return _Server(
        uvicorn.Config(
            app,
            http="auto",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
