"""What a connection may be given."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from renkei_shopify.settings import ShopifySettings

GRANT = {"shop": "example.myshopify.com", "client_id": "id", "client_secret": "secret"}


@pytest.mark.parametrize(
    "given",
    [
        GRANT,
        {"shop": GRANT["shop"], "access_token": "t", "client_secret": "secret"},
        {"shop": GRANT["shop"], "access_token": "t", "notification_secrets": ["n"]},
        {**GRANT, "base_url": "http://127.0.0.1:8000"},
        {**GRANT, "base_url": "http://localhost:8000/"},
        {**GRANT, "base_url": "https://other.myshopify.com"},
        {**GRANT, "metafield_namespace": "loyalty"},
    ],
)
def test_usable_settings_are_taken(given: dict[str, Any]) -> None:
    assert ShopifySettings(**given).shop == "example.myshopify.com"


@pytest.mark.parametrize(
    "given",
    [
        {"shop": GRANT["shop"]},
        {"shop": GRANT["shop"], "client_id": "id"},
        {"shop": GRANT["shop"], "access_token": "t"},
        {**GRANT, "shop": "example.com"},
        {**GRANT, "shop": "example.myshopify.com.evil.test"},
        {**GRANT, "base_url": "http://example.myshopify.com"},
        {**GRANT, "base_url": "https://myshopify.com.evil.test"},
        {**GRANT, "base_url": "https://x.myshopify.com@evil.test"},
        {**GRANT, "base_url": "https://user@x.myshopify.com"},
        {**GRANT, "base_url": "http://169.254.169.254"},
        {**GRANT, "base_url": "file://127.0.0.1/etc/passwd"},
        {**GRANT, "api_version": "unstable"},
        {**GRANT, "unknown": "field"},
    ],
)
def test_unusable_settings_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ShopifySettings(**given)


def test_a_refusal_repeats_no_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        ShopifySettings(shop="no", client_id="id", client_secret="s3cr3t-value")
    assert "s3cr3t-value" not in str(caught.value)


def test_every_field_says_what_it_is_for() -> None:
    fields = ShopifySettings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


def test_an_address_that_the_vendor_calls_verified_is_not_trusted_unless_somebody_says_so() -> None:
    settings = ShopifySettings(
        shop="example.myshopify.com", client_id="id", client_secret=SecretStr("secret")
    )
    assert settings.trust_verified_email is False
