"""What clients of a REST API share: the address, the token, and what a failure means."""

from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from renkei_contracts.errors import AuthenticationFailed, OutcomeUnknown, Unavailable
from renkei_contracts.toolkit.rest import RestClient
from renkei_contracts.toolkit.tokens import FixedToken

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> RestClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return RestClient(http, "https://vendor.example/v1", FixedToken(SecretStr("hush")))


def broken(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("gone")


async def test_a_read_asks_the_address_with_the_token_and_gives_what_is_there() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"points": 1})

    assert await client(answer).get("/points", {"limit": 2}) == {"points": 1}
    (request,) = asked
    assert (request.method, request.content) == ("GET", b"")
    assert str(request.url) == "https://vendor.example/v1/points?limit=2"
    assert request.headers["authorization"] == "Bearer hush"


async def test_a_write_sends_json_and_gives_the_answer_unread() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"not JSON")

    told = await client(answer).write("PUT", "/points", {"points": 1})
    (request,) = asked
    assert (request.method, request.content, told.content) == ("PUT", b'{"points":1}', b"not JSON")


async def test_what_became_of_a_broken_write_is_unknown_and_a_read_is_tried_later() -> None:
    with pytest.raises(OutcomeUnknown):
        await client(broken).write("DELETE", "/points")
    with pytest.raises(Unavailable):
        await client(broken).get("/points")


async def test_a_fixed_token_that_is_refused_is_not_tried_again() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(401)

    with pytest.raises(AuthenticationFailed):
        await client(answer).get("/points")
    assert len(asked) == 1
