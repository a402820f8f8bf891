"""What the last comparison of each connection found, as a monitor reads it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from renkei.messaging import reconciliations
from renkei.messaging.drift import Drift, Kind, Tally, What
from renkei.messaging.queues import MOST

ENDED = datetime(2026, 11, 1, 18, 30, tzinfo=UTC)
SINCE = ENDED - timedelta(hours=2)


async def compare(
    hub: Any, tally: Tally, *drifts: Drift, ended: datetime | None = ENDED, at: datetime = ENDED
) -> None:
    """As the nightly comparison of ``signing`` writes it down; ``ended`` None: it still runs."""
    run = ("signing", at - timedelta(minutes=1))
    async with hub.database.begin() as conn:
        await reconciliations.begin(conn, *run)
        await reconciliations.add(conn, *run, tally, drifts, at)
        if ended is not None:
            await reconciliations.end(conn, *run, run[1], ended)


def differing(what: What, subject: str, kind: Kind, since: datetime = ENDED) -> Drift:
    return Drift(what, subject, kind, 30, 5, since)


async def shown(client: httpx.AsyncClient, name: str) -> dict[str, float]:
    """The values of a metric, by its labels."""
    lines = (await client.get("/metrics")).text.splitlines()
    found = (line.removeprefix(f"renkei_{name}") for line in lines if f"renkei_{name}{{" in line)
    return {labels: float(value) for labels, _, value in (line.rpartition(" ") for line in found)}


async def test_a_connection_tells_how_much_is_explained_and_what_differs_since_when(
    hub: Any, client: httpx.AsyncClient
) -> None:
    await compare(
        hub,
        Tally(explained=9_970, unexplained=30),
        differing("member", "mem_1", "stale", SINCE),
        differing("member", "mem_2", "stale"),
        differing("order", "o1", "missing"),
    )
    before = hub.clock()
    (age,) = (await shown(client, "oldest_difference_seconds")).values()
    assert before - SINCE <= timedelta(seconds=age) <= hub.clock() - SINCE
    assert await shown(client, "explained_share") == {'{connection="signing"}': 0.997}
    assert await shown(client, "differences") == {
        '{connection="signing",kind="missing"}': 1,
        '{connection="signing",kind="stale"}': 2,
        '{connection="signing",kind="changed_elsewhere"}': 0,
        '{connection="signing",kind="unbacked"}': 0,
    }
    assert await shown(client, "compared_timestamp_seconds") == {
        '{connection="signing"}': ENDED.timestamp()
    }


async def test_once_nothing_differs_all_is_explained_and_nothing_has_an_age(
    hub: Any, client: httpx.AsyncClient
) -> None:
    await compare(hub, Tally(explained=70), differing("member", "mem_1", "missing"))
    tomorrow = ENDED + timedelta(days=1)
    await compare(hub, Tally(explained=100), ended=tomorrow, at=tomorrow)
    assert await shown(client, "explained_share") == {'{connection="signing"}': 1}
    assert await shown(client, "oldest_difference_seconds") == {'{connection="signing"}': 0}
    assert set((await shown(client, "differences")).values()) == {0}
    assert await shown(client, "compared_timestamp_seconds") == {
        '{connection="signing"}': tomorrow.timestamp()
    }


@pytest.mark.parametrize(
    "name",
    ["explained_share", "differences", "oldest_difference_seconds", "compared_timestamp_seconds"],
)
async def test_before_the_first_comparison_has_ended_nothing_is_told(
    hub: Any, client: httpx.AsyncClient, name: str
) -> None:
    await compare(hub, Tally(explained=70), differing("order", "o1", "stale"), ended=None)
    assert await shown(client, name) == {}


async def test_of_very_many_differences_only_so_many_are_counted(
    hub: Any, client: httpx.AsyncClient, owner_engine: Any
) -> None:
    await compare(hub, Tally())
    many = (
        "INSERT INTO drift (connection_id, what, subject, kind, hub, since, found_at)"
        " SELECT 'signing', 'member', n::text, 'missing', 1, now(), now()"
        f" FROM generate_series(1, {MOST + 1}) AS n"
    )
    async with owner_engine.begin() as conn:
        await conn.execute(text(many))
    found = await shown(client, "differences")
    assert found['{connection="signing",kind="missing"}'] == MOST
