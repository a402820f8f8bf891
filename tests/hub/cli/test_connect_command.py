"""Connecting a shop of any vendor, a till beside it, and what both are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ACME = Path(__file__).parent / "acme"
SETTINGS = ("--set", "shop=my-shop", "--set", "api_key=hunter2")


@pytest.fixture(autouse=True)
def _with_acme(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more plugin is installed, and the database runs already."""
    monkeypatch.syspath_prepend(ACME)
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)


def connections(renkei: Command) -> dict[str, Any]:
    listed = renkei("connections", "--json").document["connections"]
    return {one["id"]: one for one in listed}


def test_a_connected_shop_is_listed_with_the_address_its_vendor_calls(renkei: Command) -> None:
    made = renkei("connect", "acme", "--id", "shop-1", *SETTINGS, "--json").document
    assert made["webhook_url"].startswith("http://127.0.0.1:8470/webhooks/shop-1/")
    listed = connections(renkei)["shop-1"]
    assert (listed["vendor"], listed["state"]) == ("acme", "active")
    assert listed["webhook_url"] == made["webhook_url"]


def test_the_address_is_the_public_one_where_there_is_one(
    renkei: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_PUBLIC_URL", "https://p.example/r")
    made = renkei("connect", "acme", *SETTINGS, "--json").document
    assert made["webhook_url"].startswith("https://p.example/r/webhooks/acme/")


def test_settings_may_come_from_the_environment(
    renkei: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENKEI_CONNECT_SHOP", "my-shop")
    monkeypatch.setenv("RENKEI_CONNECT_API_KEY", "hunter2")
    assert renkei("connect", "acme", "--json").document["id"] == "acme"


def test_missing_settings_are_one_line(renkei: Command) -> None:
    ran = renkei("connect", "acme", "--set", "shop=my-shop")
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert "missing settings: api_key" in line


def test_a_finding_that_blocks_refuses_the_connection(renkei: Command) -> None:
    blocked = ("--set", "finding=Acme's own points are on", "--set", "blocks=true")
    ran = renkei("connect", "acme", *SETTINGS, *blocked)
    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert "Acme's own points are on" in line
    assert "acme" not in connections(renkei)


def test_a_finding_that_does_not_block_is_told(renkei: Command) -> None:
    made = renkei("connect", "acme", *SETTINGS, "--set", "finding=be careful", "--json").document
    assert made["findings"] == ["be careful"]


def test_a_connection_that_is_there_is_not_made_again(renkei: Command) -> None:
    assert renkei("connect", "acme", *SETTINGS).code == 0
    ran = renkei("connect", "acme", *SETTINGS)
    assert ran.code == 2
    assert "--replace" in ran.err


def test_a_connection_with_new_settings_keeps_its_address(renkei: Command) -> None:
    made = renkei("connect", "acme", *SETTINGS, "--json").document
    new = ("--set", "shop=my-shop", "--set", "api_key=new", "--replace", "--json")
    assert renkei("connect", "acme", *new).document == made


def test_a_till_gets_its_credential_once(renkei: Command) -> None:
    assert renkei("connect", "acme", *SETTINGS).code == 0
    add = ("terminal", "add", "--connection", "acme", "--store", "1", "--till", "1", "--json")
    first, second = renkei(*add).document, renkei(*add).document
    assert first["terminal"] == second["terminal"]
    assert first["secret"] != second["secret"]


def test_a_till_of_an_unknown_connection_is_refused(renkei: Command) -> None:
    add = ("terminal", "add", "--connection", "nowhere", "--store", "1", "--till", "1")
    ran = renkei(*add)
    assert ran.code == 2
    assert "no connection 'nowhere'" in ran.err


def test_no_secret_is_shown_again(renkei: Command) -> None:
    assert renkei("connect", "acme", *SETTINGS).code == 0
    for command in (("connections",), ("connections", "--json"), ("doctor", "--json")):
        assert "hunter2" not in renkei(*command).out
