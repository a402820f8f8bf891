"""A booking service on a fresh database, with connections of an invented vendor."""

import importlib.util
import itertools
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants
from sqlalchemy import text

from renkei.services.batch import run_batch
from renkei.services.booking import Booking
from renkei.services.setup import installation
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.committer import GroupCommitter
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

# The tests have no packages: what they share is loaded from beside this file.
for _name in ("acme", "comparing"):
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])
scene = sys.modules["acme"].scene

BookingOn = Callable[[Database], AbstractAsyncContextManager[Booking]]

CONNECT = """
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, 'acme', 'default', 'default', :settings, :since, 'hub', false, 'active', now())"""

TABLES = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"""

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def steady_stories(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Hypothesis draws does not depend on what else this process has loaded.

    It draws constants from the source of loaded modules, also where it is derandomized: the tests
    that came before would choose the stories, and a failure would not come again alone.
    """
    monkeypatch.setattr(providers, "_get_local_constants", Constants)
    providers.CONSTANTS_CACHE.cache.clear()
    yield
    providers.CONSTANTS_CACHE.cache.clear()


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    """A key ring of the tests."""
    return KeyRing({"1": b"k" * 32}, "1")


@pytest.fixture(scope="session")
def booking_on(ring: KeyRing) -> BookingOn:
    """Opens booking on an empty database, with the connections ``cart`` and ``shop``."""
    return lambda database: _booking_on(database, ring)


@pytest.fixture
async def booking(database: Database, booking_on: BookingOn) -> AsyncIterator[Booking]:
    """Booking on a fresh database with the connections ``cart`` and ``shop``."""
    async with booking_on(database) as opened:
        yield opened


@asynccontextmanager
async def _booking_on(database: Database, ring: KeyRing) -> AsyncIterator[Booking]:
    numbers = itertools.count(1)
    async with database.begin() as conn:
        await installation.ensure(conn, ring)
        for name in ("cart", "shop"):
            sealed = ring.seal(b"{}", f"connection/{name}/settings")
            values = {"id": name, "settings": sealed, "since": SINCE}
            await conn.execute(text(CONNECT), values)
    async with GroupCommitter(database, run_batch) as committer:
        yield Booking(
            database=database,
            ring=ring,
            committer=committer,
            new_id=lambda prefix: f"{prefix}_{next(numbers):08d}",
            new_serial=lambda: next(numbers),
        )


@pytest.fixture
def till(booking: Booking) -> TillService:
    """The till's use cases on that booking."""
    return TillService(booking)


@pytest.fixture
def terminal() -> Terminal:
    """A register of the store Shibuya."""
    return Terminal("trm_1", "pos", "shibuya", "1")


@pytest.fixture
def every_row(database: Database) -> Callable[[], Awaitable[dict[str, str]]]:
    """Gives each table's rows as one text: equal before and after means that nothing changed."""

    async def look() -> dict[str, str]:
        async with database.begin() as conn:
            tables = (await conn.execute(text(TABLES))).scalars().all()
            looks = {name: text(f"SELECT CAST(t AS text) FROM {name} t") for name in tables}
            return {
                name: "\n".join(sorted((await conn.execute(statement)).scalars()))
                for name, statement in looks.items()
            }

    return look


@pytest.fixture
def an_hour_ago() -> datetime:
    """A moment that has certainly passed."""
    return datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until a condition holds; it may raise OSError while it does not."""

    def wait(condition: Callable[[], object], within: float = 20.0) -> None:
        end, pause = time.monotonic() + within, threading.Event()
        while not _holds(condition):
            assert time.monotonic() < end, f"still not so after {within} s"
            pause.wait(0.01)

    return wait


def _holds(condition: Callable[[], object]) -> bool:
    try:
        return bool(condition())
    except OSError:
        return False
