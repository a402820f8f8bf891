"""The same application behind the real server: what only a socket shows."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from renkei_contracts.twin.server import serve


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A caller over a real socket."""
    async with serve(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def test_a_register_signs_the_path_and_query_it_sends(
    http: httpx.AsyncClient, register: Any
) -> None:
    register.http = http
    for path in ("/pos/v1/members:resolve", "/pos/v1/members%3Aresolve"):
        answer = await register.post(path, {"value": "1"})
        assert (answer.status_code, answer.json()["code"]) == (404, "member_not_found")
    assert (await register.get("/pos/v1/changes", "limit=%35")).status_code == 200


async def test_a_body_over_the_limit_is_cut_off_and_nothing_is_stored(
    http: httpx.AsyncClient, acme_signs: Any, count: Any
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"x" * 65_536

    # A caller that only sends may be cut off before it reads why.
    with suppress(httpx.ReadError, httpx.WriteError):
        answer = await http.post("/webhooks/signing", content=endless(), headers=acme_signs(b""))
        assert answer.json()["code"] == "body_too_large"
    assert sent < 100_000_000
    assert await count("delivery") == 0


async def test_a_delivery_is_stored(http: httpx.AsyncClient, acme_signs: Any, count: Any) -> None:
    answer = await http.post("/webhooks/signing", content=b"1", headers=acme_signs(b"1"))
    assert answer.status_code == 200
    assert await count("delivery") == 1
