"""Connecting a shop of any vendor, a till beside it, and what both are told."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Run = Callable[..., "CompletedProcess[str]"]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ACME = str(Path(__file__).parent / "acme")
SETTINGS = ("--set", "shop=my-shop", "--set", "api_key=hunter2")


@pytest.fixture
def with_acme(renkei: Run, server: EmbeddedServer, database_name: str) -> Run:
    """The same program where one more plugin is installed, on a database that runs already."""
    path = os.pathsep.join(filter(None, (ACME, os.environ.get("PYTHONPATH"))))
    here = {
        "PYTHONPATH": path,
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": KEY,
    }

    def run(*arguments: str, **environment: str) -> "CompletedProcess[str]":
        return renkei(*arguments, **here, **environment)

    return run


def document(ran: "CompletedProcess[str]") -> Any:
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def connections(renkei: Run) -> dict[str, Any]:
    listed = document(renkei("connections", "--json"))["connections"]
    return {one["id"]: one for one in listed}


def test_a_connected_shop_is_listed_with_the_address_its_vendor_calls(with_acme: Run) -> None:
    made = document(with_acme("connect", "acme", "--id", "shop-1", *SETTINGS, "--json"))
    assert made["webhook_url"].startswith("http://127.0.0.1:8470/webhooks/shop-1/")
    listed = connections(with_acme)["shop-1"]
    assert (listed["vendor"], listed["state"]) == ("acme", "active")
    assert listed["webhook_url"] == made["webhook_url"]


def test_the_address_is_the_public_one_where_there_is_one(with_acme: Run) -> None:
    ran = with_acme("connect", "acme", *SETTINGS, "--json", RENKEI_PUBLIC_URL="https://p.example/r")
    assert document(ran)["webhook_url"].startswith("https://p.example/r/webhooks/acme/")


def test_settings_may_come_from_the_environment(with_acme: Run) -> None:
    keys = {"RENKEI_CONNECT_SHOP": "my-shop", "RENKEI_CONNECT_API_KEY": "hunter2"}
    assert document(with_acme("connect", "acme", "--json", **keys))["id"] == "acme"


def test_missing_settings_are_one_line(with_acme: Run) -> None:
    ran = with_acme("connect", "acme", "--set", "shop=my-shop")
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert "missing settings: api_key" in line


def test_a_finding_that_blocks_refuses_the_connection(with_acme: Run) -> None:
    blocked = ("--set", "finding=Acme's own points are on", "--set", "blocks=true")
    ran = with_acme("connect", "acme", *SETTINGS, *blocked)
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert "Acme's own points are on" in line
    assert "acme" not in connections(with_acme)


def test_a_finding_that_does_not_block_is_told(with_acme: Run) -> None:
    ran = with_acme("connect", "acme", *SETTINGS, "--set", "finding=be careful", "--json")
    assert document(ran)["findings"] == ["be careful"]


def test_a_connection_that_is_there_is_not_made_again(with_acme: Run) -> None:
    document(with_acme("connect", "acme", *SETTINGS, "--json"))
    ran = with_acme("connect", "acme", *SETTINGS)
    assert ran.returncode == 2
    assert "--replace" in ran.stderr


def test_a_connection_with_new_settings_keeps_its_address(with_acme: Run) -> None:
    made = document(with_acme("connect", "acme", *SETTINGS, "--json"))
    new = ("--set", "shop=my-shop", "--set", "api_key=new", "--replace", "--json")
    assert document(with_acme("connect", "acme", *new)) == made


def test_a_till_gets_its_credential_once(with_acme: Run) -> None:
    document(with_acme("connect", "acme", *SETTINGS, "--json"))
    add = ("terminal", "add", "--connection", "acme", "--store", "1", "--till", "1", "--json")
    first, second = document(with_acme(*add)), document(with_acme(*add))
    assert first["terminal"] == second["terminal"]
    assert first["secret"] != second["secret"]


def test_a_till_of_an_unknown_connection_is_refused(with_acme: Run) -> None:
    add = ("terminal", "add", "--connection", "nowhere", "--store", "1", "--till", "1")
    ran = with_acme(*add)
    assert ran.returncode == 2
    assert "no connection 'nowhere'" in ran.stderr


def test_no_secret_is_shown_again(with_acme: Run) -> None:
    document(with_acme("connect", "acme", *SETTINGS, "--json"))
    for command in (("connections",), ("connections", "--json"), ("doctor", "--json")):
        assert "hunter2" not in with_acme(*command).stdout
