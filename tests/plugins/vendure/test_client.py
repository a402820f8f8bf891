"""Calling the Admin API: sessions, and every failure as the canonical error."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    SettingsInvalid,
    Unavailable,
)
from renkei_vendure.client import VendureClient
from renkei_vendure.documents import CUSTOMER, ORDER
from renkei_vendure.settings import VendureSettings

Connect = Callable[..., Connection[VendureSettings]]
Payload = Callable[[str], Any]


def failed(code: str | None, **data: Any) -> httpx.Response:
    extensions = {"extensions": {"code": code}} if code else {}
    error = {"message": "山田 花子 could not be found", **extensions}
    return httpx.Response(200, json={"errors": [error], "data": data or None})


async def ask(connection: Connection[VendureSettings], *, writes: bool = False) -> Any:
    return await VendureClient(connection).run(ORDER, {"id": "1"}, writes=writes)


class TestSession:
    async def test_it_logs_in_once(self, vendure: Any, connect: Connect) -> None:
        connection = connect()
        for _ in range(3):
            assert (await ask(connection))["order"]["id"] == "1"
        assert vendure.names() == ["Login", "Order", "Order", "Order"]

    async def test_the_token_is_kept_where_the_hub_keeps_tokens(
        self, vendure: Any, connect: Connect
    ) -> None:
        connection = connect()
        await ask(connection)
        assert await connection.tokens.current() == Token(vendure.token, None)

    async def test_a_session_that_is_over_is_renewed(self, vendure: Any, connect: Connect) -> None:
        connection = connect()
        await ask(connection)
        vendure.token = ""
        assert (await ask(connection, writes=True))["order"]["id"] == "1"
        assert vendure.names() == ["Login", "Order", "Order", "Login", "Order"]

    async def test_it_logs_in_again_only_once(self, vendure: Any, connect: Connect) -> None:
        vendure.answers["Order"] = failed("FORBIDDEN")
        with pytest.raises(AuthenticationFailed, match="permissions"):
            await ask(connect())
        assert vendure.names() == ["Login", "Order", "Login", "Order"]

    async def test_a_token_that_another_has_renewed_is_used(
        self, vendure: Any, connect: Connect
    ) -> None:
        connection = connect()
        await ask(connection)
        old = await connection.tokens.current()
        vendure.token = ""
        await ask(connection)
        logins = vendure.logins

        async def never(_: Token | None) -> Token:
            raise AssertionError("a token was fetched")

        assert await connection.tokens.replace(old, never) != old
        assert vendure.logins == logins

    async def test_a_refused_login_is_said_without_the_password(
        self, vendure: Any, connect: Connect
    ) -> None:
        with pytest.raises(AuthenticationFailed, match="username and password") as refusal:
            await ask(connect(password="wr0ng"))
        assert "wr0ng" not in str(refusal.value)

    async def test_a_shop_that_gives_cookies_only_is_a_matter_of_its_settings(
        self, vendure: Any, connect: Connect, payload: Payload
    ) -> None:
        vendure.answers["Login"] = httpx.Response(200, json=payload("login")["response"])
        with pytest.raises(SettingsInvalid, match="bearer"):
            await ask(connect())

    async def test_the_password_is_sent_in_the_login_only(
        self, mocked: respx.MockRouter, vendure: Any, connect: Connect
    ) -> None:
        await ask(connect())
        sent = [call.request.content.decode() for call in mocked.calls]
        assert ["the-s3cr3t-password" in body for body in sent] == [True, False]


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("ENTITY_NOT_FOUND", NotFound),
            ("INTERNAL_SERVER_ERROR", Unavailable),
            (None, Unavailable),
            ("a sentence about 山田", Unavailable),
            ("USER_INPUT_ERROR", Rejected),
        ],
    )
    async def test_each_code_is_a_canonical_error(
        self, vendure: Any, connect: Connect, code: str | None, error: type[RenkeiError]
    ) -> None:
        vendure.answers["Order"] = failed(code)
        with pytest.raises(error) as raised:
            await ask(connect())
        assert "山田" not in str(raised.value)

    async def test_a_failed_write_may_have_been_done(self, vendure: Any, connect: Connect) -> None:
        vendure.answers["Order"] = failed("INTERNAL_SERVER_ERROR")
        with pytest.raises(OutcomeUnknown):
            await ask(connect(), writes=True)

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, Rejected),
            (401, AuthenticationFailed),
            (404, SettingsInvalid),
            (429, RateLimited),
            (500, Unavailable),
            (503, Unavailable),
        ],
    )
    async def test_each_status_is_a_canonical_error(
        self, vendure: Any, connect: Connect, status: int, error: type[RenkeiError]
    ) -> None:
        vendure.answers["Order"] = httpx.Response(status)
        with pytest.raises(error):
            await ask(connect())

    async def test_a_limit_says_when_to_come_back(self, vendure: Any, connect: Connect) -> None:
        vendure.answers["Order"] = httpx.Response(429, headers={"retry-after": "7"})
        with pytest.raises(RateLimited) as limited:
            await ask(connect())
        assert limited.value.retry_after == 7

    @pytest.mark.parametrize(
        "answer",
        [b"", b"<html>", b"[]", b"null", b"{}", b'{"data": []}', b'{"errors": 1, "data": {}}'],
    )
    async def test_an_answer_that_is_none_is_refused(
        self, vendure: Any, connect: Connect, answer: bytes
    ) -> None:
        vendure.answers["Order"] = httpx.Response(200, content=answer)
        with pytest.raises(PayloadInvalid):
            await ask(connect())

    @pytest.mark.parametrize(
        ("fault", "writes", "error"),
        [
            (httpx.ConnectError, False, Unavailable),
            (httpx.ConnectError, True, Unavailable),
            (httpx.ReadTimeout, False, Unavailable),
            (httpx.ReadTimeout, True, OutcomeUnknown),
        ],
    )
    async def test_a_broken_line_says_whether_something_may_have_happened(
        self,
        mocked: respx.MockRouter,
        vendure: Any,
        connect: Connect,
        fault: type[Exception],
        writes: bool,
        error: type[RenkeiError],
    ) -> None:
        def break_down(request: httpx.Request) -> httpx.Response:
            if json.loads(request.content)["operationName"] == "Login":
                return vendure(request)  # type: ignore[no-any-return] # the fake is Any here
            raise fault("broken")

        mocked.routes[0].mock(side_effect=break_down)
        with pytest.raises(error):
            await ask(connect(), writes=writes)


async def test_a_document_is_sent_with_its_name_and_variables(
    mocked: respx.MockRouter, connect: Connect
) -> None:
    await VendureClient(connect()).run(CUSTOMER, {"id": "1"})
    sent = json.loads(mocked.calls.last.request.content)
    assert sent == {"query": CUSTOMER.text, "operationName": "Customer", "variables": {"id": "1"}}
