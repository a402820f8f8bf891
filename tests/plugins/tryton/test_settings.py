"""What a connection's settings accept, and what the plugin announces."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import renkei_tryton
from renkei_contracts.connection import Connection
from renkei_contracts.vendor import PROTOCOLS, Vendor
from renkei_tryton.settings import TrytonSettings

Connect = Callable[..., Connection[TrytonSettings]]

GIVEN = {"base_url": "https://t.example.jp", "database": "shop", "username": "u", "password": "p"}


def settings(**overrides: Any) -> TrytonSettings:
    return TrytonSettings.model_validate({**GIVEN, **overrides})


@pytest.mark.parametrize(
    "url",
    [
        "https://t.example.jp",
        "https://t.example.jp:8443/",
        "http://127.0.0.1:8000",
        "http://[::1]:1",
    ],
)
def test_https_and_loopback_are_addresses(url: str) -> None:
    assert settings(base_url=url).base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://t.example.jp",
        "http://127.0.0.1.example.jp",
        "https://",
        "ftp://127.0.0.1",
        "https://admin:x@t.example.jp",
        "https://t.example.jp/shop",
        "https://t.example.jp?db=shop",
        "t.example.jp",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(base_url=url)


@pytest.mark.parametrize(
    "change",
    [
        {"database": "../shop"},
        {"database": ""},
        {"store": "新宿店"},
        {"points_tender": ""},
        {"zone": "Tokyo"},
        {"zone": "../etc/passwd"},
        {"passwd": "x"},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**change)


def test_defaults_are_a_japanese_shop() -> None:
    given = settings()
    assert (given.store, given.points_tender, given.zone) == ("shop", "Points", "Asia/Tokyo")
    assert given.discount_codes == ("DISCOUNT",)


def test_every_setting_is_described_and_the_password_is_secret() -> None:
    assert all(field.description for field in TrytonSettings.model_fields.values())
    assert TrytonSettings.model_fields["password"].annotation is SecretStr
    assert "p4ss" not in repr(settings(password="p4ss"))


def test_a_refused_setting_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as error:
        settings(base_url="https://admin:s3cr3t@t.example.jp")
    assert "s3cr3t" not in str(error.value)


def test_the_plugin_announces_orders_a_check_a_twin_and_a_peer(connect: Connect) -> None:
    announced: list[Vendor] = []
    renkei_tryton.register_vendor(announced.append)
    (vendor,) = announced
    assert (vendor.name, list(vendor.capabilities())) == ("tryton", ["orders", "check"])
    assert vendor.twin is not None
    assert vendor.peer is not None
    for name in vendor.capabilities():
        assert isinstance(getattr(vendor, name)(connect()), PROTOCOLS[name])
