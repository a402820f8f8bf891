"""Calling the hub over HTTP, cheaply: what a caller costs is taken from the hub's own machine."""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

import httptools

READ = 65_536


@dataclass
class Answer:
    """An answer as it comes in; httptools calls the ``on_`` methods."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """Everything is there."""
        self.complete = True


@dataclass
class Line:
    """One connection to the hub, which takes one request after the other. An async context."""

    url: str
    _reader: asyncio.StreamReader = field(init=False)
    _writer: asyncio.StreamWriter = field(init=False)

    async def __aenter__(self) -> "Line":
        address = urlsplit(self.url)
        self._reader, self._writer = await asyncio.open_connection(address.hostname, address.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    async def ask(
        self, method: str, target: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Send one request and wait for its answer."""
        said = {"Host": "hub", "Content-Length": str(len(body))} | headers
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {said[name]}" for name in said)]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete:
            part = await self._reader.read(READ)
            if not part:
                raise ConnectionError("the hub hung up in the middle of an answer")
            parser.feed_data(part)
        answer.status = parser.get_status_code()
        return answer
