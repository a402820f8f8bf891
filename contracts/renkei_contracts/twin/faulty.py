"""The middleware that does what the fault script says, around any twin's application."""

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renkei_contracts.twin.faults import BEFORE, Fault, FaultScript

Refuse = Callable[[Fault], Response]

STATUS = {"unauthorized": 401, "forbidden": 403, "rate_limited": 429, "server_error": 500}


def refuse(fault: Fault) -> Response:
    """The answer of a vendor that speaks plain HTTP."""
    status = STATUS[fault.kind]
    after = None if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return JSONResponse({"message": fault.kind}, status, headers=after)


class Faulty:
    """Wraps an application. ``name`` tells what the script's paths are compared with.

    ``refuse`` makes the answer of a vendor with shapes of its own; it is asked for the faults that
    are an answer: unauthorized, forbidden, rate_limited and server_error.
    """

    def __init__(
        self,
        app: ASGIApp,
        script: FaultScript,
        *,
        refuse: Refuse = refuse,
        name: Callable[[Request, bytes], str] = lambda request, body: request.url.path,
    ) -> None:
        self._app, self._script, self._refuse, self._name = app, script, refuse, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the fault for this call, if there is one, and act it out."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        fault = self._script.take(self._name(request, body))
        if fault is None:
            await self._app(scope, given(body, receive), send)
        elif fault.kind in BEFORE:
            await self._before(fault, scope, receive, send)
        else:
            await self._after(fault, scope, given(body, receive), send)

    async def _before(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "drop_before":
            await _broken(send, b"")
        else:
            await self._refuse(fault)(scope, receive, send)

    async def _after(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Kept()
        await self._app(scope, receive, answer.send)
        if fault.kind == "slow":
            await _until_gone(receive)
        elif fault.kind in ("drop_after", "half_page"):
            half = len(answer.body) // 2 if fault.kind == "half_page" else 0
            await _broken(send, answer.body[:half])
        else:
            changed = b"<html>" if fault.kind == "not_json" else _drifted(answer.body, fault)
            await answer.replay(send, changed)


class Kept:
    """An answer that is kept back: give ``send`` to the application, then look, or replay it."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        """Keep a message."""
        if message["type"] == "http.response.start":
            self.start = message
        else:
            self.body += message.get("body", b"")

    async def replay(self, send: Send, body: bytes) -> None:
        """Give the answer, with this body instead of its own."""
        headers = [(key, value) for key, value in self.start["headers"] if key != b"content-length"]
        await send({**self.start, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


def given(body: bytes, receive: Receive) -> Receive:
    """The request's body once more, then whatever else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _broken(send: Send, part: bytes) -> None:
    """Promise more than is sent: the server closes and the client is left with a part."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"10000000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": part, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    """Say nothing until the client gives up."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _drifted(body: bytes, fault: Fault) -> bytes:
    """Only JSON drifts: another answer is as it was."""
    try:
        told = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_walk(told, fault)).encode()


def _walk(value: Any, fault: Fault) -> Any:
    if isinstance(value, list):
        return [_walk(one, fault) for one in value]
    if not isinstance(value, dict):
        return value
    if fault.kind == "field_removed":
        return {key: _walk(one, fault) for key, one in value.items() if key != fault.field}
    other = {"unexpected": True}
    return {key: other if key == fault.field else _walk(one, fault) for key, one in value.items()}
