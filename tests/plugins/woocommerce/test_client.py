"""How a call proves who makes it, and what a list's headers say."""

from base64 import b64encode
from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from renkei_contracts.connection import Connection
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit.signature import hmac_sha256_base64
from renkei_woocommerce.client import WooCommerceClient
from renkei_woocommerce.oauth import signed
from renkei_woocommerce.settings import WooCommerceSettings
from renkei_woocommerce.twin_app import signature

Connect = Callable[..., Connection[WooCommerceSettings]]

KEY = ("ck_1", "cs_1")
SAID = (
    "GET&http%3A%2F%2Fwww.example.com%2Fwp-json%2Fwc%2Fv3%2Forders"
    "&oauth_consumer_key%3Dabc123%26oauth_signature_method%3DHMAC-SHA1"
)
"""The base string of the vendor's documentation, Authentication over HTTP."""


async def test_over_https_the_key_is_in_the_header_and_in_no_address(connect: Connect) -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, json=[])

    await WooCommerceClient(connect(answer)).rows("/orders", {"status": "any"})
    assert calls[0].headers["Authorization"] == "Basic " + b64encode(b"ck_1:cs_1").decode()
    query = parse_qs(calls[0].url.query.decode())
    assert query == {"status": ["any"], "per_page": ["100"], "page": ["1"]}


async def test_over_http_the_call_is_signed_and_the_secret_is_not_sent(connect: Connect) -> None:
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200, json={})

    plain = connect(answer, base_url="http://shop.example.jp", plain_http=True)
    client = WooCommerceClient(plain)
    for _ in range(2):
        await client.write("PUT", "/coupons/7", {"amount": "1"}, {"force": "a b,&=é~"})
    for call in calls:
        url = str(call.url)
        given = dict(parse_qsl(urlsplit(url).query))
        assert "Authorization" not in call.headers
        assert "cs_1" not in url
        assert "oauth_version" not in given
        assert given["oauth_timestamp"] == str(int(plain.now().timestamp()))
        assert given["force"] == "a b,&=é~"
        # The twin's own reading of the documentation, not the library's.
        assert given["oauth_signature"] == signature("PUT", url.partition("?")[0], given, "cs_1")
    nonces = {dict(call.url.params)["oauth_nonce"] for call in calls}
    assert len(nonces) == 2


def test_the_vendors_own_library_signs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded with WooCommerce 3.0.0 from PyPI (``OAuth.get_oauth_url``)."""
    nonce = "0123456789abcdef0123456789abcdef"
    query = "exclude=2%2C3&modified_after=2026-07-01T00%3A59%3A59&per_page=100"
    url = "http://shop.example.jp/wp-json/wc/v3/orders"
    monkeypatch.setattr("renkei_woocommerce.oauth.generate_token", lambda length: nonce)
    ours = dict(parse_qsl(urlsplit(signed("GET", f"{url}?{query}", *KEY, 1795771036)).query))
    theirs = {
        **dict(parse_qsl(query)),
        "oauth_consumer_key": "ck_1",
        "oauth_timestamp": "1795771036",
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_signature": "CUoFG/gteQbOKSQwCo8QJvCt3GExIkU6gyFAhRendhk=",
    }
    assert ours == theirs
    assert signature("GET", url, theirs, KEY[1]) == theirs["oauth_signature"]


def test_the_twin_signs_what_the_documentation_says() -> None:
    given = {"oauth_signature_method": "HMAC-SHA1", "oauth_consumer_key": "abc123"}
    made = signature("GET", "http://www.example.com/wp-json/wc/v3/orders", given, "cs")
    assert made == hmac_sha256_base64("cs&", SAID.encode())


async def test_short_lists_are_read_to_their_end(connect: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        return httpx.Response(200, json=[{"id": page}], headers={"X-WP-TotalPages": "3"})

    assert await WooCommerceClient(connect(answer)).all("/webhooks") == [
        {"id": 1},
        {"id": 2},
        {"id": 3},
    ]


async def test_without_headers_a_full_page_has_another_behind_it(connect: Connect) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        full = request.url.params["page"] == "1"
        return httpx.Response(200, json=[{"id": 1}] * (100 if full else 3))

    assert len(await WooCommerceClient(connect(answer)).all("/webhooks")) == 103


@pytest.mark.parametrize("told", [{"code": "x"}, [1], "text", None])
async def test_an_answer_that_is_no_list_is_invalid(connect: Connect, told: object) -> None:
    client = WooCommerceClient(connect(lambda request: httpx.Response(200, json=told)))
    with pytest.raises(PayloadInvalid):
        await client.rows("/orders", {})
