"""What a connection must know."""

import pytest
from pydantic import ValidationError

from renkei_woocommerce.settings import WooCommerceSettings

GIVEN = {"base_url": "https://shop.example.jp/", "consumer_key": "ck_1", "consumer_secret": "cs"}


def made(**changed: object) -> WooCommerceSettings:
    return WooCommerceSettings.model_validate({**GIVEN, **changed})


def test_the_api_is_below_the_shops_address() -> None:
    assert made().address("/orders") == "https://shop.example.jp/wp-json/wc/v3/orders"
    below = made(base_url="https://example.jp/store")
    assert below.address("/orders") == "https://example.jp/store/wp-json/wc/v3/orders"


def test_plain_http_is_taken_on_this_machine_or_where_it_was_chosen() -> None:
    assert made(base_url="http://127.0.0.1:8080").base_url == "http://127.0.0.1:8080"
    assert made(base_url="http://shop.example.jp", plain_http=True).plain_http
    with pytest.raises(ValidationError):
        made(base_url="http://shop.example.jp")


@pytest.mark.parametrize(
    "url", ["ftp://shop.example.jp", "https://", "https://a:b@shop.jp", "https://shop.jp/?a=b"]
)
def test_an_address_is_one_of_a_shop(url: str) -> None:
    with pytest.raises(ValidationError):
        made(base_url=url, plain_http=True)


def test_a_secret_is_read_as_written_and_with_its_entities_decoded() -> None:
    assert made(webhook_secret="a&amp;b").signing_secrets() == ("a&amp;b", "a&b")
    assert made(webhook_secret="a&b").signing_secrets() == ("a&b",)
    assert made(webhook_secret="a", old_webhook_secret="b").signing_secrets() == ("a", "b")
    assert made().signing_secrets() == ()
