"""``renkei till-test`` on the hub's machine: the fixed members, and what must be said."""

from collections.abc import Callable
from typing import Any

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei.till_test.members import OTHERS, RICH, SHARED_PHONE

Command = Callable[..., Any]


def test_the_fixed_members_are_made_and_an_incomplete_call_is_refused(
    renkei: Command, server: EmbeddedServer, database_name: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    made = renkei("till-test", "--prepare", "pos", "--json").document
    assert made == {
        "member with points": RICH,
        "members with one phone number": [*OTHERS],
        "phone": SHARED_PHONE,
    }
    assert "100000" in renkei("balance", RICH).out.replace(",", "")
    assert "--prepare" in renkei("till-test", "--url", "http://127.0.0.1:1").err
    address = ("--key", "k", "--secret", "s", "--store", "s", "--till", "1", "--url", "hub.example")
    assert "http://" in renkei("till-test", *address).refusal
    assert "no connection nobody" in renkei("till-test", "--prepare", "nobody").refusal
