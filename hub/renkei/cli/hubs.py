"""An open hub for one command; a spinner shows while its database starts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from renkei.cli.running import ended_by_signals, run_async
from renkei.cli.screen import working
from renkei.config import Settings
from renkei.tracing import NO_TRACES, Traces

if TYPE_CHECKING:
    from renkei.bootstrap import Hub

T = TypeVar("T")


@asynccontextmanager
async def opened(settings: Settings, traces: Traces = NO_TRACES) -> "AsyncIterator[Hub]":
    """The hub of these settings, closed at the end; a signal while it opens ends the process."""
    from renkei.bootstrap import open_hub

    async with AsyncExitStack() as stack:
        with working("opening the database"), ended_by_signals():
            hub = await stack.enter_async_context(open_hub(settings, traces=traces))
        yield hub


def with_hub(settings: Settings, work: "Callable[[Hub], Awaitable[T]]") -> T:
    """Open the hub, do the work, close it."""

    async def run() -> T:
        async with opened(settings) as hub:
            return await work(hub)

    return run_async(run())
