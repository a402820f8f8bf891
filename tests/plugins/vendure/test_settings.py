"""What a connection may be given."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from renkei_vendure.settings import VendureSettings

GIVEN = {
    "base_url": "https://vendure.example.jp/",
    "username": "renkei",
    "password": "the-s3cr3t",
    "webhook_secret": "another-s3cr3t",
}


def settings(**overrides: Any) -> VendureSettings:
    return VendureSettings.model_validate({**GIVEN, **overrides})


def test_the_defaults_show_points_in_hub_points_and_trust_no_address() -> None:
    made = settings()
    assert (made.base_url, made.points_field) == ("https://vendure.example.jp", "hubPoints")
    assert made.trust_verified_email is False


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000"]
)
def test_plain_http_is_for_this_machine(url: str) -> None:
    assert settings(base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://vendure.example.jp",
        "http://127.0.0.1.example.jp",
        "ftp://vendure.example.jp",
        "vendure.example.jp",
        "https://",
        "https://me@vendure.example.jp",
        "https://vendure.example.jp/shop",
        "https://vendure.example.jp?a=1",
        "",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        settings(base_url=url)


@pytest.mark.parametrize("field", ["", "hub points", "hubPoints } }", "1st", "a" * 64, "点"])
def test_a_points_field_is_a_plain_name(field: str) -> None:
    with pytest.raises(ValidationError):
        settings(points_field=field)


@pytest.mark.parametrize("name", ["password", "webhook_secret", "username"])
def test_nothing_secret_is_empty(name: str) -> None:
    with pytest.raises(ValidationError):
        settings(**{name: ""})


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError):
        settings(passwort="x")


@pytest.mark.parametrize("show", [str, repr])
def test_secrets_are_not_shown(show: Callable[[object], str]) -> None:
    assert "s3cr3t" not in show(settings(old_webhook_secret="old-s3cr3t"))


def test_a_refusal_does_not_repeat_what_was_given() -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(password=["the-s3cr3t"])
    assert "the-s3cr3t" not in str(refusal.value)


def test_every_setting_is_described_for_who_is_asked_for_it() -> None:
    assert all(field.description for field in VendureSettings.model_fields.values())
