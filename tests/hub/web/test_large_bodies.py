"""Large bodies together fill no memory, and leave room for small ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from renkei.web.app import build_app

SMALL, LARGE = 1_000, 9_000
TOKEN = "/pos/v1/oauth/token"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def app(hub: Any, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application, with room for one large body."""
    monkeypatch.setattr("renkei.web.body.SMALL", SMALL)
    monkeypatch.setattr("renkei.web.app.together_for", lambda limit: LARGE)
    return build_app(hub)


@asynccontextmanager
async def one_under_way(client: httpx.AsyncClient) -> AsyncIterator[None]:
    """A stranger's large body that is not whole while the block runs."""
    there, rest = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * LARGE
        there.set()
        await rest.wait()
        yield b"x"

    asking = asyncio.create_task(client.post(TOKEN, content=body(), headers=FORM))
    await asyncio.wait_for(there.wait(), 20)
    yield
    rest.set()
    assert (await asking).status_code == 401


@pytest.mark.parametrize("path", [TOKEN, "/webhooks/signing"])
async def test_another_large_one_is_sent_away_until_the_first_is_done(
    client: httpx.AsyncClient, acme_signs: Any, path: str
) -> None:
    body = b"x" * LARGE
    headers = FORM | acme_signs(body)
    async with one_under_way(client):
        refused = await client.post(path, content=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert (await client.post(path, content=body, headers=headers)).status_code in (200, 401)


async def test_small_ones_find_room_meanwhile(
    client: httpx.AsyncClient, register: Any, acme_signs: Any
) -> None:
    async with one_under_way(client):
        found = await register.post("/pos/v1/members:resolve", {"value": "1"})
        assert found.json()["code"] == "member_not_found"
        body = b"x" * SMALL
        taken = await client.post("/webhooks/signing", content=body, headers=acme_signs(body))
        assert taken.status_code == 200
