"""Settings: hosts by contract and environment, and secrets that stay secret."""

from typing import Any

import pytest
from pydantic import ValidationError

from renkei_smaregi.settings import SmaregiSettings

GIVEN: dict[str, Any] = {"contract_id": "sb_x1", "client_id": "c", "client_secret": "hush"}


class TestHosts:
    @pytest.mark.parametrize(("sandbox", "domain"), [(True, "smaregi.dev"), (False, "smaregi.jp")])
    def test_the_environment_decides_the_hosts(self, sandbox: bool, domain: str) -> None:
        settings = SmaregiSettings(**GIVEN, sandbox=sandbox)
        assert settings.token_endpoint() == f"https://id.{domain}/app/sb_x1/token"
        assert settings.address("/stores") == f"https://api.{domain}/sb_x1/pos/stores"

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:8000/", "http://localhost", "http://[::1]:1"]
    )
    def test_a_twin_on_loopback_may_stand_in(self, url: str) -> None:
        settings = SmaregiSettings(**GIVEN, id_url=url, api_url=url)
        assert settings.address("/stores") == url.rstrip("/") + "/sb_x1/pos/stores"

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example",
            "https://api.smaregi.jp.evil.example",
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1.nip.io",
            "ftp://127.0.0.1",
            "127.0.0.1",
        ],
    )
    @pytest.mark.parametrize("field", ["id_url", "api_url"])
    def test_no_other_host_gets_the_secret(self, field: str, url: str) -> None:
        with pytest.raises(ValidationError):
            SmaregiSettings(**GIVEN, **{field: url})


class TestFields:
    @pytest.mark.parametrize("contract", ["", "a/b", "a b", "..", "契約", "x" * 65, "a\n"])
    def test_a_contract_that_does_not_fit_an_address_is_refused(self, contract: str) -> None:
        with pytest.raises(ValidationError):
            SmaregiSettings(**{**GIVEN, "contract_id": contract})

    @pytest.mark.parametrize("name", ["contract_id", "client_id", "client_secret"])
    def test_what_is_needed_to_log_in_is_required(self, name: str) -> None:
        with pytest.raises(ValidationError):
            SmaregiSettings(**{key: value for key, value in GIVEN.items() if key != name})

    @pytest.mark.parametrize("name", ["", "X Y", "X:Y", "Ｘ", "X\r\nY"])
    def test_a_header_that_can_be_none_is_refused(self, name: str) -> None:
        with pytest.raises(ValidationError):
            SmaregiSettings(**GIVEN, header_name=name)

    def test_an_unknown_field_is_refused(self) -> None:
        with pytest.raises(ValidationError):
            SmaregiSettings.model_validate({**GIVEN, "header_secert": "typo"})

    def test_every_field_says_what_it_is(self) -> None:
        assert all(field.description for field in SmaregiSettings.model_fields.values())

    def test_secrets_are_not_shown(self) -> None:
        settings = SmaregiSettings(**GIVEN, header_secret="hush-2", path_secret="hush-3")
        assert "hush" not in repr(settings)
