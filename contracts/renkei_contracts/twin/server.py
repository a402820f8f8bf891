"""Running an ASGI app on a free loopback port, inside the event loop that is already there."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients on this machine: they speak plain HTTP, and reading whom to trust takes 25 ms."""


class LoopbackServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the program it runs in, and stops at once.

    uvicorn's own looks every 0.1 s whether it should stop and then waits another 0.1 s: a suite
    starts and stops hundreds of these.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Serve until told to leave, ticking as uvicorn does."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nobody in, let those who are in finish, and end."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.002)
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: Ctrl-C belongs to the program, not to one of its servers."""
        yield


def free_socket() -> socket.socket:
    """A bound socket on 127.0.0.1; keeping it open is what keeps the port ours."""
    # Named TCP, or asyncio would not turn its waiting for more to send off: 40 ms a call.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", 0))
    return bound


@contextlib.asynccontextmanager
async def serve(app: Any) -> AsyncIterator[str]:
    """Serve the app on loopback while the block runs; gives its base URL without a slash."""
    bound = free_socket()
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, lifespan="on"
    )
    server = LoopbackServer(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        while not server.started:
            if running.done():
                running.result()
                raise RuntimeError("the server ended before it had started")
            await asyncio.sleep(0.002)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.leave()
        await running
        bound.close()
