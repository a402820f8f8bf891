"""Whatever is sent, the answer is one that the description has, and never a 5xx.

Requests are made up from the OpenAPI document, fitting it and not, with and without a valid
credential, and half of them about members and receipts that there are.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from renkei_contracts.twin.server import serve

schemathesis = pytest.importorskip("schemathesis", reason="comes with the development extra")
conformance = pytest.importorskip("schemathesis.specs.openapi.checks")

KINDS = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
OURS = {
    "content-type",
    "authorization",
    "renkei-key",
    "renkei-timestamp",
    "renkei-nonce",
    "renkei-signature",
}


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: object, said: object) -> bytes:
    """The body of a batch: text as it is, anything else as a line of JSON."""
    text = said if isinstance(said, str) else json.dumps(said)
    return text.encode(errors="replace")


def operations(app: FastAPI) -> list[Any]:
    """Every operation that is described."""
    spec = schemathesis.openapi.from_dict(app.openapi())
    return [found.ok() for found in spec.get_all_operations()]


def headers(credential: Any, method: str, url: str, body: bytes) -> dict[str, str]:
    """What a register says of its request."""
    target = urlsplit(url)
    stamp, nonce = str(int(time.time())), uuid4().hex
    digest = hashlib.sha256(body).hexdigest()
    said = "\n".join((method, target.path, target.query, stamp, nonce, digest)).encode()
    signed = hmac.new(credential.secret.encode(), said, hashlib.sha256).digest()
    return {
        "Renkei-Key": credential.key_id,
        "Renkei-Timestamp": stamp,
        "Renkei-Nonce": nonce,
        "Renkei-Signature": base64.b64encode(signed).decode(),
    }


def grounded(case: Any, member: str) -> None:
    """About a member that there is, at the register that asks."""
    said = case.body if isinstance(case.body, dict) else {}
    if "member" in said:
        said["member"] = member
    for key in (said, said.get("sale"), said.get("receipt")):
        if isinstance(key, dict) and {"store", "till"} <= {*key}:
            key |= {"store": "shibuya", "till": "1"}


def send(case: Any, url: str, credential: Any | None) -> Any:
    """The case as it goes over the wire, signed if there is a credential."""
    import requests

    if case.query and "wait" in case.query:
        case.query["wait"] = 0  # no test waits for a change that nobody makes
    made = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare()
    body = made.body.encode() if isinstance(made.body, str) else made.body or b""
    if not isinstance(body, bytes):
        body = b""
        made.body = body
    for name in [name for name in made.headers if name.lower() in OURS - {"content-type"}]:
        del made.headers[name]
    if credential is not None:
        made.headers.update(headers(credential, made.method or "", made.url or "", body))
    with requests.Session() as session:
        session.trust_env = False
        return session.send(made, timeout=10)


def try_out(url: str, every: list[Any], credential: Any, member: str, examples: int) -> None:
    """So many requests of each kind to each operation."""
    for operation in every:
        for kind in KINDS:
            cases = operation.as_strategy(generation_mode=kind)

            @settings(
                max_examples=examples,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                derandomize=True,
                suppress_health_check=[*HealthCheck],
            )
            @given(cases, st.booleans())
            def one(case: Any, known: bool) -> None:
                if known:
                    grounded(case, member)
                answer = send(case, url, credential)
                assert answer.status_code < 500 or answer.json()["code"] == "unavailable"
                case.validate_response(answer, checks=CHECKS)

            # Where nothing is asked, nothing can be asked wrongly.
            with suppress(Unsatisfiable):
                one()


CHECKS = [
    schemathesis.checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]


@pytest.mark.parametrize("signs", [True, False], ids=["with a credential", "without"])
@pytest.mark.parametrize("examples", [2, pytest.param(30, marks=pytest.mark.soak)])
async def test_every_answer_is_as_described(
    app: FastAPI, register: Any, regular: Any, signs: bool, examples: int
) -> None:
    credential = register.credential if signs else None
    async with serve(app) as url:
        told = (url, operations(app), credential, regular.id, examples)
        await asyncio.to_thread(try_out, *told)
