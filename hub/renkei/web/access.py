"""Around every request: its id, its log line, its counters, and an answer when a bug strikes."""

import asyncio
import time
import traceback

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renkei.web.metrics import Metrics
from renkei.web.problems import refused, respond
from renkei.web.trace import Trace, template_of, trace_of

log = structlog.get_logger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OFTEN_ASKED = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked by machines every few seconds: told at debug level only."""

NOTHING_NEW = 304
"""Thousands of registers hear this every half minute: counted, and told at debug level only."""

FRAMES = 8
HANDED_OUT = "renkei-request"
LAST = [(b"connection", b"close")]
"""Of a process that stops: who keeps a connection must not find it closed at the next request."""

ALWAYS_SENT = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Access:
    """Nothing of what people or vendors wrote is logged: no address, query, header or body."""

    def __init__(self, app: ASGIApp, metrics: Metrics, leaving: asyncio.Event) -> None:
        self._app = app
        self._metrics = metrics
        self._leaving = leaving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace, begun = trace_of(scope), time.perf_counter()
        answer = _Answer(send, trace, self._leaving)
        with structlog.contextvars.bound_contextvars(request=trace.id):
            try:
                await self._app(scope, receive, answer)
            except asyncio.CancelledError:
                if answer.status or not self._leaving.is_set():
                    raise
                # The process stops and waits no longer: to ask again is harmless, and right.
                await respond(scope, refused("unavailable"))(scope, receive, answer)
            except Exception as error:
                await self._after_a_bug(scope, receive, answer, error)
            finally:
                self._tell(scope, trace, answer.status, time.perf_counter() - begun)

    async def _after_a_bug(
        self, scope: Scope, receive: Receive, answer: "_Answer", error: Exception
    ) -> None:
        """Answer, unless the answer has begun."""
        tell_bug(scope, error)
        if answer.status:
            raise RuntimeError("the answer broke off; see the log entry before") from None
        await respond(scope, refused("internal"))(scope, receive, answer)

    def _tell(self, scope: Scope, trace: Trace, status: int, seconds: float) -> None:
        route = template_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route.startswith(("/pos/", "/v1/", "/till/")):
            self._metrics.answers.labels(route, trace.code).inc()
        tell = log.debug if route in OFTEN_ASKED or status == NOTHING_NEW else log.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            code=trace.code,
            ms=round(seconds * 1000, 1),
            **trace.facts,
        )


class _Answer:
    """Passes the answer on, with the request's id; ``status`` is 0 until it begins."""

    def __init__(self, send: Send, trace: Trace, leaving: asyncio.Event) -> None:
        self._send = send
        self._leaving = leaving
        self._own = [(HANDED_OUT.encode(), trace.id.encode()), *ALWAYS_SENT]
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = [*self._own, *LAST] if self._leaving.is_set() else self._own
            message = {**message, "headers": [*message.get("headers", []), *own]}
        await self._send(message)


def tell_bug(scope: Scope, error: BaseException) -> None:
    """Log what kind of error it was and where: its words may hold anybody's data."""
    log.error("bug", error=type(error).__name__, route=template_of(scope), at=_places(error))


def _places(error: BaseException) -> list[str]:
    """The innermost frames of ours and the last of all, without a line of source or a value."""
    every = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in every if "site-packages" not in frame.filename]
    frames = [*ours[-FRAMES:], *([] if every[-1] in ours else every[-1:])]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
