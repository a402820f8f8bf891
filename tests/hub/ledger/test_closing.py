"""A sealed month takes no entries: what comes late goes to the month that is open."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from renkei.errors import PeriodNotOpen
from renkei.ledger.closing import leaf, merkle_root, seal
from renkei.ledger.seals import Tree
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.points.corrections import Adjust
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.point import Adjustment

OCTOBER = datetime(2026, 10, 20, tzinfo=UTC)
PAST = "2026-10"


async def enrolled(booking: Booking) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=OCTOBER)
    return (await booking.enrol(seen)).member


async def adjust(booking: Booking, member: str, key: str, period: str | None = None) -> None:
    ask = Adjustment(
        member=member,
        key=key,
        points=10,
        reason="r",
        by="b",
        occurred_at=OCTOBER,
        period=period,
    )
    await booking.committer.submit(Adjust(ask, booking.ring))


async def periods(booking: Booking) -> list[str]:
    async with booking.database.begin() as conn:
        found = await conn.execute(text("SELECT period FROM txn ORDER BY member_id, version"))
        return list(found.scalars().all())


async def opened(booking: Booking) -> None:
    """October is open, as it is when the hub ran in October."""
    async with booking.database.begin() as conn:
        await conn.execute(text("INSERT INTO period VALUES ('default', '2026-10')"))


async def test_late_facts_go_to_their_own_month_until_it_is_sealed(booking: Booking) -> None:
    member = await enrolled(booking)
    await opened(booking)
    await adjust(booking, member, "k1")
    async with booking.database.begin() as conn:
        root = await seal(conn, "default", PAST)
    await adjust(booking, member, "k2")
    now = datetime.now(UTC).strftime("%Y-%m")
    assert (await periods(booking))[0] == PAST
    assert (await periods(booking))[1] != PAST
    with pytest.raises(PeriodNotOpen, match=PAST):
        await adjust(booking, member, "k3", PAST)
    assert len(await periods(booking)) == 2
    assert now >= (await periods(booking))[1] > PAST
    async with booking.database.begin() as conn:
        kept = await conn.execute(text("SELECT merkle_root FROM period WHERE period = '2026-10'"))
        assert bytes(kept.scalar_one()) == root
        assert (await verify(conn)).findings == ()


async def test_a_month_is_sealed_once(booking: Booking) -> None:
    await opened(booking)
    async with booking.database.begin() as conn:
        await seal(conn, "default", PAST)
    for month in (PAST, "2020-01"):
        async with booking.database.begin() as conn:
            with pytest.raises(PeriodNotOpen, match=month):
                await seal(conn, "default", month)


async def test_sealing_waits_for_the_batches_under_way_and_those_after_see_it(
    booking: Booking,
) -> None:
    member = await enrolled(booking)
    await opened(booking)
    async with booking.database.begin() as conn:
        await seal(conn, "default", PAST)
        booked = asyncio.create_task(adjust(booking, member, "k1"))
        while not await _somebody_waits(conn):  # noqa: ASYNC110 - another session's lock
            await asyncio.sleep(0)
        assert not booked.done()
    await booked
    assert PAST not in await periods(booking)


async def _somebody_waits(conn: object) -> bool:
    waiting = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
    return bool((await conn.execute(waiting)).scalar_one())


def test_the_root_changes_with_every_head_and_with_their_number() -> None:
    heads = [leaf(f"mem_{n}", n, bytes([n])) for n in range(5)]
    roots = {merkle_root(heads[:n]) for n in range(6)}
    assert len(roots) == 6
    assert merkle_root([heads[0]]) == heads[0]
    assert merkle_root(heads[::-1]) != merkle_root(heads)
    assert leaf("mem_1", 2, b"x") != leaf("mem_1", 1, b"x")


@pytest.mark.parametrize("count", [*range(20), 33, 100])
def test_a_root_that_grows_leaf_by_leaf_is_the_same_as_that_of_all_at_once(count: int) -> None:
    leaves = [leaf("mem", n, b"") for n in range(count)]
    tree = Tree()
    for one in leaves:
        tree.add(one)
    assert tree.root() == merkle_root(leaves)
