"""Sending prepared requests over kept connections, each as soon as the one before is answered.

What the sender costs is taken from the hub's own machine: a request is bytes that were made before,
an answer is looked at for its status and its end, and nothing else.
"""

import asyncio
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

GOOD = b"HTTP/1.1 200 "
END = b"\r\n\r\n"
"""Answers have no body: the end of the headers is the end."""


@dataclass(frozen=True)
class Sent:
    """How long each request took, sorted, in seconds; what all took, and what sending cost."""

    seconds: Sequence[float]
    elapsed: float
    cpu: float

    @property
    def rate(self) -> float:
        """Requests answered per second."""
        return len(self.seconds) / self.elapsed

    @property
    def cpu_us(self) -> float:
        """CPU of this process for one request, in microseconds."""
        return self.cpu * 1_000_000 / len(self.seconds)


def request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A POST as it goes over the wire."""
    said = {"Host": "hub", "Content-Length": str(len(body)), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {said[name]}" for name in said)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def send(url: str, requests: Sequence[bytes], connections: int) -> Sent:
    """All of them, so many at a time; raises ConnectionError for one that is not answered 200."""
    address, waiting = urlsplit(url), iter(requests)
    loop = asyncio.get_running_loop()
    host, port = address.hostname, address.port
    assert host is not None
    assert port is not None
    lines = [
        (await loop.create_connection(lambda: _Line(waiting), host, port))[1]
        for _ in range(connections)
    ]
    gc.collect()
    gc.freeze()  # what was made for the run is not for the collector to walk
    begun, cpu = time.perf_counter(), time.process_time()
    try:
        await asyncio.gather(*(line.begin() for line in lines))
        elapsed, used = time.perf_counter() - begun, time.process_time() - cpu
    finally:
        gc.unfreeze()
        await asyncio.gather(*(line.close() for line in lines))
    return Sent(sorted(one for line in lines for one in line.took), elapsed, used)


@dataclass(eq=False)
class _Line(asyncio.Protocol):
    """One connection, which takes the next request when the one before is answered."""

    waiting: Iterator[bytes]
    took: list[float] = field(default_factory=list)
    _came: bytes = b""
    _sent: float = 0.0
    _gone: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self) -> "asyncio.Future[None]":
        """Until nothing waits any more."""
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next()
        return self._done

    async def close(self) -> None:
        """Hang up."""
        self._transport.close()
        await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._came += data
        if not self._came.endswith(END):
            return
        if not self._came.startswith(GOOD):
            self._fail(f"a request was not answered 200: {self._came[:200]!r}")
            return
        self.took.append(time.perf_counter() - self._sent)
        self._came = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._fail("the hub hung up in the middle of an answer")

    def _next(self) -> None:
        one = next(self.waiting, None)
        if one is not None:
            self._sent = time.perf_counter()
            self._transport.write(one)
        else:
            self._done.set_result(None)

    def _fail(self, why: str) -> None:
        if not self._done.done():
            self._done.set_exception(ConnectionError(why))
