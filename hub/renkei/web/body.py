"""Bodies: bounded in size and time while they come in, and JSON without two meanings."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renkei.web.problems import refused, respond

BODY_SECONDS = 30
"""How long a body may take to arrive as a whole."""


class BoundedBody:
    """Refuses a body over the limit before it is in memory; the caller's own size is not trusted.

    The framework's own limit would answer without a problem document.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif (announced(scope) or 0) > self._limit:
            await respond(scope, refused("body_too_large"))(scope, receive, send)
        else:
            await self._app(scope, _Bounded(receive, self._limit), send)


class _Bounded:
    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self._until = asyncio.get_running_loop().time() + BODY_SECONDS
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the caller to hang up
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise refused("body_timeout") from None
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise refused("body_too_large")
        self._complete = not message.get("more_body", False)
        return message


def announced(scope: Scope) -> int | None:
    """How many bytes the caller says are coming; None where that is not said."""
    given = Headers(scope=scope).get("content-length", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 20 else None


class StrictRequest(Request):
    """A request whose JSON means one thing to every reader."""

    async def json(self) -> Any:
        """The decoded body; raises JSONDecodeError."""
        return strict_json(await self.body())


def strict_json(body: bytes) -> Any:
    """Decode UTF-8 JSON; refuses repeated names, NaN, NUL, lone surrogates and endless nesting."""
    try:
        text = body.decode()
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant)
        if "\\u" in text:
            _require_storable(value)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise json.JSONDecodeError(_reason(error), "", 0) from error
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return "not UTF-8" if isinstance(error, UnicodeError) else str(error)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is repeated in an object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _require_storable(value: Any) -> None:
    for text in _texts(value):
        if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
            raise ValueError("NUL and lone surrogates are not text")


def _texts(value: Any) -> Iterator[str]:
    """Every text in it; without recursion, which would cost each text its depth."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one
            left += one.values()
