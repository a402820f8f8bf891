"""``renkei reconcile``: what differs at a vendor is shown, told to the doctor, and mended."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from acme import Cloud, vendor
from sqlalchemy import Connection, create_engine, text

from renkei.bootstrap import open_hub
from renkei.cli import doctor_database as looks
from renkei.config import Settings
from renkei.registry import Registry
from renkei.storage.embedded import EmbeddedServer
from renkei.storage.engine import APP_ROLE
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member

Command = Callable[..., Any]

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
COUNTS_FROM = datetime(2026, 1, 1, tzinfo=UTC)
RESTS = "UPDATE connection SET open_until = now() + interval '1 day' WHERE connection_id = 'cart'"
WRITTEN = "UPDATE mirror SET written_version = wanted_version, written_points = 0"


@pytest.fixture
def cloud(server: EmbeddedServer, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cart's side: it shows nothing for its one member."""
    made = Cloud()
    monkeypatch.setenv("RENKEI_DATABASE_URL", server.url(APP_ROLE, database_name))
    monkeypatch.setenv("RENKEI_MIGRATION_URL", server.url(database=database_name))
    monkeypatch.setenv("RENKEI_SECRET_KEY", KEY)
    registry = Registry({"acme": vendor("acme", made, "absolute")})
    monkeypatch.setattr("renkei.bootstrap.load_registry", lambda disabled: registry)
    asyncio.run(_connected(registry))
    return made


async def _connected(registry: Registry) -> None:
    async with open_hub(Settings()) as hub:
        await hub.connecting.connect(registry.vendors["acme"], "cart", {}, COUNTS_FROM)
        member = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=COUNTS_FROM)
        await hub.booking.enrol(member, mirrors_at=["cart"])
        async with hub.database.begin() as conn:
            await conn.execute(text(WRITTEN))


async def _another(registry: Registry) -> None:
    async with open_hub(Settings()) as hub:
        await hub.connecting.connect(registry.vendors["acme"], "other", {}, COUNTS_FROM)


@pytest.fixture
def running(server: EmbeddedServer, database_name: str) -> Iterator[Connection]:
    engine = create_engine(server.url(APP_ROLE, database_name))
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def test_a_vendor_that_shows_what_the_books_say_is_fine(
    renkei: Command, cloud: Cloud, running: Connection
) -> None:
    ran = renkei("reconcile", "cart", "--json")
    assert (ran.code, ran.document["ok"]) == (0, True)
    (one,) = ran.document["connections"]
    assert (one["explained_percent"], one["tally"]["members"]) == ("100.00", 1)
    assert looks.reconciliation(running).ok


def test_what_differs_is_shown_kept_and_mended_on_command(
    renkei: Command, cloud: Cloud, running: Connection
) -> None:
    cloud.points["c1"] = 50
    ran = renkei("reconcile")
    assert ran.code == 1
    assert "changed_elsewhere" in ran.out
    assert "cart: 0.00 % of the points are explained (1 members, 0 orders" in ran.out
    assert "differ: 0 missing, 0 stale, 1 changed elsewhere, 0 unbacked; the oldest" in ran.out
    finding = looks.reconciliation(running)
    assert not finding.ok
    assert "cart: 0.00 % explained, 1 changed elsewhere" in finding.said
    cloud.calls.clear()
    (one,) = renkei("reconcile", "--last", "--repair", "--json").document["connections"]
    assert one["repaired"] == {"balances": 1, "orders": 0, "left": 0}
    assert cloud.calls == [], "it is the workers that write"


def test_what_was_changed_at_the_vendor_is_booked_on_command(
    renkei: Command, cloud: Cloud, running: Connection
) -> None:
    cloud.points["c1"] = 50
    adopt = ("reconcile", "cart", "--adopt", "--by", "佐藤")
    assert "1 changes are too new to tell from a purchase" in renkei(*adopt).out
    running.execute(text("UPDATE drift SET since = since - interval '1 hour'"))
    running.commit()
    assert "booked for 1 members" in renkei(*adopt).out
    assert running.execute(text("SELECT sum(available) FROM member")).scalar_one() == 50
    ran = renkei(*adopt, "--json")
    (one,) = ran.document["connections"]
    assert (ran.code, one["agrees"], one["adopted"]["members"]) == (0, True, 0)


@pytest.mark.parametrize(
    "said",
    [
        ("cart", "--adopt"),
        ("--adopt", "--by", "佐藤"),
        ("cart", "--by", "佐藤"),
        ("cart", "--taken"),
        ("cart", "--adopt", "--by", "佐藤", "--last"),
        ("cart", "--adopt", "--by", "佐藤", "--repair"),
    ],
)
def test_adopting_takes_a_connection_and_a_name_and_a_comparison_of_its_own(
    renkei: Command, said: tuple[str, ...]
) -> None:
    assert "CONNECTION --adopt [--taken] --by NAME" in renkei("reconcile", *said).refusal


@pytest.mark.parametrize(
    ("by", "why"),
    [(" ", "must say something"), ("佐" * 501, "at most 500"), ("\udcff", "unicode")],
)
def test_whoever_adopts_says_a_name_that_can_be_kept(
    renkei: Command, cloud: Cloud, running: Connection, by: str, why: str
) -> None:
    cloud.points["c1"] = 50
    assert why in renkei("reconcile", "cart", "--adopt", "--by", by).refusal
    assert cloud.calls == [], "nothing was compared, either"


def test_what_is_ordered_is_said_in_one_line(renkei: Command, cloud: Cloud) -> None:
    assert "cart: nothing that `renkei serve` could" in renkei("reconcile", "--repair").out
    cloud.points["c1"] = 50
    assert (
        "cart: 1 balances will be written again and 0 orders" in renkei("reconcile", "--repair").out
    )


def test_what_was_never_compared_has_nothing_to_show(
    renkei: Command, cloud: Cloud, running: Connection
) -> None:
    assert "nothing was compared yet" in renkei("reconcile", "--last").out
    finding = looks.reconciliation(running)
    assert finding.ok
    assert "nothing was compared yet" in finding.said


def test_a_vendor_that_cannot_be_asked_hides_no_other(
    renkei: Command, cloud: Cloud, running: Connection
) -> None:
    asyncio.run(_another(Registry({"acme": vendor("acme", cloud, "absolute")})))
    running.execute(text(RESTS))
    running.commit()
    ran = renkei("reconcile")
    assert ran.code == 2
    assert "cart is not compared to the end" in ran.err
    assert "other" in ran.out
    ran = renkei("reconcile", "--json")
    assert [one["connection"] for one in ran.document["connections"]] == ["other"]
    assert list(ran.document["not_compared"]) == ["cart"]
    assert (ran.code, ran.document["ok"]) == (2, False)


def test_a_shop_that_is_not_there_cannot_be_compared(renkei: Command, cloud: Cloud) -> None:
    assert "no connection nowhere" in renkei("reconcile", "nowhere").refusal
    assert "no connection nowhere" in renkei("reconcile", "nowhere", "--last").refusal
