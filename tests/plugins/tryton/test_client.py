"""Sessions, the context of every search, and the canonical error of every failure."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from renkei_contracts.connection import Connection, Token
from renkei_contracts.errors import (
    AuthenticationFailed,
    PayloadInvalid,
    RateLimited,
    Rejected,
    RenkeiError,
    SettingsInvalid,
    Unavailable,
)
from renkei_tryton.client import TrytonClient
from renkei_tryton.settings import TrytonSettings

Connect = Callable[..., Connection[TrytonSettings]]
Payload = Callable[[str], Any]

LOGIN = "common.db.login"
PREFERENCES = "model.res.user.get_preferences"
SEARCH = "model.sale.point.search_read"


async def search(connection: Connection[TrytonSettings]) -> list[dict[str, Any]]:
    return await TrytonClient(connection).search("sale.point", [], ["name"])


def recorded(exchange: Any) -> httpx.Response:
    """The recorded answer as it came."""
    response = exchange["response"]
    if isinstance(response, str):
        return httpx.Response(exchange["status"], text=response)
    return httpx.Response(exchange["status"], json=response)


class TestSession:
    async def test_one_login_serves_many_calls(self, connect: Connect, tryton: Any) -> None:
        connection = connect()
        await search(connection)
        await search(connection)
        assert tryton.logins == 1

    async def test_a_session_that_idled_out_is_renewed_and_the_call_sent_again(
        self, connect: Connect, tryton: Any
    ) -> None:
        connection = connect()
        await search(connection)
        tryton.sessions.clear()
        assert [row["id"] for row in await search(connection)] == [1, 2]
        assert tryton.logins == 2

    async def test_the_session_is_the_hubs_to_keep(self, connect: Connect, tryton: Any) -> None:
        connection = connect()
        await search(connection)
        token = await connection.tokens.current()
        assert token is not None
        assert f"Session {token.access}" in tryton.sessions
        assert token.expires_at is None

    async def test_a_session_somebody_else_renewed_is_used(
        self, connect: Connect, tryton: Any
    ) -> None:
        connection = connect()
        other = Token(access="b3RoZXI=", expires_at=None)

        async def fetch(_: Token | None) -> Token:
            return other

        await connection.tokens.replace(None, fetch)
        tryton.sessions = {f"Session {other.access}"}
        await search(connection)
        assert tryton.logins == 0

    async def test_a_call_refused_twice_needs_a_person(self, connect: Connect, tryton: Any) -> None:
        tryton.answers[PREFERENCES] = httpx.Response(401)
        with pytest.raises(AuthenticationFailed):
            await search(connect())
        assert tryton.calls.count(LOGIN) == 2
        assert tryton.calls.count(PREFERENCES) == 2

    async def test_a_wrong_password_needs_a_person(self, connect: Connect, tryton: Any) -> None:
        with pytest.raises(AuthenticationFailed):
            await search(connect(password="wrong"))
        assert tryton.calls == [LOGIN]

    @pytest.mark.parametrize("result", [None, [], [1], ["1", "x"], {"session": "x"}], ids=str)
    async def test_a_login_that_names_no_session_is_not_understood(
        self, connect: Connect, tryton: Any, result: Any
    ) -> None:
        tryton.answers[LOGIN] = httpx.Response(200, json={"id": 0, "result": result})
        with pytest.raises(PayloadInvalid):
            await search(connect())

    async def test_a_name_that_is_not_ascii_can_log_in(self, connect: Connect, tryton: Any) -> None:
        await search(connect(username="店長"))
        assert tryton.logins == 1


async def test_rows_are_searched_in_the_users_own_context(
    connect: Connect, tryton: Any, payload: Payload
) -> None:
    await search(connect())
    assert tryton.contexts == [payload("preferences")["response"]["result"]]


class TestErrors:
    @pytest.mark.parametrize(
        ("name", "error"),
        [
            ("unknown-model", Rejected),
            ("unknown-field", Rejected),
            ("sales-gone", Rejected),
            ("not-logged-in", AuthenticationFailed),
            ("session-expired", AuthenticationFailed),
            ("unknown-database", SettingsInvalid),
        ],
    )
    async def test_what_a_real_tryton_answered(
        self,
        connect: Connect,
        tryton: Any,
        payload: Payload,
        name: str,
        error: type[RenkeiError],
    ) -> None:
        tryton.answers[SEARCH] = recorded(payload(name))
        with pytest.raises(error):
            await search(connect())

    async def test_a_missing_module_is_named(
        self, connect: Connect, tryton: Any, payload: Payload
    ) -> None:
        tryton.answers[SEARCH] = recorded(payload("unknown-model"))
        with pytest.raises(Rejected, match=r"'no\.such'"):
            await search(connect())

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (httpx.Response(429, headers={"retry-after": "7"}), RateLimited),
            (httpx.Response(429), RateLimited),
            (httpx.Response(500), Unavailable),
            (httpx.Response(502, text="<html>"), Unavailable),
            (httpx.Response(503), Unavailable),
            (httpx.Response(403), AuthenticationFailed),
            (httpx.Response(400), Rejected),
            (httpx.Response(200, text="<html>"), PayloadInvalid),
            (httpx.Response(200, json=[]), PayloadInvalid),
            (httpx.Response(200, json={"id": 0}), PayloadInvalid),
            (httpx.Response(200, json={"id": 0, "error": None}), PayloadInvalid),
            (httpx.Response(200, json={"id": 0, "result": {"a": 1}}), PayloadInvalid),
            (httpx.Response(200, json={"id": 0, "result": [1]}), PayloadInvalid),
            (httpx.Response(200, json={"id": 0, "error": ["UserWarning", []]}), Rejected),
            (httpx.Response(200, json={"id": 0, "error": ["disk full", ""]}), Unavailable),
            (
                httpx.Response(200, json={"id": 0, "error": ["ConcurrencyException", "x"]}),
                Unavailable,
            ),
        ],
        ids=lambda value: "" if isinstance(value, type) else f"{value.status_code} {value.text}",
    )
    async def test_every_failure_is_a_canonical_error(
        self, connect: Connect, tryton: Any, answer: httpx.Response, error: type[RenkeiError]
    ) -> None:
        tryton.answers[SEARCH] = answer
        with pytest.raises(error):
            await search(connect())

    async def test_how_long_to_wait_is_passed_on(self, connect: Connect, tryton: Any) -> None:
        tryton.answers[LOGIN] = httpx.Response(429, headers={"retry-after": "7"})
        with pytest.raises(RateLimited) as error:
            await search(connect())
        assert error.value.retry_after == 7

    @pytest.mark.parametrize("cause", [httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError])
    async def test_a_broken_connection_is_for_later(
        self, connect: Connect, mocked: Any, cause: type[httpx.TransportError]
    ) -> None:
        mocked.post("https://tryton.example.jp/shop/rpc/").mock(side_effect=cause("broken"))
        with pytest.raises(Unavailable):
            await search(connect())


class TestPrivacy:
    async def test_neither_secret_nor_personal_data_is_told(
        self, connect: Connect, tryton: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        said = ["UserError", ["You may not read 山田 花子.", "", None]]
        tryton.answers[SEARCH] = httpx.Response(200, json={"id": 0, "error": said})
        connection = connect()
        with pytest.raises(Rejected) as error:
            await search(connection)
        told = "".join(traceback.format_exception(error.value)) + caplog.text + repr(connection)
        for secret in ("the-s3cr3t-password", "session-1", "花子"):
            assert secret not in told

    async def test_a_refused_login_does_not_tell_the_password(self, connect: Connect) -> None:
        with pytest.raises(AuthenticationFailed) as error:
            await search(connect(password="-".join(("wr0ng", "s3cr3t"))))
        assert "wr0ng-s3cr3t" not in "".join(traceback.format_exception(error.value))
