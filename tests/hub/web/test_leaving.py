"""A process that is told to stop: it says so first, and still answers."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from starlette.types import Message

from renkei.web.health import STOPS


async def test_it_is_not_ready_any_more_and_says_why(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    app.state.leaving.set()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, [STOPS])


async def test_it_answers_and_ends_the_connection(
    app: FastAPI, register: Any, regular: Any
) -> None:
    ask = {"scheme": "card", "value": regular.card}
    before = await register.post("/pos/v1/members:resolve", ask)
    app.state.leaving.set()
    answer = await register.post("/pos/v1/members:resolve", ask)
    assert answer.json()["member"] == before.json()["member"]
    assert "connection" not in before.headers
    assert answer.headers["connection"] == "close"


async def test_a_long_poll_is_answered_before_its_time(app: FastAPI, register: Any) -> None:
    end = (await register.get("/pos/v1/snapshot")).json()["cursor"]
    query = f"cursor={end}&wait=55"
    polling = asyncio.create_task(register.get("/pos/v1/changes", query))
    app.state.leaving.set()
    answer = await asyncio.wait_for(polling, 20)
    assert (answer.status_code, answer.json()["data"]) == (200, [])


async def cut_off(app: FastAPI) -> list[Message]:
    """What somebody is told whose body never came whole, once nobody waits for it any more."""
    waits = asyncio.Event()

    async def receive() -> Message:
        waits.set()
        await asyncio.Event().wait()
        raise AssertionError

    told: list[Message] = []

    async def send(message: Message) -> None:
        told.append(message)

    path = "/webhooks/signing"
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    asking = asyncio.create_task(app(scope, receive, send))
    await asyncio.wait_for(waits.wait(), 20)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    return told


async def test_who_is_not_done_when_it_stops_is_told_to_ask_again(app: FastAPI) -> None:
    app.state.leaving.set()
    start, body = await cut_off(app)
    assert (start["status"], orjson.loads(body["body"])["code"]) == (503, "unavailable")
    assert (b"connection", b"close") in start["headers"]


async def test_a_request_that_is_cut_off_for_another_reason_is_not_answered(app: FastAPI) -> None:
    assert await cut_off(app) == []
