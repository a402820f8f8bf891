"""Running an ASGI app on a free loopback port, inside the event loop that is already there."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn


class LoopbackServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the program it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: Ctrl-C belongs to the program, not to one of its servers."""
        yield


def free_socket() -> socket.socket:
    """A bound socket on 127.0.0.1; keeping it open is what keeps the port ours."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


@contextlib.asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serve the app on loopback while the block runs; gives its base URL without a slash."""
    bound = free_socket()
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
    server = LoopbackServer(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if running.done():
                running.result()
                raise RuntimeError("the server ended before it had started")
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        bound.close()
