"""A register's line to the hub: signed as docs/pos-v1.md has it, and refused by code."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from renkei_contracts.stage import TillAccess
from renkei_contracts.testing.bench import Clock
from renkei_contracts.till import HoldRequest
from renkei_contracts.twin.hub_client import HubClient, HubRefused
from renkei_contracts.twin.server import serve

SECRET = "a-secret-of-a-till"
HOLD = HoldRequest(key="main/1/1", member="mem_1", points=10)


def problem(code: str, status: int) -> Response:
    return JSONResponse({"code": code}, status, media_type="application/problem+json")


@dataclass
class Hub:
    """Gives the answers that were planned, and keeps what it was asked."""

    answers: list[Response] = field(default_factory=list)
    asked: list[tuple[Request, bytes]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/pos/v1/{what}", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        self.asked.append((request, await request.body()))
        return self.answers.pop(0)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest_asyncio.fixture
async def line(hub: Hub) -> AsyncIterator[HubClient]:
    async with serve(hub.app()) as url, httpx.AsyncClient(trust_env=False) as http:
        yield HubClient(TillAccess(url, "key_1", SECRET), http, Clock())


async def test_every_request_is_signed_with_a_nonce_of_its_own(line: HubClient, hub: Hub) -> None:
    hub.answers = [problem("member_not_found", 404)] * 2
    for _ in range(2):
        await line.resolve("2900000000018")
    for request, body in hub.asked:
        time, nonce = request.headers["renkei-timestamp"], request.headers["renkei-nonce"]
        told = ["POST", "/pos/v1/members:resolve", "", time, nonce]
        message = "\n".join([*told, hashlib.sha256(body).hexdigest()]).encode()
        signature = base64.b64encode(hmac.digest(SECRET.encode(), message, "sha256")).decode()
        assert request.headers["renkei-signature"] == signature
        assert (request.headers["renkei-key"], time) == ("key_1", "1782874800")
    assert len({request.headers["renkei-nonce"] for request, _ in hub.asked}) == 2


async def test_a_card_that_nobody_has_is_none(line: HubClient, hub: Hub) -> None:
    hub.answers = [problem("member_not_found", 404)]
    assert await line.resolve("2900000000018") is None


async def test_another_refusal_of_a_look_up_is_one(line: HubClient, hub: Hub) -> None:
    hub.answers = [problem("member_not_active", 409)]
    with pytest.raises(HubRefused, match="members:resolve: member_not_active"):
        await line.resolve("2900000000018")


async def test_a_refusal_names_its_code(line: HubClient, hub: Hub) -> None:
    hub.answers = [problem("insufficient_points", 409)]
    with pytest.raises(HubRefused) as refusal:
        await line.hold(HOLD)
    assert refusal.value.code == "insufficient_points"


async def test_what_is_no_problem_of_the_hub_is_named_by_its_status(
    line: HubClient, hub: Hub
) -> None:
    hub.answers = [PlainTextResponse("a proxy's page", 502)]
    with pytest.raises(HubRefused, match="holds: 502"):
        await line.hold(HOLD)
