"""``renkei serve``: the hub, until it is told to stop."""

import asyncio
import socket
import sys
from contextlib import AsyncExitStack, closing
from typing import Annotated

import structlog
import typer

from renkei.cli.hubs import opened
from renkei.cli.invocation import invocation, require_data_dir
from renkei.cli.logs import configure_logs
from renkei.cli.running import missing_fast_parts, run_async
from renkei.cli.screen import say
from renkei.config import Settings
from renkei.listening import listen, url_of
from renkei.trace_export import exporting
from renkei.tracing import Traces

log = structlog.get_logger(__name__)


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
        level = "debug" if given.debug else settings.log_level
        configure_logs(level, sys.stdout, settings.log_format)
        if missing := missing_fast_parts():
            log.warning("slower_without", missing=missing, mend="pip install " + " ".join(missing))
        well = run_async(_serve(settings, listener))
    if not well:
        raise typer.Exit(1)


async def _serve(settings: Settings, listener: socket.socket) -> bool:
    """Serve until told to stop; False where a part gave up before."""
    with exporting(settings) as traces:
        return await _until_stopped(settings, listener, traces)


async def _until_stopped(settings: Settings, listener: socket.socket, traces: Traces) -> bool:
    from renkei.serving import running, stop_on_signals

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(opened(settings, traces))
        hurry = asyncio.Event()
        stop = stop_on_signals(hurry)
        parts = await stack.enter_async_context(running(hub, listener))
        say(f"renkei listens on {url_of(listener)}")
        log.info("listening", url=url_of(listener), worker=settings.workers)
        await parts.until(stop)
        log.info("stopping", asked=stop.is_set())
        if stop.is_set():
            await parts.linger(settings.linger_seconds, hurry)
        well = await parts.drain()
    log.info("stopped")
    return well and stop.is_set()
