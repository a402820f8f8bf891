"""Settings: where each may stand, which wins, and what is said when one is wrong."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from renkei.config import Settings, default_data_dir, load_settings
from renkei.errors import ConfigInvalid
from renkei.storage.embedded import default_home

KEY = base64.b64encode(bytes(32)).decode()
URL = "postgresql://app:hunter2@db.example/points"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    file = Path("renkei.toml")
    file.write_text(text, encoding="utf-8")
    return file


def refused(config: Path | None = None, **overrides: Any) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        load_settings(config, **overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_settings_the_hub_listens_on_loopback_and_runs_its_own_database() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.embedded) == ("127.0.0.1", 8470, True)


def test_the_database_of_a_hub_without_settings_lies_in_its_data_folder() -> None:
    assert default_home().parent == default_data_dir()


def test_a_file_in_the_current_folder_is_read() -> None:
    written('port = 9000\nhost = "0.0.0.0"')
    assert load_settings().port == 9000


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    written("port = 9000")
    monkeypatch.setenv("RENKEI_PORT", "9001")
    assert load_settings().port == 9001


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_PORT", "9001")
    assert load_settings(port=9002).port == 9002


def test_an_option_that_was_not_given_changes_nothing() -> None:
    written("port = 9000")
    assert load_settings(port=None).port == 9000


def test_a_named_file_is_read_instead(tmp_path: Path) -> None:
    written("port = 9000")
    other = tmp_path / "連携.toml"
    other.write_text("port = 9003", encoding="utf-8")
    assert load_settings(other).port == 9003


def test_the_environment_may_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text("port = 9004", encoding="utf-8")
    monkeypatch.setenv("RENKEI_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().port == 9004


def test_a_file_that_is_named_must_exist() -> None:
    message = refused(Path("gone.toml"))
    assert "gone.toml does not exist" in message
    assert "--config" in message


def test_a_folder_is_not_a_settings_file(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named() -> None:
    written("").chmod(0)
    assert "renkei.toml cannot be read (Permission denied)" in refused()


def test_bad_toml_is_named_with_its_line() -> None:
    written("port = 9000\nhost = ,")
    assert "renkei.toml is not TOML: Invalid value (at line 2, column 8)" in refused()


def test_a_file_in_another_encoding_is_refused() -> None:
    Path("renkei.toml").write_bytes("# 連携".encode("cp932"))
    assert "not UTF-8" in refused()


def test_an_unknown_key_is_named_with_those_that_exist() -> None:
    written("prot = 9000")
    message = refused()
    assert "renkei.toml: 'prot' is not a setting" in message
    assert "port" in message.partition("settings:")[2]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("port = 70000", "renkei.toml: port"),
        ('public_url = "example.jp"', "renkei.toml: public_url"),
        ('log_level = "loud"', "renkei.toml: log_level"),
        ("body_limit_bytes = 1", "renkei.toml: body_limit_bytes"),
        ('secret_key = "c2hvcnQ="', "renkei.toml: secret_key"),
        ('database_url = "mysql://x/y"', "renkei.toml: database_url"),
    ],
)
def test_a_bad_value_is_named_with_its_place(text: str, where: str) -> None:
    written(text)
    assert refused().startswith(where)


def test_a_bad_value_of_the_environment_is_said_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RENKEI_PORT", "many")
    assert refused().startswith("RENKEI_PORT: ")


def test_a_bad_option_is_said_to_be_one() -> None:
    assert refused(log_level="loud").startswith("--log-level: ")


def test_two_faults_are_both_named() -> None:
    written('port = 70000\nlog_level = "loud"')
    message = refused()
    assert "port" in message
    assert "log_level" in message


def test_a_database_of_ones_own_needs_a_secret_key() -> None:
    message = refused(database_url=URL)
    assert "secret_key is missing" in message
    assert "RENKEI_SECRET_KEY" in message


def test_a_database_url_is_taken_for_the_driver_in_use() -> None:
    settings = load_settings(database_url=URL, secret_key=KEY)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().startswith("postgresql+psycopg://app:hunter2@")
    assert not settings.embedded


@pytest.mark.parametrize(
    "given", [{"database_url": URL}, {"database_url": "mysql://app:hunter2@db/points"}]
)
def test_no_refusal_repeats_a_secret(given: dict[str, Any]) -> None:
    assert "hunter2" not in refused(**given)


def test_settings_do_not_show_secrets() -> None:
    shown = repr(load_settings(database_url=URL, secret_key=KEY))
    assert "hunter2" not in shown
    assert KEY not in shown


@pytest.mark.parametrize("given", ["acme, other", ["acme", "other"]])
def test_disabled_plugins_are_a_list_or_names_with_commas(given: object) -> None:
    assert load_settings(disabled_plugins=given).disabled_plugins == {"acme", "other"}


def test_disabled_plugins_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_DISABLED_PLUGINS", "acme,other")
    assert load_settings().disabled_plugins == {"acme", "other"}


def test_a_home_folder_is_spelled_out() -> None:
    assert load_settings(data_dir="~/points").data_dir == Path.home() / "points"


def test_an_empty_folder_is_not_the_one_that_a_command_is_given_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RENKEI_DATA_DIR", "")
    assert "must not be empty" in refused()


def test_a_home_of_nobody_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENKEI_DATA_DIR", "~nobody-of-this-name/points")
    assert "no user of this machine has that home" in refused()


@pytest.mark.parametrize("name", ["data_dir", "postgres_bin"])
def test_what_can_be_no_folder_is_said(name: str) -> None:
    Path("renkei.toml").write_text(f'{name} = "a\\u0000b"')
    assert f"{name}: no folder can have such a name" in refused()


def test_settings_are_described_where_their_name_cannot_say_it() -> None:
    undescribed = {name for name, field in Settings.model_fields.items() if not field.description}
    assert undescribed == {"log_level"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://a:b@127.0.0.1:notaport/x",
        "postgresql://a:b@[::1/x",
        "postgresql://a:b@db..example/x",
    ],
)
def test_an_address_of_a_database_that_is_none_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("RENKEI_DATABASE_URL", url)
    monkeypatch.setenv("RENKEI_SECRET_KEY", "azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=")
    with pytest.raises(ConfigInvalid, match="must be postgresql://") as refusal:
        load_settings()
    assert "\n" not in str(refusal.value)
