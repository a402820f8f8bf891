"""A fresh database, a hub on it, and the processes that race against each other on it."""

import importlib.util
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from renkei.services.booking import Booking
from renkei.services.setup import installation
from renkei.storage.engine import APP_ROLE

# The tests have no packages: what they share is loaded from beside this file.
for _name in ("race", "racer"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])

race: Any = sys.modules["race"]
racer: Any = sys.modules["racer"]

DEADLOCK = "40P01"

LAST = "SELECT FROM feed_head FOR UPDATE"

CONNECT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, 'acme', 'default', 'default', :settings, :since, 'hub', false, 'active', now())"""


@pytest.fixture(scope="session")
def crew() -> "Iterator[race.Crew]":
    """The processes of every race; starting them once saves most of the time."""
    crew = race.Crew()
    yield crew
    crew.dismiss()


@pytest.fixture
def url(server: Any, database_name: str) -> str:
    """The fresh database for the running role."""
    return str(server.url(APP_ROLE, database_name))


@pytest.fixture
async def booking(url: str) -> AsyncIterator[Booking]:
    """A hub on the fresh database with the connections ``cart`` and ``shop``."""
    async with racer.open_lane(url, 100) as lane:
        async with lane.booking.database.begin() as conn:
            await installation.ensure(conn, racer.RING)
            for name in ("cart", "shop"):
                sealed = racer.RING.seal(b"{}", f"connection/{name}/settings")
                since = datetime(2026, 1, 1, tzinfo=UTC)
                await conn.execute(text(CONNECT), {"id": name, "settings": sealed, "since": since})
        yield lane.booking


@pytest.fixture
def run_race(
    crew: "race.Crew", url: str, server: Any, database_name: str
) -> "Callable[..., race.Race]":
    """Runs acts at once from every process over every connection.

    ``lock`` stands in the way of all of them; without it, the last thing that a batch writes.

    Checks that each of them took part, and that no two ever waited for each other in a circle.
    """

    def run(acts: "Sequence[race.Act]", batch: int = 5, lock: str = LAST) -> "race.Race":
        with race.closed_gate(server.url(database=database_name), lock) as gate:
            result = crew.race(url, acts, batch, gate)
        assert len(result.processes) == race.PROCESSES
        assert len(result.backends) == race.PROCESSES * race.LANES
        assert not [reason for reason in result.again if DEADLOCK in reason]
        return result

    return run
