"""``renkei ledger verify``: the exit code, the findings for a person and for a program."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def books(
    server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """The database that the command will use, as its owner sees it."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    engine = create_engine(server.url(database=database_name), isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def test_books_that_hold_are_exit_code_zero(renkei: Command, books: Connection) -> None:
    ran = renkei("ledger", "verify")
    assert ran.code == 0
    assert "invariants hold over 0 transactions of 0 members" in ran.out


def test_a_finding_is_exit_code_one_and_named(renkei: Command, books: Connection) -> None:
    books.execute(text("UPDATE feed_head SET seq = 7"))
    ran = renkei("ledger", "verify", "--json")
    assert ran.code == 1
    assert ran.document["ok"] is False
    (finding,) = ran.document["findings"]
    assert finding["invariant"] == "the feed has no gap"
    head = books.execute(text("SELECT seq FROM feed_head")).scalar_one()
    assert head > 6
    assert finding["subject"] == f"feed lane 0 head {head}"
    assert "the feed has no gap" in renkei("ledger", "verify").out


def test_one_member_can_be_asked_for(renkei: Command, books: Connection) -> None:
    books.execute(text("INSERT INTO program VALUES ('p', 'P', 'Asia/Tokyo')"))
    columns = "INSERT INTO member (member_id, program_id, available, created_at)"
    books.execute(text(f"{columns} VALUES ('mem_1', 'p', 9, now()), ('mem_2', 'p', 0, now())"))
    assert renkei("ledger", "verify", "--member", "mem_2").code == 0
    ran = renkei("ledger", "verify", "--member", "mem_1", "--json")
    assert [one["subject"] for one in ran.document["findings"]] == ["mem_1 balance"]
    assert "no member mem_3" in renkei("ledger", "verify", "--member", "mem_3").refusal
