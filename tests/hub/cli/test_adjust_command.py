"""``renkei adjust``: points that a person gives or takes, once, and what is refused."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from acme import Cloud, hanako, vendor

from renkei.bootstrap import open_hub
from renkei.config import Settings
from renkei.registry import Registry
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COUNTS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
WHY = ("--reason", "お詫び", "--by", "佐藤")


@pytest.fixture
def member(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A member without points."""
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    registry = Registry({"acme": vendor("acme", Cloud(), "absolute")})
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: registry)
    return asyncio.run(_enrolled(registry))


async def _enrolled(registry: Registry) -> str:
    async with open_hub(Settings()) as hub:
        await hub.connecting.connect(registry.vendors["acme"], "cart", {}, COUNTS_FROM)
        return (await hub.booking.enrol(hanako(), mirrors_at=[])).member


def spendable(renkei: Command, member: str) -> int:
    found: int = renkei("balance", member, "--json").document["spendable"]
    return found


def test_points_are_given_and_taken_and_stand_in_the_statement(
    renkei: Command, member: str
) -> None:
    given = renkei("adjust", member, "--give", "300", *WHY)
    assert (given.code, f"{member}: +300 points, 300 to spend" in given.out) == (0, True)
    taken = renkei("adjust", member, "--take", "120", *WHY, "--json").document
    assert (taken["member"], taken["points"], taken["spendable"]) == (member, -120, 180)
    lines = renkei("explain", member, "--json").document["lines"]
    assert [(one["rule"], one["after"]) for one in lines] == [
        ("adjust.up", 300),
        ("adjust.down", 180),
    ]


def test_who_decided_and_why_is_kept_sealed(renkei: Command, member: str) -> None:
    said = renkei("adjust", member, "--give", "300", *WHY)
    shown = said.out + said.err + renkei("explain", member).out
    assert "お詫び" not in shown
    assert "佐藤" not in shown


def test_who_asks_for_notes_is_told_who_decided_and_why(renkei: Command, member: str) -> None:
    renkei("adjust", member, "--give", "300", *WHY)
    assert "お詫び (佐藤)" in renkei("explain", member, "--notes").out
    lines = renkei("explain", member, "--notes", "--json").document["lines"]
    assert [one["note"] for one in lines] == [{"reason": "お詫び", "by": "佐藤"}]


def test_the_same_key_gives_points_once(renkei: Command, member: str) -> None:
    for _ in range(2):
        assert renkei("adjust", member, "--give", "300", "--key", "k1", *WHY).code == 0
    assert spendable(renkei, member) == 300
    other = renkei("adjust", member, "--give", "301", "--key", "k1", *WHY)
    assert "k1" in other.refusal
    assert spendable(renkei, member) == 300


def test_given_points_can_be_spent_to_the_end_of_their_last_day(
    renkei: Command, member: str
) -> None:
    renkei("adjust", member, "--give", "300", "--until", "2099-03-31", *WHY)
    assert renkei("balance", member, "--json").document["by_expiry"] == [["2099-03-31", 300]]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--take", "1"), "can spend 0, not 1 points"),
        ((), "either --give or --take"),
        (("--give", "5", "--take", "5"), "either --give or --take"),
        (("--take", "5", "--until", "2099-03-31"), "--until is for points that are given"),
        (("--give", "9007199254740993"), "less than or equal to 999999999999"),
        (("--give", "5", "--key", ""), "key"),
        (("--give", "5", "--until", "0001-01-01"), "must lie in"),
        (("--give", "5", "--until", "2001-01-01"), "over already"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_booked(
    renkei: Command, member: str, said: tuple[str, ...], why: str
) -> None:
    assert why in renkei("adjust", member, *said, *WHY).refusal
    assert spendable(renkei, member) == 0


def test_points_may_last_to_the_last_day_there_is(renkei: Command, member: str) -> None:
    given = renkei("adjust", member, "--give", "3", "--until", "2200-12-31", *WHY)
    assert (given.code, spendable(renkei, member)) == (0, 3)


def test_nobody_is_given_points_without_a_reason(renkei: Command, member: str) -> None:
    assert "reason" in renkei("adjust", member, "--give", "5", "--by", "佐藤").refusal
    for nothing in ("", " "):
        why = ("--reason", nothing, "--by", "佐藤")
        assert "must say something" in renkei("adjust", member, "--give", "5", *why).refusal
    assert spendable(renkei, member) == 0
    assert "no member has this card" in renkei("adjust", "nobody", "--give", "5", *WHY).refusal
