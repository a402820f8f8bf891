"""``renkei application add``: a credential that may ask for quotes and tell of activities only."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.services.till.terminals import APPLICATION_SCOPES
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def owner(
    server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The database that the command will use, as its owner sees it."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    engine = create_engine(server.url(database=database_name), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def test_an_application_gets_a_credential_of_its_own_scopes(
    renkei: Command, owner: Connection
) -> None:
    ran = renkei("application", "add", "--connection", "pos", "--name", "site", "--json")
    assert ran.code == 0, ran
    row = owner.execute(
        text(
            "SELECT t.store, t.till, c.scopes FROM terminal_credential c"
            " JOIN terminal t USING (terminal_id) WHERE c.key_id = :key"
        ),
        {"key": ran.document["key_id"]},
    ).one()
    assert tuple(row) == ("", "site", list(APPLICATION_SCOPES))
    assert ran.document["secret"]


def test_an_application_of_no_connection_is_refused(renkei: Command, owner: Connection) -> None:
    ran = renkei("application", "add", "--connection", "nowhere", "--name", "site")
    assert "no connection 'nowhere'" in ran.refusal


def test_a_cart_of_ones_own_gets_a_channel_of_its_own_once(
    renkei: Command, owner: Connection
) -> None:
    for name in ("site", "app"):
        ran = renkei(
            "application", "add", "--connection", "net", "--name", name, "--own-cart", "--json"
        )
        assert ran.code == 0, ran
    rows = owner.execute(text("SELECT vendor FROM connection WHERE connection_id = 'net'")).all()
    assert [tuple(row) for row in rows] == [("",)]


def test_a_channel_of_ones_own_needs_a_name_that_no_vendor_has(
    renkei: Command, owner: Connection
) -> None:
    add = ("application", "add", "--own-cart", "--name", "site", "--connection")
    assert "no name" in renkei(*add, "Net!").refusal
    owner.execute(text("UPDATE connection SET vendor = 'acme' WHERE connection_id = 'pos'"))
    assert "a connection to acme" in renkei(*add, "pos").refusal


def test_before_a_shop_is_connected_the_lists_say_so(renkei: Command, owner: Connection) -> None:
    shown = renkei("connections").out
    assert "the beginning" in shown
    assert "1970" not in shown
    assert "no shop is connected" in renkei("reconcile").out
