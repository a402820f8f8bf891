"""Acknowledging deliveries over HTTP, and the sender that asks for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from bench.ground import Ground
from bench.sender import Sent, request, send

from bench import acknowledge

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def answering(answer: bytes, heard: list[bytes]) -> AsyncIterator[str]:
    """A server that says the same, in two parts, to each request of five bytes of body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readline():
            while not head.endswith(b"\r\n\r\n"):
                head += await reader.readline()
            heard.append(head + await reader.readexactly(5))
            for part in (answer[:10], answer[10:]):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def test_a_request_is_made_before_it_is_sent() -> None:
    made = request("/webhooks/shop", {"A": "1"}, b"body")
    assert made == (
        b"POST /webhooks/shop HTTP/1.1\r\nHost: hub\r\nContent-Length: 4\r\nA: 1\r\n\r\nbody"
    )


async def test_every_request_is_sent_once_over_kept_connections() -> None:
    requests = [request("/", {"Number": str(n)}, b"hello") for n in range(10)]
    heard: list[bytes] = []
    async with answering(OK, heard) as url:
        sent = await send(url, requests, 3)
    assert sorted(heard) == sorted(requests)
    assert len(sent.seconds) == 10
    assert list(sent.seconds) == sorted(sent.seconds)


async def test_a_request_that_is_refused_ends_the_bench() -> None:
    async with answering(BUSY, []) as url:
        with pytest.raises(ConnectionError, match="not answered 200"):
            await send(url, [request("/", {}, b"hello")], 1)


def test_a_rate_is_of_what_was_sent_and_its_cost_of_one() -> None:
    sent = Sent(seconds=[0.1] * 200, elapsed=2.0, cpu=0.004)
    assert (sent.rate, sent.cpu_us) == (100.0, pytest.approx(20.0))


async def test_each_intake_acknowledges_what_it_says(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acknowledge, "WARM_UP", 8)
    monkeypatch.setattr(acknowledge, "REQUESTS", dict.fromkeys(acknowledge.REQUESTS, 20))
    for intake in acknowledge.REQUESTS:
        await acknowledge.prepare(ground, intake)
        assert await acknowledge.rate(ground, intake) > 0  # what was stored is counted there
        assert await acknowledge.p99(ground, intake) > 0
        assert await acknowledge.cpu(ground, intake) >= 0
