"""Tokens, the envelope of answers, and the canonical error of every failure."""

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
from renkei_shopify.client import ShopifyClient
from renkei_shopify.documents import CONNECTION_CHECK, POINTS_WRITE
from renkei_shopify.settings import ShopifySettings
from renkei_shopify.twin_app import TwinApp
from renkei_shopify.wire_graphql import TokenAnswer

Connect = Callable[..., Connection[ShopifySettings]]

SETTINGS = ShopifySettings(
    shop="example.myshopify.com", access_token="static-s3cr3t", client_secret="signing-s3cr3t"
)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> ShopifyClient:
    """A client whose vendor answers so."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    now = datetime(2026, 11, 26, tzinfo=UTC)
    return ShopifyClient(Connection("shop-a", SETTINGS, http, MemoryTokens(), lambda: now))


def failing(code: str | None, extensions: Any = None) -> ShopifyClient:
    """A client whose vendor answers 200 with one error of this code."""
    error = {"message": "a@example.com", "extensions": {"code": code} if code else None}
    body = {"errors": [error], "extensions": extensions}
    return answering(lambda _: httpx.Response(200, json=body))


class TestTokens:
    async def test_a_token_is_fetched_once_and_kept(self, connect: Connect, twin: TwinApp) -> None:
        client = ShopifyClient(connect())
        await client.run(CONNECTION_CHECK, {})
        await client.run(CONNECTION_CHECK, {})
        assert twin.granted == 1

    async def test_a_token_lasts_a_day(self, connect: Connect, now: datetime) -> None:
        connection = connect()
        await ShopifyClient(connection).run(CONNECTION_CHECK, {})
        token = await connection.tokens.current()
        assert token is not None
        assert token.expires_at == now + timedelta(seconds=86_399)

    async def test_a_refused_token_is_replaced_and_the_call_sent_again(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        client = ShopifyClient(connect())
        await client.run(CONNECTION_CHECK, {})
        twin.tokens.clear()
        await client.run(CONNECTION_CHECK, {})
        assert twin.granted == 2

    async def test_a_call_refused_twice_needs_a_person(
        self, connect: Connect, twin: TwinApp
    ) -> None:
        twin.faults.plan([Fault("unauthorized", "graphql"), Fault("unauthorized", "graphql")])
        with pytest.raises(AuthenticationFailed):
            await ShopifyClient(connect()).run(CONNECTION_CHECK, {})
        assert twin.granted == 2

    @pytest.mark.parametrize(("left", "fetched"), [(59, 1), (61, 0)])
    async def test_a_token_about_to_end_is_replaced_before_use(
        self, connect: Connect, twin: TwinApp, now: datetime, left: int, fetched: int
    ) -> None:
        connection = connect()
        old = Token("old", now + timedelta(seconds=left))
        twin.tokens["old"] = twin.shop.clock() + timedelta(hours=1)

        async def give(_: Token | None) -> Token:
            return old

        await connection.tokens.replace(None, give)
        await ShopifyClient(connection).run(CONNECTION_CHECK, {})
        assert twin.granted == fetched

    async def test_wrong_credentials_need_a_person(self, connect: Connect) -> None:
        with pytest.raises(AuthenticationFailed) as caught:
            await ShopifyClient(connect(client_secret="wr0ng")).run(CONNECTION_CHECK, {})
        assert "wr0ng" not in str(caught.value)

    async def test_a_static_token_is_sent_and_nothing_fetched(self) -> None:
        sent: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json={"data": {"shop": {}}})

        await answering(answer).run(CONNECTION_CHECK, {})
        assert [request.headers["x-shopify-access-token"] for request in sent] == ["static-s3cr3t"]

    async def test_a_refused_static_token_is_not_tried_again(self) -> None:
        calls: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            calls.append(request.url.path)
            return httpx.Response(401, json={"errors": "no"})

        with pytest.raises(AuthenticationFailed):
            await answering(answer).run(CONNECTION_CHECK, {})
        assert calls == ["/admin/api/2026-07/graphql.json"]


class TestErrors:
    async def test_a_throttled_call_waits_until_the_bucket_holds_its_cost(self) -> None:
        status = {"maximumAvailable": 2000.0, "currentlyAvailable": 35.0, "restoreRate": 100.0}
        cost = {"requestedQueryCost": 235, "actualQueryCost": None, "throttleStatus": status}
        with pytest.raises(RateLimited) as caught:
            await failing("THROTTLED", {"cost": cost}).run(CONNECTION_CHECK, {})
        assert caught.value.retry_after == 2.0

    @pytest.mark.parametrize(
        "extensions",
        [
            None,
            {},
            {"cost": None},
            {"cost": {"requestedQueryCost": 10}},
            {"cost": {"requestedQueryCost": 10, "throttleStatus": {"currentlyAvailable": 1}}},
            {
                "cost": {
                    "requestedQueryCost": 10,
                    "throttleStatus": {"currentlyAvailable": 1, "restoreRate": 0},
                }
            },
        ],
    )
    async def test_a_throttled_call_without_figures_does_not_say_how_long(
        self, extensions: Any
    ) -> None:
        with pytest.raises(RateLimited) as caught:
            await failing("THROTTLED", extensions).run(CONNECTION_CHECK, {})
        assert caught.value.retry_after is None

    @pytest.mark.parametrize(
        ("code", "writes", "expected"),
        [
            ("ACCESS_DENIED", False, AuthenticationFailed),
            ("INTERNAL_SERVER_ERROR", False, Unavailable),
            ("INTERNAL_SERVER_ERROR", True, OutcomeUnknown),
            ("THROTTLED", True, RateLimited),
            ("MAX_COST_EXCEEDED", False, Rejected),
            ("undefinedField", True, Rejected),
            (None, False, Rejected),
        ],
    )
    async def test_an_error_in_the_answer_says_what_to_do(
        self, code: str | None, writes: bool, expected: type[RenkeiError]
    ) -> None:
        with pytest.raises(expected) as caught:
            await failing(code).run(POINTS_WRITE, {"metafields": []}, writes=writes)
        assert "a@example.com" not in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "writes", "expected"),
        [
            (401, True, AuthenticationFailed),
            (403, False, AuthenticationFailed),
            (402, False, Rejected),
            (404, False, NotFound),
            (423, False, Rejected),
            (429, True, RateLimited),
            (500, False, Unavailable),
            (500, True, OutcomeUnknown),
            (503, True, Unavailable),
        ],
    )
    async def test_a_status_says_what_to_do(
        self, status: int, writes: bool, expected: type[RenkeiError]
    ) -> None:
        client = answering(lambda _: httpx.Response(status, json={"errors": "no"}))
        with pytest.raises(expected) as caught:
            await client.run(POINTS_WRITE, {"metafields": []}, writes=writes)
        assert "s3cr3t" not in str(caught.value)

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", PayloadInvalid),
            (b"<html>", PayloadInvalid),
            (b"[]", PayloadInvalid),
            (b"{}", PayloadInvalid),
            (b'{"data":null}', PayloadInvalid),
            (b'{"data":[]}', PayloadInvalid),
            (b'{"data":{},"errors":5}', PayloadInvalid),
            (b'{"errors":"Not Found"}', Rejected),
        ],
    )
    async def test_an_answer_that_is_none_is_refused(
        self, content: bytes, expected: type[RenkeiError]
    ) -> None:
        client = answering(lambda _: httpx.Response(200, content=content))
        with pytest.raises(expected):
            await client.run(CONNECTION_CHECK, {})


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
            ("rate_limited", False, RateLimited),
        ],
    )
    async def test_a_fault_of_the_vendor_ends_in_its_canonical_error(
        self, twin: TwinApp, kind: Any, writes: bool, expected: type[RenkeiError], now: datetime
    ) -> None:
        twin.faults.plan([Fault(kind, "RenkeiConnectionCheck")])
        async with serve(twin.asgi()) as url, httpx.AsyncClient(trust_env=False) as http:
            settings = SETTINGS.model_copy(update={"base_url": url})
            twin.tokens["static-s3cr3t"] = twin.shop.clock() + timedelta(hours=1)
            client = ShopifyClient(
                Connection("shop-a", settings, http, MemoryTokens(), lambda: now)
            )
            with pytest.raises(expected):
                await client.run(CONNECTION_CHECK, {}, writes=writes)

    async def test_retry_after_is_passed_on(self, connect: Connect, twin: TwinApp) -> None:
        twin.faults.plan([Fault("rate_limited", "graphql", retry_after=7)])
        with pytest.raises(RateLimited) as caught:
            await ShopifyClient(connect()).run(CONNECTION_CHECK, {})
        assert caught.value.retry_after == 7.0

    async def test_a_shop_that_is_down_is_unavailable(self, twin: TwinApp, now: datetime) -> None:
        async with serve(twin.asgi()) as url:
            settings = SETTINGS.model_copy(update={"base_url": url})
        async with httpx.AsyncClient(trust_env=False) as http:
            connection = Connection("shop-a", settings, http, MemoryTokens(), lambda: now)
            with pytest.raises(Unavailable):
                await ShopifyClient(connection).run(CONNECTION_CHECK, {}, writes=True)


def test_a_granted_token_is_not_in_its_repr() -> None:
    granted = TokenAnswer.model_validate({"access_token": "acc3ss", "expires_in": 86_399})
    assert "acc3ss" not in f"{granted!r} {granted}"
