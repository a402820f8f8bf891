"""``renkei queue`` and ``renkei replay``: the words of both, and what they refuse."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from acme import Cloud, vendor
from sqlalchemy import text

from renkei.bootstrap import open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COUNTS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERIES = """
INSERT INTO delivery (connection_id, delivery_key, received_at, headers, body, state, tries, reason,
                      due)
SELECT 'cart', 'd' || n, '2026-11-01Z'::timestamptz + n * interval '1 day', 'headers', 'hanako',
       CASE n WHEN 3 THEN 'new' ELSE 'dead' END, n, 'no order', now()
FROM generate_series(1, 3) n"""


@pytest.fixture(autouse=True)
def _cart(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deliveries of the cart were given up, one waits."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    registry = Registry({"acme": vendor("acme", Cloud(), "absolute")})
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: registry)
    asyncio.run(_connected(registry))


async def _connected(registry: Registry) -> None:
    async with open_hub(Settings()) as hub:
        await hub.connecting.connect(registry.vendors["acme"], "cart", {}, COUNTS_FROM)
        async with hub.database.begin() as conn:
            await conn.execute(text(DELIVERIES))


def test_what_was_given_up_and_what_waits_is_listed_without_what_it_holds(renkei: Command) -> None:
    ran = renkei("queue", "--json")
    assert "hanako" not in ran.out
    first, second = ran.document["given_up"]
    assert first == {
        "queue": "delivery",
        "connection": "cart",
        "name": "d1",
        "since": "2026-11-02T00:00:00+00:00",
        "tries": 1,
        "why": "no order",
        "due": None,
    }
    assert second["name"] == "d2"
    assert [one["name"] for one in ran.document["waiting"]] == ["d3"]
    assert "cart/d2" in renkei("queue", "cart").out
    assert "d3" not in renkei("queue", "--dead").out
    assert list(renkei("queue", "--waiting", "--json").document) == ["waiting"]


def test_a_list_that_is_cut_off_says_so(renkei: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there may be more" not in renkei("queue").out
    monkeypatch.setattr("renkei.messaging.dead_letters.MOST", 2)
    assert "of each queue 2 are listed at most: there may be more" in renkei("queue", "--dead").out


def test_one_or_all_are_put_back_and_it_is_said_how_many(renkei: Command) -> None:
    assert "1 put back" in renkei("replay", "cart/d2").out
    assert renkei("replay", "cart", "--all-dead", "--json").document == {"replayed": 1}
    assert "nothing was given up" in renkei("queue", "--dead").out
    assert len(renkei("queue", "--json").document["waiting"]) == 3


def test_only_those_that_came_in_since_a_day_are_put_back(renkei: Command) -> None:
    assert "1 put back" in renkei("replay", "cart", "--all-dead", "--since", "2026-11-03").out
    assert [one["name"] for one in renkei("queue", "--json").document["given_up"]] == ["d1"]


def test_what_was_not_given_up_is_refused_in_one_line(renkei: Command) -> None:
    assert "it waits to be read" in renkei("replay", "cart/d3").refusal
    assert "nothing has this name" in renkei("replay", "cart/d9").refusal
    assert "nothing has this name" in renkei("replay", "cart").refusal
    assert "no connection nowhere" in renkei("replay", "nowhere/d1").refusal
    assert "no connection nowhere" in renkei("queue", "nowhere").refusal
    refused = renkei("replay", "cart/d1", "--since", "2026-11-03").refusal
    assert "--since goes with --all-dead" in refused


def test_what_will_never_be_needed_is_left_for_good(renkei: Command) -> None:
    decided = ("--by", "佐藤", "--reason", "注文は店で削除済み")
    assert "1 left for good" in renkei("dismiss", "cart/d1", *decided).out
    assert renkei("dismiss", "cart/d2", *decided, "--json").document == {"dismissed": 1}
    assert "nothing was given up" in renkei("queue", "--dead").out
    again = renkei("replay", "cart/d1").refusal
    assert "it was left" in again
    assert "(dismissed by 佐藤: 注文は店で削除済み)" in again


@pytest.mark.parametrize("empty", ["--by", "--reason"])
def test_who_leaves_something_for_good_says_who_and_why(renkei: Command, empty: str) -> None:
    said = {"--by": "佐藤", "--reason": "gone"} | {empty: " "}
    options = [word for pair in said.items() for word in pair]
    assert "must say something" in renkei("dismiss", "cart/d1", *options).refusal
    assert len(renkei("queue", "--dead", "--json").document["given_up"]) == 2


def test_what_waits_is_not_left(renkei: Command) -> None:
    refused = renkei("dismiss", "cart/d1", "cart/d3", "--by", "佐藤", "--reason", "gone").refusal
    assert "cart/d3" in refused
    assert "it waits to be read" in refused
    assert len(renkei("queue", "--dead", "--json").document["given_up"]) == 2, "all or none"
