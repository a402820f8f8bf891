"""What time ends is booked once, by one of several processes, and every channel shows it."""

from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from acme import Scene, body, bought, given
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.bootstrap import Hub
from renkei.cli.demo_watch import watch
from renkei.messaging.inbox import Incoming
from renkei.services import booking as booking_module
from renkei.services.booking import EVER, Booking
from renkei.services.flow.endings import Endings
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.delivery import Delivery
from renkei_contracts.reference.cart.twin import ReferenceTwin
from renkei_contracts.till import HoldRequest

PATIENCE = 60.0
MEMBERS = 40
KEPT = timedelta(days=90)

Start = Callable[[], Awaitable[Process]]

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
    cart_hub: Hub, cart_twin: ReferenceTwin, start_worker: Start, owner_engine: AsyncEngine
) -> None:
    processes = [await start_worker(), await start_worker()]
    assert await shown(cart_twin, 70, MEMBERS)
    await run(owner_engine, OVER.format(count=MEMBERS // 2))
    assert await booked(cart_hub, MEMBERS // 2)
    assert await shown(cart_twin, 0, MEMBERS // 2)
    assert await one(cart_hub, BOOKED) == (MEMBERS // 2, MEMBERS // 2)
    (epoch,) = await one(cart_hub, "SELECT epoch FROM job")
    assert epoch == 1, "one of them had the job all the time"
    processes[0].kill()
    await processes[0].wait()
    await run(owner_engine, "UPDATE job SET owner = 'the dead', leased_until = now()")
    await run(owner_engine, OVER.format(count=MEMBERS))
    assert await booked(cart_hub, MEMBERS)
    assert await shown(cart_twin, 0, MEMBERS)
    assert await one(cart_hub, BOOKED) == (MEMBERS, MEMBERS)
    assert await one(cart_hub, "SELECT epoch FROM job") == (2,)


async def test_whoever_lost_the_job_ends_nothing(
    booking: Booking, owner_engine: AsyncEngine
) -> None:
    await given(booking, "c1")
    first, second = (Endings(booking, now, owner, KEPT) for owner in ("first", "second"))
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


@dataclass(frozen=True)
class Interrupted:
    """A committer; before its first command somebody else takes the job."""

    committer: Any
    happens: list[Callable[[], Awaitable[None]]]

    async def submit(self, command: Any) -> Any:
        if self.happens:
            await self.happens.pop()()
        return await self.committer.submit(command)


async def test_who_loses_the_job_between_two_batches_leaves_the_rest(
    booking: Booking, owner_engine: AsyncEngine
) -> None:
    for number in range(101):
        await given(booking, f"c{number}")
    await run(owner_engine, OVER.format(count=101))

    async def taken() -> None:
        await run(owner_engine, "UPDATE job SET owner = 'other'")

    interrupted = replace(booking, committer=Interrupted(booking.committer, [taken]))
    await Endings(interrupted, now, "me", KEPT).end_what_is_over()
    async with booking.database.begin() as conn:
        assert (await conn.execute(text(BOOKED))).one() == (100, 100)


async def test_who_stops_leaves_the_job_to_the_next_at_once(booking: Booking) -> None:
    first, second = (Endings(booking, now, owner, KEPT) for owner in ("first", "second"))
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
    endings = Endings(booking, now, "me", KEPT)
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


async def test_who_takes_the_job_over_looks_at_what_was_over_long_ago(
    booking: Booking, till: TillService, terminal: Terminal, owner_engine: AsyncEngine
) -> None:
    member = await given(booking, "c1")
    await till.hold(terminal, HoldRequest(key="h1", member=member, points=30, ttl_seconds=600))
    endings = Endings(booking, now, "me", KEPT)
    await endings.end_what_is_over()
    await run(
        owner_engine,
        "ALTER TABLE hold DISABLE TRIGGER frozen;"
        "UPDATE hold SET lapses_at = now() - interval '9 days';"
        "UPDATE job SET owner = 'the dead', leased_until = now()",
    )
    await endings.end_what_is_over()
    async with booking.database.begin() as conn:
        assert (await conn.execute(text("SELECT how FROM hold_end"))).scalars().all() == ["lapsed"]


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


async def test_bytes_of_deliveries_are_kept_for_so_many_days(scene: Scene) -> None:
    """One came before that, and one within it."""
    keep = timedelta(days=scene.worker.hub.settings.keep_days)
    for age, key in ((keep + timedelta(days=1), "old"), (keep - timedelta(days=1), "young")):
        came = Delivery("cart", now() - age, (), body(bought(key)))
        await scene.hub.intake.submit(Incoming(came, key))
    await scene.settle_down()
    await scene.worker.endings.end_what_is_over()
    kept = "SELECT array_agg(delivery_key) FROM delivery WHERE body <> ''"
    assert tuple(await scene.one(kept)) == (["young"],)
