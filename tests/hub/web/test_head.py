"""Heads of requests are bounded before anybody is known: what only a socket shows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from renkei.serving import web_server
from renkei.web import head
from renkei_contracts.twin.server import free_socket

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

WHOLE = b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"
END = b"\r\n0\r\n\r\n"
"""Of an answer in chunks."""
BEGUN = b"GET / HTTP/1.1\r\nHost: hub\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers without reading any body."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"answered"})


@asynccontextmanager
async def caller(app: ASGIApp = app) -> AsyncIterator[Stream]:
    """A connection to a hub's server, which ends with the block."""
    with free_socket() as listener:
        listener.listen()
        server = web_server(app)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        try:
            yield reader, writer
        finally:
            writer.transport.abort()
            server.should_exit = True
            await serving


async def test_a_head_without_end_is_cut_off() -> None:
    async with caller() as (_, writer):
        writer.write(BEGUN)
        with pytest.raises(ConnectionError):
            await send_headers(writer, 1_000)


async def send_headers(writer: asyncio.StreamWriter, number: int) -> None:
    for _ in range(number):
        writer.write(b"X: " + b"x" * 65_536)
        await writer.drain()


async def test_who_sends_too_long_a_head_is_told() -> None:
    async with caller() as (reader, writer):
        writer.write(b"GET /" + b"x" * 2 * head.MOST_BYTES)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("before", [b"", WHOLE])
@pytest.mark.parametrize("begun", [b"\r\n", BEGUN])
async def test_a_head_that_never_ends_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, before: bytes, begun: bytes
) -> None:
    monkeypatch.setattr(head, "HEAD_SECONDS", 0.05)
    async with caller() as (reader, writer):
        writer.write(before)
        if before:
            await reader.readuntil(END)
        writer.write(begun)
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_who_connects_and_says_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head, "HEAD_SECONDS", 0.05)
    async with caller() as (reader, _):
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_many_requests_in_one_connection_are_answered_however_long_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head, "MOST_BYTES", 10 * len(WHOLE))
    async with caller() as (reader, writer):
        for _ in range(30):
            writer.write(BEGUN)
            await asyncio.sleep(0)
            writer.write(b"\r\n")
            await reader.readuntil(END)


async def test_who_does_not_read_the_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head, "READ_SECONDS", 0.05)
    over = asyncio.Event()

    async def much(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(100):
                part = b"x" * 1_000_000
                await send({"type": "http.response.body", "body": part, "more_body": True})
            over.set()

    async with caller(much) as (_, writer):
        writer.write(WHOLE)
        await asyncio.wait_for(over.wait(), 20)
