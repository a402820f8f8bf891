"""Heads of requests, address and headers: bounded in size and time, as their bodies are.

Nobody is known before the head is read, and the server's own reader takes any number of bytes and
waits as long as the caller likes; also for a caller who does not read what it is told.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_BYTES = 65_536
"""How long a head may be, to within what one read from the socket brings."""

HEAD_SECONDS = 30
"""How long a caller may take to send one, and to have nothing but unread bytes under way."""

READ_SECONDS = 120
"""How long a caller may leave an answer unread that the system's own buffers have no room for."""


class BoundedHead(HttpToolsProtocol):
    """One connection; it is closed where a head is too long or slow, or an answer is not read."""

    _in_head = False
    _size = 0
    _patience: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A caller has come, and has said nothing yet."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._wait_no_more()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        self._size += len(data)
        if self._in_head and self._size > MOST_BYTES:
            self.send_400_response("The head of the request is too long.")
        elif self._is_idle():
            self._wait()
        else:
            self._wait_no_more()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head, self._size = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """It is whole."""
        self._in_head = False
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The caller reads more slowly than it is told."""
        super().pause_writing()
        self._unread = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read most of it."""
        self._is_read()
        super().resume_writing()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until the first head is whole
        return cycle is None or cycle.response_complete

    def _wait(self) -> None:
        if self._patience is None and not self.transport.is_closing():
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
