"""Authorization: the code goes to the token endpoint once, and the token is kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from renkei_colorme import wire
from renkei_colorme.install import ColormeInstall
from renkei_colorme.settings import ColormeSettings
from renkei_colorme.sync import ColormeMembers
from renkei_colorme.twin_app import REDIRECT_URL
from renkei_colorme.twin_shop import TwinShop
from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    AuthenticationFailed,
    PayloadInvalid,
    RenkeiError,
    SettingsInvalid,
    SignatureInvalid,
)
from renkei_contracts.testing.shop import HANAKO

Connect = Callable[..., Connection[ColormeSettings]]
STATE = "state-5e1f0c"


async def consent(connection: Connection[ColormeSettings]) -> str:
    """The query that the owner's browser brings back."""
    answer = await connection.http.get(
        ColormeInstall(connection).authorize_url(STATE, REDIRECT_URL)
    )
    return urlsplit(answer.headers["location"]).query


def callback(query: str, clock: Any) -> Delivery:
    return Delivery("shop", clock(), (), query.encode())


def test_consent_asks_for_points_and_orders(connect: Connect) -> None:
    url = ColormeInstall(connect()).authorize_url(STATE, REDIRECT_URL)
    asked = parse_qs(urlsplit(url).query)
    assert {"read_sales", "write_sales"} <= set(asked["scope"][0].split())
    assert (asked["response_type"], asked["state"]) == (["code"], [STATE])


def test_a_callback_that_is_not_registered_is_refused_before_the_owner_sees_it(
    connect: Connect,
) -> None:
    with pytest.raises(SettingsInvalid, match="redirect_url"):
        ColormeInstall(connect()).authorize_url(STATE, "https://elsewhere.example.jp/")


async def test_the_token_is_kept_for_ever_and_opens_the_shop(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    id = str(shop.register(HANAKO)["id"])
    connection = connect(access_token="")
    await ColormeInstall(connection).finish(callback(await consent(connection), clock))
    token = await connection.tokens.current()
    assert token is not None
    assert token.expires_at is None
    assert (await ColormeMembers(connection).fetch(id)).family_name == "山田"


async def test_another_code_or_one_that_is_too_old_brings_no_token(
    connect: Connect, clock: Any
) -> None:
    connection = connect(access_token="")
    other = callback(urlencode({"code": "another", "state": STATE}), clock)
    query = await consent(connection)
    with pytest.raises(AuthenticationFailed):
        await ColormeInstall(connection).finish(other)
    clock.forward(timedelta(seconds=601))
    with pytest.raises(AuthenticationFailed):
        await ColormeInstall(connection).finish(callback(query, clock))
    assert await connection.tokens.current() is None


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("", SignatureInvalid),
        ("code=1", SignatureInvalid),
        ("state=1", SignatureInvalid),
        ("code=1&code=2&state=3", SignatureInvalid),
        ("error=access_denied&error_description=x&state=1", AuthenticationFailed),
        ("a=" * 9_000, SignatureInvalid),
    ],
)
async def test_what_is_no_consent_is_refused_without_a_call(
    connect: Connect, clock: Any, transport: Any, query: str, error: type[RenkeiError]
) -> None:
    with pytest.raises(error):
        await ColormeInstall(connect()).finish(callback(query, clock))
    assert not transport.calls


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"access_token": "t", "token_type": "Bearer", "scope": "read_sales"}, "write_sales"),
        ({"access_token": ""}, "access_token"),
        ({"access_token": "山"}, "access_token"),
        ({}, "access_token"),
        ([], "access token"),
    ],
)
async def test_a_token_that_is_none_or_opens_too_little_is_not_kept(
    connect: Connect, clock: Any, answer: object, error: str
) -> None:
    connection = connect()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    async with httpx.AsyncClient(transport=transport) as http:
        told = Connection("shop", connection.settings, http, connection.tokens, clock)
        with pytest.raises((AuthenticationFailed, PayloadInvalid), match=error):
            await ColormeInstall(told).finish(callback(f"code=1&state={STATE}", clock))
    assert await connection.tokens.current() is None


def test_a_granted_token_is_not_in_its_repr() -> None:
    granted = wire.Token.model_validate({"access_token": "acc3ss", "scope": "read_sales"})
    assert "acc3ss" not in f"{granted!r} {granted}"
