"""Tokens by client credentials: fetched over the hub's client, kept by it, renewed in time."""

import base64
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import BaseModel

from renkei_contracts.connection import Connection, MemoryTokens, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    PayloadInvalid,
    RateLimited,
    RenkeiError,
    Unavailable,
)
from renkei_contracts.toolkit.oauth import ClientCredentials, GrantedTokens, fetch_grant

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
CREDENTIALS = ClientCredentials(
    "https://id.example/app/c1/token", "client-1", "s3cr3t+/:", ("a:read", "a:write")
)
GOOD = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600, "scope": "a:read"}


class NoSettings(BaseModel):
    """A connection must have some."""


Answer = Callable[[httpx.Request], httpx.Response]


def answering(answer: Answer) -> httpx.AsyncClient:
    """The hub's client, with a vendor that answers so."""
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def always(status: int, body: Any = None, **more: Any) -> httpx.AsyncClient:
    """A vendor that always answers the same."""
    content = {"json": body} if body is not None else {}
    return answering(lambda _: httpx.Response(status, **content, **more))


class TestAsking:
    async def test_the_request_is_as_rfc_6749_has_it(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json=GOOD)

        await fetch_grant(answering(answer), CREDENTIALS, NOW)
        (request,) = sent
        basic = base64.b64encode(b"client-1:s3cr3t+/:").decode()
        assert (request.method, str(request.url)) == ("POST", CREDENTIALS.endpoint)
        assert request.headers["authorization"] == f"Basic {basic}"
        assert request.headers["content-type"].startswith("application/x-www-form-urlencoded")
        assert parse_qs(request.content.decode()) == {
            "grant_type": ["client_credentials"],
            "scope": ["a:read a:write"],
        }

    async def test_a_refresh_token_is_sent_and_the_next_one_is_kept(self) -> None:
        sent: list[bytes] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request.content)
            return httpx.Response(200, json=GOOD | {"refresh_token": "next"})

        form = {"grant_type": "refresh_token", "refresh_token": "first"}
        grant = await fetch_grant(answering(answer), CREDENTIALS, NOW, form)
        assert grant.token.refresh == "next"
        asked = parse_qs(sent[0].decode())
        assert (asked["grant_type"], asked["refresh_token"]) == (["refresh_token"], ["first"])

    @pytest.mark.parametrize("odd", ["", 1, ["next"], {}])
    async def test_an_odd_refresh_token_is_not_kept(self, odd: object) -> None:
        with pytest.raises(PayloadInvalid, match="refresh_token"):
            await fetch_grant(always(200, GOOD | {"refresh_token": odd}), CREDENTIALS, NOW)

    async def test_the_hubs_own_client_sends_it_with_its_time_outs(self) -> None:
        timeouts: list[Any] = []

        def answer(request: httpx.Request) -> httpx.Response:
            timeouts.append(request.extensions["timeout"])
            return httpx.Response(200, json=GOOD)

        http = httpx.AsyncClient(
            transport=httpx.MockTransport(answer), timeout=httpx.Timeout(7, connect=2)
        )
        await fetch_grant(http, CREDENTIALS, NOW)
        assert timeouts == [{"connect": 2, "read": 7, "write": 7, "pool": 7}]

    async def test_the_hubs_client_stays_open(self) -> None:
        http = always(200, GOOD)
        await fetch_grant(http, CREDENTIALS, NOW)
        assert not http.is_closed
        await fetch_grant(http, CREDENTIALS, NOW)

    async def test_a_redirect_is_not_followed(self) -> None:
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

        with pytest.raises(AuthenticationFailed):
            await fetch_grant(answering(answer), CREDENTIALS, NOW)
        assert asked == ["id.example"]


class TestAnswers:
    async def test_token_end_and_scopes_are_read(self) -> None:
        grant = await fetch_grant(always(200, GOOD), CREDENTIALS, NOW)
        assert grant.token == Token("t0ken", NOW + timedelta(hours=1))
        assert grant.scopes == frozenset({"a:read"})

    async def test_the_end_counts_from_the_hubs_clock(self) -> None:
        late = NOW + timedelta(days=400)
        grant = await fetch_grant(always(200, GOOD), CREDENTIALS, late)
        assert grant.token.expires_at == late + timedelta(hours=1)

    @pytest.mark.parametrize("seconds", ["60", 60])
    async def test_seconds_may_be_a_string(self, seconds: object) -> None:
        answer = always(200, {**GOOD, "expires_in": seconds})
        grant = await fetch_grant(answer, CREDENTIALS, NOW)
        assert grant.token.expires_at == NOW + timedelta(seconds=60)

    async def test_without_an_end_a_token_does_not_expire(self) -> None:
        grant = await fetch_grant(always(200, {"access_token": "t0ken"}), CREDENTIALS, NOW)
        assert grant.token.expires_at is None
        assert grant.scopes is None

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"access_token": ""},
            {"access_token": None},
            {"access_token": 5},
            {"access_token": "héé"},
            {"access_token": "a\r\nX-Evil: 1"},
            {"access_token": "t0ken", "token_type": "mac"},
            {"access_token": "t0ken", "expires_in": "soon"},
            {"access_token": "t0ken", "expires_in": -5},
            {"access_token": "t0ken", "expires_in": True},
            {"access_token": "t0ken", "expires_in": [1]},
            {"access_token": "t0ken", "expires_in": 10**30},
            [],
            "t0ken",
        ],
        ids=range(14),
    )
    async def test_what_is_no_token_is_refused_and_not_repeated(self, body: object) -> None:
        with pytest.raises(PayloadInvalid) as caught:
            await fetch_grant(always(200, body), CREDENTIALS, NOW)
        assert "t0ken" not in str(caught.value)
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"<html>t0ken</html>", b"[" * 100_000])
    async def test_what_is_no_json_is_refused(self, content: bytes) -> None:
        with pytest.raises(PayloadInvalid):
            await fetch_grant(always(200, content=content), CREDENTIALS, NOW)

    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (401, {"error": "invalid_client"}, AuthenticationFailed),
            (400, {"error": "invalid_scope"}, AuthenticationFailed),
            (400, {"error": {"nested": 1}}, AuthenticationFailed),
            (400, {"detail": "?"}, AuthenticationFailed),
            (400, None, AuthenticationFailed),
            (401, None, AuthenticationFailed),
            (403, None, AuthenticationFailed),
            (404, None, AuthenticationFailed),
            (200, {"error": "invalid_client"}, AuthenticationFailed),
            (429, None, RateLimited),
            (429, {"error": "slow_down"}, RateLimited),
            (500, None, Unavailable),
            (503, {"error": "server_error"}, Unavailable),
        ],
    )
    async def test_a_refusal_says_what_to_do(
        self, status: int, body: Any, expected: type[RenkeiError]
    ) -> None:
        with pytest.raises(expected):
            await fetch_grant(always(status, body), CREDENTIALS, NOW)

    async def test_a_refusal_names_the_vendors_code(self) -> None:
        with pytest.raises(AuthenticationFailed, match="invalid_scope"):
            await fetch_grant(always(400, {"error": "invalid_scope"}), CREDENTIALS, NOW)

    async def test_a_vendors_own_words_are_not_repeated(self) -> None:
        body = {"error": "s3cr3t+/: is wrong", "error_description": "s3cr3t+/:"}
        with pytest.raises(AuthenticationFailed) as caught:
            await fetch_grant(always(400, body), CREDENTIALS, NOW)
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None

    @pytest.mark.parametrize(
        "error",
        [httpx.ConnectError("no"), httpx.ReadTimeout("no"), httpx.RemoteProtocolError("no")],
    )
    async def test_no_connection_is_unavailable(self, error: Exception) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            raise error

        with pytest.raises(Unavailable):
            await fetch_grant(answering(answer), CREDENTIALS, NOW)

    async def test_the_wait_is_passed_on(self) -> None:
        with pytest.raises(RateLimited) as caught:
            await fetch_grant(always(429, headers={"retry-after": "9"}), CREDENTIALS, NOW)
        assert caught.value.retry_after == 9.0

    async def test_nothing_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        await fetch_grant(always(200, GOOD), CREDENTIALS, NOW)
        assert "s3cr3t" not in caplog.text
        assert "t0ken" not in caplog.text

    def test_credentials_show_no_secret(self) -> None:
        assert "s3cr3t" not in repr(CREDENTIALS)


class Vendor:
    """Grants t1, t2, … and counts."""

    def __init__(self) -> None:
        self.granted = 0

    def answer(self, _: httpx.Request) -> httpx.Response:
        self.granted += 1
        return httpx.Response(200, json={**GOOD, "access_token": f"t{self.granted}"})


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def connection(vendor: Vendor) -> Connection[NoSettings]:
    http = answering(vendor.answer)
    return Connection("shop-a", NoSettings(), http, MemoryTokens(), lambda: NOW)


@pytest.fixture
def tokens(connection: Connection[NoSettings]) -> GrantedTokens:
    return GrantedTokens(connection, CREDENTIALS)


class Calls:
    """A call that is refused for these tokens."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.made = refused, list[str]()

    async def __call__(self, token: Token) -> str:
        self.made.append(token.access)
        if token.access in self.refused:
            raise AuthenticationFailed("401")
        return "done"


class TestKeeping:
    async def test_a_token_is_fetched_once(self, tokens: GrantedTokens, vendor: Vendor) -> None:
        call = Calls()
        assert await tokens.authorized(call) == await tokens.authorized(call) == "done"
        assert call.made == ["t1", "t1"]
        assert vendor.granted == 1

    @pytest.mark.parametrize(("left", "used"), [(60, "t1"), (61, "kept"), (None, "kept")])
    async def test_a_token_about_to_end_is_replaced_before_use(
        self,
        tokens: GrantedTokens,
        connection: Connection[NoSettings],
        left: int | None,
        used: str,
    ) -> None:
        async def kept(_: Token | None) -> Token:
            return Token("kept", None if left is None else NOW + timedelta(seconds=left))

        await connection.tokens.replace(None, kept)
        assert (await tokens.current()).access == used

    async def test_a_refused_call_is_made_again_with_a_new_token(
        self, tokens: GrantedTokens
    ) -> None:
        call = Calls("t1")
        assert await tokens.authorized(call) == "done"
        assert call.made == ["t1", "t2"]

    async def test_a_call_refused_twice_needs_a_person(
        self, tokens: GrantedTokens, vendor: Vendor
    ) -> None:
        with pytest.raises(AuthenticationFailed):
            await tokens.authorized(Calls("t1", "t2"))
        assert vendor.granted == 2

    async def test_a_token_somebody_else_replaced_is_used(
        self, tokens: GrantedTokens, connection: Connection[NoSettings], vendor: Vendor
    ) -> None:
        async def theirs(_: Token | None) -> Token:
            return Token("theirs", None)

        class ReplacedMeanwhile(Calls):
            async def __call__(self, token: Token) -> str:
                if token.access == "t1":
                    await connection.tokens.replace(token, theirs)
                return await super().__call__(token)

        call = ReplacedMeanwhile("t1")
        assert await tokens.authorized(call) == "done"
        assert call.made == ["t1", "theirs"]
        assert vendor.granted == 1

    async def test_other_errors_are_passed_on(self, tokens: GrantedTokens) -> None:
        async def call(_: Token) -> str:
            raise Unavailable("500")

        with pytest.raises(Unavailable):
            await tokens.authorized(call)

    async def test_a_grant_for_a_check_is_kept_nowhere(
        self, tokens: GrantedTokens, connection: Connection[NoSettings]
    ) -> None:
        assert (await tokens.grant()).scopes == frozenset({"a:read"})
        assert await connection.tokens.current() is None
