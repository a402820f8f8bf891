"""Authorization: the code goes to the token endpoint once, and both tokens are kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import (
    AuthenticationFailed,
    RenkeiError,
    SettingsInvalid,
    SignatureInvalid,
)
from renkei_contracts.testing.shop import HANAKO
from renkei_eccube.install import EccubeInstall
from renkei_eccube.settings import EccubeSettings
from renkei_eccube.sync import EccubeMembers
from renkei_eccube.twin_oauth import REDIRECT_URL
from renkei_eccube.twin_shop import TwinShop

Connect = Callable[..., Connection[EccubeSettings]]
STATE = "state-5e1f0c"


async def consent(connection: Connection[EccubeSettings]) -> str:
    """The query that the owner's browser brings back."""
    url = EccubeInstall(connection).authorize_url(STATE, REDIRECT_URL)
    answer = await connection.http.get(url)
    return urlsplit(answer.headers["location"]).query


def callback(query: str, clock: Any) -> Delivery:
    return Delivery("shop", clock(), (), query.encode())


def test_the_owner_is_asked_in_the_administration_for_both_scopes(connect: Connect) -> None:
    connection = connect(admin_route="k4nri")
    url = urlsplit(EccubeInstall(connection).authorize_url(STATE, REDIRECT_URL))
    assert url.path == "/k4nri/authorize"
    asked = parse_qs(url.query)
    assert (asked["scope"], asked["state"]) == (["read write"], [STATE])
    assert (asked["response_type"], asked["redirect_uri"]) == (["code"], [REDIRECT_URL])


def test_a_callback_that_is_not_registered_is_refused_before_the_owner_sees_it(
    connect: Connect,
) -> None:
    with pytest.raises(SettingsInvalid, match=r"redirect_url .*https://elsewhere\.example\.jp/,"):
        EccubeInstall(connect()).authorize_url(STATE, "https://elsewhere.example.jp/")


async def test_the_tokens_of_a_consent_open_the_shop_for_longer_than_an_hour(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    id = str(shop.register(HANAKO).id)
    shop.commit()
    connection = connect(refresh_token="")
    await EccubeInstall(connection).finish(callback(await consent(connection), clock))
    for _ in range(3):
        assert (await EccubeMembers(connection).fetch(id)).family_name == "山田"
        clock.forward(timedelta(seconds=4_000))


async def test_a_new_consent_replaces_tokens_that_are_over(
    shop: TwinShop, connect: Connect, clock: Any
) -> None:
    id = str(shop.register(HANAKO).id)
    shop.commit()
    connection = connect()
    await EccubeMembers(connection).fetch(id)
    before = await connection.tokens.current()
    await EccubeInstall(connection).finish(callback(await consent(connection), clock))
    after = await connection.tokens.current()
    assert before is not None
    assert after is not None
    assert before.refresh != after.refresh


async def test_another_code_or_one_that_is_too_old_brings_no_token(
    connect: Connect, clock: Any
) -> None:
    connection = connect()
    query = await consent(connection)
    other = callback(urlencode({"code": "another", "state": STATE}), clock)
    with pytest.raises(AuthenticationFailed):
        await EccubeInstall(connection).finish(other)
    clock.forward(timedelta(seconds=601))
    with pytest.raises(AuthenticationFailed):
        await EccubeInstall(connection).finish(callback(query, clock))
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
        await EccubeInstall(connect()).finish(callback(query, clock))
    assert not transport.calls
