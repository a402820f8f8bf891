"""A connection's settings: where they may come from, and what is said when they are wrong."""

from pathlib import Path
from typing import Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from renkei.cli.connection_settings import from_environment, gather, is_secret
from renkei.errors import ConfigInvalid


class AcmeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    shop: str = Field(description="the shop's name")
    api_key: SecretStr = Field(description="from the admin page")
    old_keys: tuple[SecretStr, ...] = ()
    retries: int = 3


class UnsignedSettings(BaseModel):
    path_secret: SecretStr


ENOUGH = ("shop=my-shop", "api_key=k1")


def refused(*options: str, file: Path | None = None) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        gather(AcmeSettings, options, file, None)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_options_are_taken() -> None:
    assert gather(AcmeSettings, ENOUGH, None, None) == {"shop": "my-shop", "api_key": "k1"}


def test_a_value_may_hold_an_equals_sign() -> None:
    assert gather(AcmeSettings, ("shop=a=b", "api_key=k=="), None, None)["api_key"] == "k=="


def test_a_name_may_be_written_with_hyphens() -> None:
    assert gather(AcmeSettings, ("shop=a", "api-key=k"), None, None)["api_key"] == "k"


def test_a_list_is_written_as_json() -> None:
    given = gather(AcmeSettings, (*ENOUGH, 'old_keys=["k0"]'), None, None)
    assert given["old_keys"] == ["k0"]


def test_what_is_needed_this_time_is_asked_for_although_it_has_a_default() -> None:
    class ConsentSettings(BaseModel):
        redirect_url: str = ""

    for needed, given in (((), {}), (("redirect_url", "other"), {"redirect_url": "typed"})):
        assert gather(ConsentSettings, (), None, lambda *_: "typed", needed) == given
    with pytest.raises(ConfigInvalid, match="missing settings: redirect_url"):
        gather(ConsentSettings, (), None, None, ("redirect_url",))


def test_what_begins_like_json_must_be_json() -> None:
    assert refused(*ENOUGH, "old_keys=[k0").startswith("old_keys: ")


def test_a_secret_may_begin_like_json() -> None:
    assert gather(AcmeSettings, ("shop=a", "api_key={k["), None, None)["api_key"] == "{k["


def test_a_list_that_is_none_is_refused_with_how_it_is_written() -> None:
    assert refused(*ENOUGH, "old_keys=k0") == 'old_keys: write it as JSON, such as ["a", "b"]'


def test_a_list_that_is_asked_for_can_be_typed() -> None:
    class ListSettings(BaseModel):
        places: tuple[str, ...]

    assert gather(ListSettings, (), None, lambda *_: '["a"]') == {"places": ["a"]}


def test_an_option_without_a_value_is_refused() -> None:
    assert "NAME=VALUE" in refused("shop")


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    file.write_text('shop = "店"\napi_key = "k1"', encoding="utf-8")
    assert gather(AcmeSettings, (), file, None)["shop"] == "店"


def test_options_win_over_the_file_and_the_file_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SHOP", "API_KEY", "RETRIES"):
        monkeypatch.setenv(f"RENKEI_CONNECT_{name}", "1")
    file = tmp_path / "acme.toml"
    file.write_text('shop = "file"\napi_key = "file"')
    given = gather(AcmeSettings, ("shop=option",), file, None)
    assert given == {"shop": "option", "api_key": "file", "retries": "1"}


def test_only_settings_of_the_vendor_are_taken_from_the_environment() -> None:
    environment = {"RENKEI_CONNECT_SHOP": "a", "RENKEI_CONNECT_OTHER": "b", "SHOP": "c"}
    assert from_environment(AcmeSettings, environment) == {"shop": "a"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "gone.toml cannot be read" in refused(file=tmp_path / "gone.toml")


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    file.write_text("shop = ")
    assert "acme.toml is not TOML" in refused(file=file)


def test_what_is_missing_is_listed_with_the_ways_to_give_it() -> None:
    message = refused()
    assert "shop, api_key" in message
    assert "--set" in message
    assert "RENKEI_CONNECT_" in message


def test_a_person_is_asked_for_what_is_missing_and_secrets_are_hidden() -> None:
    asked: list[tuple[str, bool]] = []

    def ask(what: str, hidden: bool) -> str:
        asked.append((what, hidden))
        return "typed"

    assert gather(AcmeSettings, ("shop=a",), None, ask)["api_key"] == "typed"
    assert asked == [("api_key (from the admin page)", True)]


def test_an_unknown_setting_is_refused_with_those_that_exist() -> None:
    message = refused(*ENOUGH, "shoop=x")
    assert message.startswith("shoop is not a setting")
    assert "api_key" in message


def test_no_refusal_repeats_a_value() -> None:
    assert "hunter2" not in refused("shop=a", "api_key=k", "retries=hunter2")


def test_the_path_of_a_vendor_that_signs_nothing_need_not_be_given() -> None:
    assert gather(UnsignedSettings, (), None, None) == {}


def test_a_path_that_was_given_is_kept() -> None:
    assert gather(UnsignedSettings, ("path_secret=mine",), None, None) == {"path_secret": "mine"}


class EitherSettings(BaseModel):
    path_secret: SecretStr
    token: SecretStr = SecretStr("")
    note: str = ""

    @model_validator(mode="after")
    def _some_way_in(self) -> Self:
        if not self.token.get_secret_value():
            raise ValueError("give a token")
        return self


def test_what_the_vendor_wants_of_several_settings_is_said() -> None:
    with pytest.raises(ConfigInvalid, match=r"^give a token$"):
        gather(EitherSettings, (), None, None)


def test_a_person_is_asked_for_more_where_the_settings_do_not_go_together() -> None:
    def ask(what: str, hidden: bool) -> str:
        return "typed" if hidden else ""

    assert gather(EitherSettings, (), None, ask) == {"token": "typed"}


def test_secrets_are_known_by_their_type_also_inside_others() -> None:
    secret = {name for name, field in AcmeSettings.model_fields.items() if is_secret(field)}
    assert secret == {"api_key", "old_keys"}
