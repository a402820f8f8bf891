"""``renkei alerts``: what a person must look at can be read, and closed once it was dealt with."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
RAISED = """
INSERT INTO alert VALUES
 ('alr_1', 'till_differs', NULL, 'pos', '7', 'till 1 has another number of sales', '2026-11-01Z'),
 ('alr_2', 'coupon_not_used', NULL, 'net', NULL, 'a coupon was used twice', '2026-11-02Z'),
 ('alr_3', 'deliveries_refused', NULL, 'net', NULL, 'refused', '2026-11-03Z')"""


@pytest.fixture(autouse=True)
def _raised(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub with three alerts."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    engine = create_engine(server.url(database=database_name))
    with engine.begin() as conn:
        conn.execute(text(RAISED))
    engine.dispose()


def ids(renkei: Command, *arguments: str) -> list[str]:
    return [one["id"] for one in renkei("alerts", *arguments, "--json").document["alerts"]]


def test_they_are_listed_newest_first_with_what_they_are_about(renkei: Command) -> None:
    assert ids(renkei) == ["alr_3", "alr_2", "alr_1"]
    assert ids(renkei, "pos") == ["alr_1"]
    said = renkei("alerts", "pos").out
    assert "alr_1  2026-11-01 09:00:00 JST  till_differs  pos/7" in said
    assert "till 1 has another number of sales" in said
    assert "`renkei alerts` lists them" in renkei("doctor").out
    assert "no connection nowhere" in renkei("alerts", "nowhere").refusal


def test_one_that_was_dealt_with_is_closed_and_listed_no_more(renkei: Command) -> None:
    assert ids(renkei, "--close", "alr_1", "--close", "alr_2", "--by", "佐藤") == ["alr_3"]
    assert ids(renkei) == ["alr_3"]
    assert sorted(ids(renkei, "--closed")) == ["alr_1", "alr_2"]
    assert re.search(r"^  closed .* JST by 佐藤$", renkei("alerts", "--closed").out, re.MULTILINE)


@pytest.mark.parametrize("half", [("--close", "alr_1"), ("--by", "佐藤")])
def test_whoever_closes_one_says_who_they_are(renkei: Command, half: tuple[str, ...]) -> None:
    assert "--close and --by go together" in renkei("alerts", *half).refusal
    assert len(ids(renkei)) == 3


@pytest.mark.parametrize("wrong", ["alr_3", "alr_9"])
def test_what_ends_by_itself_or_is_none_is_refused_and_nothing_closed(
    renkei: Command, wrong: str
) -> None:
    assert wrong in renkei("alerts", "--by", "佐藤", "--close", "alr_1", "--close", wrong).refusal
    assert len(ids(renkei)) == 3
