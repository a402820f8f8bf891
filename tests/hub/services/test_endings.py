"""What time ends is booked once, by one of several processes, and every channel shows it."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.bootstrap import Hub, open_hub
from renkei.cli.demo_watch import watch
from renkei.config import Settings
from renkei.registry import Registry
from renkei.services import booking as booking_module
from renkei.services.booking import EVER, Booking
from renkei.services.corrections import ImportBalance
from renkei.services.endings import Endings
from renkei.services.till import Terminal, TillService
from renkei.storage.engine import APP_ROLE
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.point import BalanceImport
from renkei_contracts.reference.cart import VENDOR
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.stage import Shopper, StageContext
from renkei_contracts.till import HoldRequest

WORKER = Path(__file__).parents[2] / "worker_process.py"
PLUGIN = "renkei_contracts.reference.cart"
PATIENCE = 60.0
MEMBERS = 40

# Nobody waits a year for a test.
OVER = """
ALTER TABLE lot DISABLE TRIGGER frozen;
UPDATE lot SET expires_at = now() WHERE expires_at > now() AND member_id IN (
  SELECT member_id FROM lot WHERE expires_at > now() ORDER BY member_id LIMIT {count});
ALTER TABLE lot ENABLE ALWAYS TRIGGER frozen;
UPDATE mirror SET next_change_at = now() WHERE member_id IN (
  SELECT member_id FROM lot WHERE expires_at <= now())"""

BOOKED = "SELECT count(*), count(DISTINCT member_id) FROM txn WHERE kind = 'expire'"
"""How often the end of points was booked, and to how many."""


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[ReferenceTwin]:
    """A cart with customers who have bought nothing."""
    async with ReferenceTwin(StageContext(tmp_path)) as made:
        for number in range(MEMBERS):
            made.shop.register(Shopper(f"s{number}@example.jp", "山田", f"花子{number}"))
        yield made


@pytest.fixture
def environment(server: Any, database_name: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a hub on the fresh database."""
    return {
        "RENKEI_DATA_DIR": str(tmp_path),
        "RENKEI_DATABASE_URL": server.url(APP_ROLE, database_name),
        "RENKEI_MIGRATION_URL": server.url(database=database_name),
        "RENKEI_SECRET_KEY": "azAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA=",
    }


@pytest.fixture
async def hub(
    environment: dict[str, str], twin: ReferenceTwin, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hub]:
    """A hub that is connected to the cart; every customer has 70 points that end in a year."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_hub(Settings(), registry=Registry({VENDOR.name: VENDOR})) as opened:
        await opened.connecting.connect(VENDOR, "cart", twin.settings())
        for customer in twin.shop.customers:
            await given(opened.booking, str(customer))
        yield opened


async def given(booking: Booking, customer: str) -> str:
    """A member with 70 points that end in a year."""
    now = datetime.now(UTC)
    seen = Member(ref=ExternalRef(connection="cart", id=customer), changed_at=now)
    member = (await booking.enrol(seen, mirrors_at=["cart"])).member
    ask = BalanceImport(
        member=member,
        key=f"all of {customer}",
        points=70,
        granted_at=now,
        expires_at=now + timedelta(days=365),
        source="old",
    )
    await booking.committer.submit(ImportBalance(ask, booking.ring))
    return member


Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def start(environment: dict[str, str]) -> AsyncIterator[Start]:
    """Starts a worker of the hub; killed at the end at the latest."""
    started: list[Process] = []

    async def one_more() -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(WORKER), PLUGIN, env=os.environ | environment, stdout=DEVNULL
        )
        started.append(process)
        return process

    yield one_more
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(engine: AsyncEngine, statements: str) -> None:
    async with engine.begin() as conn:
        for statement in statements.split(";"):
            await conn.execute(text(statement))


async def one(hub: Hub, statement: str) -> tuple[Any, ...]:
    async with hub.database.begin() as conn:
        return tuple((await conn.execute(text(statement))).one())


async def booked(hub: Hub, members: int) -> bool:
    """Wait until the end of so many members' points is booked."""

    async def count() -> int:
        return int((await one(hub, BOOKED))[1])

    return (await watch(count, expected=members, deadline=PATIENCE)).shown == members


async def shown(twin: ReferenceTwin, points: int, customers: int) -> bool:
    """Wait until the cart shows so many points to so many customers."""

    async def count() -> int:
        return sum(row["points"] == points for row in twin.shop.customers.values())

    return (await watch(count, expected=customers, deadline=PATIENCE)).shown == customers


@pytest.mark.timeout(240)
async def test_of_two_processes_one_books_what_ended_and_the_other_takes_over(
    hub: Hub, twin: ReferenceTwin, start: Start, owner_engine: AsyncEngine
) -> None:
    processes = [await start(), await start()]
    assert await shown(twin, 70, MEMBERS)
    await run(owner_engine, OVER.format(count=MEMBERS // 2))
    assert await booked(hub, MEMBERS // 2)
    assert await shown(twin, 0, MEMBERS // 2)
    assert await one(hub, BOOKED) == (MEMBERS // 2, MEMBERS // 2)
    (epoch,) = await one(hub, "SELECT epoch FROM job")
    assert epoch == 1, "one of them had the job all the time"
    processes[0].kill()
    await processes[0].wait()
    await run(owner_engine, "UPDATE job SET owner = 'the dead', leased_until = now()")
    await run(owner_engine, OVER.format(count=MEMBERS))
    assert await booked(hub, MEMBERS)
    assert await shown(twin, 0, MEMBERS)
    assert await one(hub, BOOKED) == (MEMBERS, MEMBERS)
    assert await one(hub, "SELECT epoch FROM job") == (2,)


async def test_whoever_lost_the_job_ends_nothing(
    booking: Booking, owner_engine: AsyncEngine
) -> None:
    await given(booking, "c1")
    first, second = (Endings(booking, now, owner) for owner in ("first", "second"))
    await first.end_what_is_over()
    await run(owner_engine, "UPDATE job SET leased_until = now()")
    await second.end_what_is_over()
    await run(owner_engine, OVER.format(count=1))
    await first.end_what_is_over()
    async with booking.database.begin() as conn:
        assert (await conn.execute(text(BOOKED))).one() == (0, 0)
    await second.end_what_is_over()
    async with booking.database.begin() as conn:
        assert (await conn.execute(text(BOOKED))).one() == (1, 1)


async def test_who_stops_leaves_the_job_to_the_next_at_once(booking: Booking) -> None:
    first, second = (Endings(booking, now, owner) for owner in ("first", "second"))
    await first.end_what_is_over()
    await first.leave()
    await second.end_what_is_over()
    assert second.epoch == 2


def now() -> datetime:
    return datetime.now(UTC)


async def test_holds_are_ended_once_their_last_extension_is_over(
    booking: Booking, till: TillService, terminal: Terminal, owner_engine: AsyncEngine
) -> None:
    member = await given(booking, "c1")
    await till.hold(terminal, HoldRequest(key="h1", member=member, points=30, ttl_seconds=600))
    endings = Endings(booking, now, "me")
    ended = "SELECT count(*) FROM hold_end WHERE how = 'lapsed'"
    await endings.end_what_is_over()
    assert endings.lapsed_until > now() - timedelta(days=2), "what is long over is not looked at"
    for hours, lapsed in ((1, 0), (-1, 1)):
        await run(
            owner_engine,
            "ALTER TABLE hold DISABLE TRIGGER frozen;"
            "ALTER TABLE hold_extension DISABLE TRIGGER frozen;"
            "UPDATE hold SET lapses_at = now();"
            "DELETE FROM hold_extension;"
            "INSERT INTO hold_extension SELECT member_id, version, 1,"
            f" now() + interval '{hours} hours', now() FROM hold",
        )
        await endings.end_what_is_over()
        async with booking.database.begin() as conn:
            assert (await conn.execute(text(ended))).scalar_one() == lapsed


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (booking_module.EXPIRED, "expires_at <="),
        (booking_module.LAPSED, "lapses_at >"),
        (booking_module.TIERS_DUE, "due <="),
    ],
)
async def test_what_is_over_is_found_by_an_index_on_its_moment(
    booking: Booking, statement: str, index: str
) -> None:
    async with booking.database.begin() as conn:
        await conn.execute(text("SET LOCAL enable_seqscan = off"))
        plan = (await conn.execute(text(f"EXPLAIN {statement}"), {"since": EVER})).scalars().all()
    assert any("Index Cond" in line and index in line for line in plan), "\n".join(plan)
