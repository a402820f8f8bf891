"""Tokens, addresses, and the canonical error of every failure."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, MemoryTokens, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    Unavailable,
)
from renkei_contracts.twin.faults import Fault
from renkei_contracts.twin.server import serve
from renkei_smaregi.client import SmaregiClient
from renkei_smaregi.settings import SCOPES, SmaregiSettings
from renkei_smaregi.twin_app import CLIENT_ID, CLIENT_SECRET, CONTRACT, TwinApp

Connect = Callable[..., Connection[SmaregiSettings]]

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
TOKEN = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600, "scope": ""}
SETTINGS = SmaregiSettings(contract_id=CONTRACT, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> SmaregiClient:
    """A client whose API answers so; tokens are granted."""

    def all_of(request: httpx.Request) -> httpx.Response:
        granted = request.url.host == "id.smaregi.jp"
        return httpx.Response(200, json=TOKEN) if granted else answer(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(all_of))
    return SmaregiClient(Connection("store-a", SETTINGS, http, MemoryTokens(), lambda: NOW))


class TestCalls:
    async def test_a_call_goes_to_the_contract_with_its_token(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json=[])

        query: dict[str, str | int] = {
            "upd_date_time-from": "2026-11-26T00:00:00+09:00",
            "limit": 5,
        }
        await answering(answer).rows("/customers", query)
        (request,) = sent
        assert request.headers["authorization"] == "Bearer t0ken"
        assert str(request.url) == (
            "https://api.smaregi.jp/twin01/pos/customers"
            "?upd_date_time-from=2026-11-26T00%3A00%3A00%2B09%3A00&limit=5"
        )

    async def test_a_write_sends_strings_as_json(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json={})

        await answering(answer).write("POST", "/customers/7/point/add", {"point": "-5"})
        (request,) = sent
        assert request.headers["content-type"] == "application/json"
        assert request.content == b'{"point":"-5"}'


class TestTokens:
    async def test_a_token_is_fetched_once_for_all_calls(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        client = SmaregiClient(connect())
        await client.rows("/stores", {})
        await client.rows("/customers", {})
        assert twin.granted == 1

    async def test_its_scopes_are_asked_for_and_told(self, connect: Connect) -> None:
        grant = await SmaregiClient(connect()).grant()
        assert grant.scopes == frozenset(SCOPES)
        assert grant.token.expires_at == NOW + timedelta(hours=1)

    async def test_a_token_the_vendor_forgot_is_replaced(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        client = SmaregiClient(connect())
        await client.rows("/stores", {})
        twin.tokens.clear()
        assert await client.rows("/stores", {})
        assert twin.granted == 2

    async def test_a_token_that_ended_is_replaced_before_use(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        connection = connect()

        async def ended(_: Token | None) -> Token:
            return Token("ended", NOW)

        await connection.tokens.replace(None, ended)
        assert await SmaregiClient(connection).rows("/stores", {})
        assert twin.granted == 1

    async def test_wrong_credentials_need_a_person(self, connect: Connect) -> None:
        with pytest.raises(AuthenticationFailed, match="invalid_client") as caught:
            await SmaregiClient(connect(client_secret="wr0ng")).rows("/stores", {})
        assert "wr0ng" not in str(caught.value)

    async def test_a_missing_scope_needs_a_person(self, connect: Connect, twin: TwinApp) -> None:
        twin.scopes = ("pos.stores:read",)
        with pytest.raises(AuthenticationFailed):
            await SmaregiClient(connect()).rows("/transactions", {})


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "writes", "expected"),
        [
            (400, True, Rejected),
            (401, False, AuthenticationFailed),
            (403, True, AuthenticationFailed),
            (404, False, NotFound),
            (429, True, RateLimited),
            (500, False, Unavailable),
            (500, True, OutcomeUnknown),
            (502, True, OutcomeUnknown),
            (503, True, Unavailable),
        ],
    )
    async def test_a_status_says_what_to_do(
        self, status: int, writes: bool, expected: type[RenkeiError]
    ) -> None:
        problem = {"type": "about:blank", "title": "hanako@example.jp", "detail": "t0ken"}
        client = answering(lambda _: httpx.Response(status, json=problem))
        with pytest.raises(expected) as caught:
            await (
                client.write("POST", "/customers", {}) if writes else client.get("/customers", {})
            )
        for secret in ("hanako", "t0ken", CLIENT_SECRET):
            assert secret not in str(caught.value)

    @pytest.mark.parametrize("content", [b"", b"<html>", b"{}", b"null", b"[1]", b"[[]]", b"["])
    async def test_an_answer_that_is_no_list_is_refused(self, content: bytes) -> None:
        client = answering(lambda _: httpx.Response(200, content=content))
        with pytest.raises(PayloadInvalid):
            await client.rows("/customers", {})


class TestFaults:
    """Over a real connection, which can break."""

    @pytest.mark.parametrize(
        ("kind", "writes", "expected"),
        [
            ("server_error", False, Unavailable),
            ("server_error", True, OutcomeUnknown),
            ("drop_before", False, Unavailable),
            ("drop_before", True, OutcomeUnknown),
            ("drop_after", True, OutcomeUnknown),
            ("half_page", False, Unavailable),
            ("rate_limited", True, RateLimited),
        ],
    )
    async def test_a_fault_of_the_vendor_ends_in_its_canonical_error(
        self, twin: TwinApp, kind: Any, writes: bool, expected: type[RenkeiError]
    ) -> None:
        person = {"customerCode": "1", "lastName": "山田", "firstName": "花子"}
        twin.faults.plan([Fault(kind, "/customers")])
        async with serve(twin.asgi()) as url, httpx.AsyncClient(trust_env=False) as http:
            settings = SETTINGS.model_copy(update={"id_url": url, "api_url": url})
            client = SmaregiClient(
                Connection("store-a", settings, http, MemoryTokens(), lambda: NOW)
            )
            with pytest.raises(expected):
                await (
                    client.write("POST", "/customers", person)
                    if writes
                    else client.get("/customers", {})
                )
        assert len(twin.pos.customers) == (1 if kind == "drop_after" else 0)

    @pytest.mark.parametrize(("wait", "told"), [(7, 7.0), (None, None)])
    async def test_the_wait_is_passed_on_where_it_is_told(
        self, connect: Connect, twin: TwinApp, wait: int | None, told: float | None
    ) -> None:
        twin.faults.plan([Fault("rate_limited", "/stores", retry_after=wait)])
        with pytest.raises(RateLimited) as caught:
            await SmaregiClient(connect()).rows("/stores", {})
        assert caught.value.retry_after == told

    async def test_a_fault_of_the_token_host_is_no_missing_order(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        twin.faults.plan([Fault("server_error", "/token")])
        with pytest.raises(Unavailable):
            await SmaregiClient(connect()).get("/transactions/1", {})
