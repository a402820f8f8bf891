"""A vendor's schema between plugin and twin: a wrong call and a wrong answer are both refused.

For plain JSON over HTTP. Problems name places and rules, never values.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from renkei_contracts.twin.faulty import Kept, given
from renkei_contracts.twin.schema_log import SchemaLog


class JsonSchema:
    """The definitions (``$defs``) of one JSON Schema document, draft 2020-12."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def problem(self, name: str, value: object) -> str | None:
        """What is wrong with the value as this definition has it, or None."""
        if name not in self._validators:
            schema = {**self._document, "$ref": f"#/$defs/{name}"}
            self._validators[name] = jsonschema_rs.Draft202012Validator(schema)
        wrong = next(self._validators[name].iter_errors(value), None)
        if wrong is None:
            return None
        return f"{'/'.join(map(str, [name, *wrong.instance_path]))} breaks {wrong.schema_path[-1]}"


@dataclass(frozen=True)
class Call:
    """One call of an interface: the names of the definitions of its query, body and answer.

    ``path`` has ``{id}`` for a part that varies. Empty names: there is nothing to check.
    """

    method: str
    path: str
    query: str = ""
    body: str = ""
    answer: str = ""

    def fits(self, method: str, path: str) -> bool:
        """Whether it is this call."""
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path) is not None


@dataclass
class Checked:
    """Wraps an application: calls outside the schema get 400, answers outside it become 500.

    ``refusal`` defines the body of every answer from 400 on (empty: unchecked). ``log`` counts what
    was compared and keeps every problem: give it to the twin. Paths that no call names pass.
    """

    app: ASGIApp
    schema: JsonSchema
    calls: Sequence[Call]
    refusal: str = ""
    log: SchemaLog = field(default_factory=SchemaLog)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, let the application answer, and check the answer."""
        request = Request(scope, receive) if scope["type"] == "http" else None
        call = self._call(request) if request else None
        if request is None or call is None:
            await self.app(scope, receive, send)
            return
        body = await request.body()
        problem = self._wrong_request(call, request, body)
        if not self.log.request(problem):
            await _outside(problem, 400)(scope, receive, send)
            return
        answer = Kept()
        await self.app(scope, given(body, receive), answer.send)
        problem = self._wrong_answer(call, answer)
        if not self.log.answer(problem):
            await _outside(problem, 500)(scope, receive, send)
        else:
            await answer.replay(send, answer.body)

    def _call(self, request: Request) -> Call | None:
        fitting = (call for call in self.calls if call.fits(request.method, request.url.path))
        return next(fitting, None)

    def _wrong_request(self, call: Call, request: Request, body: bytes) -> str | None:
        query = self._problem(call.query, dict(request.query_params))
        return query or self._problem(call.body, _decoded(body, request.headers))

    def _wrong_answer(self, call: Call, answer: Kept) -> str | None:
        refused = answer.start["status"] >= 400
        return self._problem(self.refusal if refused else call.answer, _json(answer.body))

    def _problem(self, name: str, value: object) -> str | None:
        return self.schema.problem(name, value) if name else None


def _outside(problem: str | None, status: int) -> JSONResponse:
    return JSONResponse({"message": f"outside the schema: {problem}"}, status)


def _decoded(body: bytes, headers: Mapping[str, str]) -> object:
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(body.decode(), keep_blank_values=True))
    return _json(body)


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return "not JSON"
