"""A process that is told to stop: it says so first, and still answers."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

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
