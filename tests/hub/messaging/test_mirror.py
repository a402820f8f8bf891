"""Only the newest balance is written, by one writer at a time, and never twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.statements import MIRRORS
from renkei.messaging.mirror import (
    Claimed,
    Intent,
    Written,
    again,
    claim,
    intend,
    next_write,
    saw,
    written,
)
from renkei.storage.trip import as_json
from renkei_contracts.event import BalanceSeen
from renkei_contracts.ids import ExternalRef
from renkei_contracts.point import Balance, BalanceWrite

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
One = Callable[..., Any]

NEW_MEMBER = """
INSERT INTO member (member_id, program_id, created_at) VALUES (:m, 'default', :t)
ON CONFLICT DO NOTHING"""

NEW_ROW = """
INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, due)
VALUES ('cart', :m, :m, :v, :t) ON CONFLICT DO NOTHING"""


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def of(points: int, version: int = 5) -> Balance:
    return Balance(spendable=points, version=version, as_of=NOW)


@pytest.fixture
async def row(conn: AsyncConnection) -> AsyncConnection:
    """A member whose fifth balance is to be shown at the cart."""
    await conn.execute(
        text("INSERT INTO member (member_id, program_id, created_at) VALUES ('m', 'default', :t)"),
        {"t": NOW},
    )
    await conn.execute(
        text(
            "INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, due) "
            "VALUES ('cart', 'm', 'c1', 5, :t)"
        ),
        {"t": NOW},
    )
    return conn


async def claimed(conn: AsyncConnection, seconds: float = 0, owner: str = "me") -> list[Claimed]:
    return (await claim(conn, "cart", owner, at(seconds), 10)).claimed


async def shown(
    conn: AsyncConnection,
    mine: Claimed,
    balance: Balance,
    seen: int | None,
    next_change_at: datetime | None,
    now: datetime,
) -> bool:
    (ours,) = await written(conn, [Written(mine, balance, seen, next_change_at)], now)
    return ours


@pytest.mark.parametrize(
    ("mode", "points", "shown", "change"),
    [
        ("absolute", 100, 30, 70),
        ("absolute", 100, None, 100),
        ("absolute", 100, 100, 0),
        ("delta", 100, 30, 70),
        ("delta", 30, 100, -70),
        ("delta", 0, -5, 5),
        ("delta", 100, 100, None),
        ("delta", 0, None, None),
    ],
)
def test_the_write_is_the_difference_to_what_is_shown(
    mode: Any, points: int, shown: int | None, change: int | None
) -> None:
    write = next_write(mode, of(points), shown)
    assert (write.change if write else None) == change


async def test_a_balance_that_is_shown_is_not_written_again(row: AsyncConnection) -> None:
    (mine,) = await claimed(row)
    assert await shown(row, mine, of(100), None, None, NOW)
    assert await claimed(row, 60) == []


async def test_a_balance_that_time_changes_is_written_again_then(row: AsyncConnection) -> None:
    (mine,) = await claimed(row)
    await shown(row, mine, of(100), None, at(3600), NOW)
    assert await claimed(row, 3599) == []
    (mine,) = await claimed(row, 3600)
    assert await shown(row, mine, of(0), None, None, at(3600))
    assert await claimed(row, 9999) == []


async def test_an_older_balance_never_replaces_a_newer_one(row: AsyncConnection, one: One) -> None:
    (mine,) = await claimed(row)
    await row.execute(text("UPDATE mirror SET written_version = 6, written_points = 1"))
    assert not await shown(row, mine, of(100), None, None, NOW)
    assert await one("SELECT written_version, written_points FROM mirror") == (6, 1)


async def test_a_newer_balance_wanted_during_the_write_is_written_next(
    row: AsyncConnection,
) -> None:
    (mine,) = await claimed(row)
    await row.execute(text("UPDATE mirror SET wanted_version = 6"))
    await shown(row, mine, of(100), None, None, NOW)
    assert len(await claimed(row, 1)) == 1


async def wanted(conn: AsyncConnection, member: str, version: int, seconds: float) -> None:
    """Something was booked then; of a member who is new here, the first time."""
    values = {"m": member, "t": at(seconds), "v": version}
    await conn.execute(text(NEW_MEMBER), values)
    await conn.execute(text(NEW_ROW), values)
    booked = [{"m": member, "v": version, "at": at(seconds)}]
    await conn.execute(text(MIRRORS), {"p": as_json(booked)})


async def first(conn: AsyncConnection, seconds: float) -> str:
    """Who is written first then, where there is time for one only."""
    (mine,) = (await claim(conn, "cart", "me", at(seconds), 1)).claimed
    return mine.member


async def test_who_waits_longest_is_written_first_however_long_the_others_are_known(
    row: AsyncConnection,
) -> None:
    (mine,) = await claimed(row)
    await shown(row, mine, of(100), None, None, at(1))
    await wanted(row, "n", 1, 10)
    await wanted(row, "m", 6, 20)
    assert await first(row, 30) == "n"


async def test_a_balance_that_time_changes_waits_from_that_moment(row: AsyncConnection) -> None:
    (mine,) = await claimed(row)
    await shown(row, mine, of(100), None, at(20), at(1))
    await wanted(row, "n", 1, 10)
    assert await first(row, 30) == "n"


async def test_what_is_booked_during_a_write_waits_from_then_on(row: AsyncConnection) -> None:
    (mine,) = await claimed(row)
    await wanted(row, "n", 1, 10)
    await wanted(row, "m", 6, 20)
    as_of = Balance(spendable=100, version=5, as_of=at(15))
    await shown(row, mine, as_of, None, at(3600), at(25))
    assert await first(row, 30) == "n"
    assert await first(row, 30) == "m"


async def test_what_is_booked_for_a_balance_that_time_has_changed_makes_it_no_younger(
    row: AsyncConnection, one: One
) -> None:
    (mine,) = await claimed(row)
    await shown(row, mine, of(100), None, at(5), at(1))
    await wanted(row, "n", 1, 10)
    await wanted(row, "m", 6, 20)
    assert await one("SELECT wanted_since FROM mirror WHERE member_id = 'm'") == (at(5),)
    assert await first(row, 30) == "m"


async def test_a_change_cannot_be_announced_when_the_lease_is_over(
    row: AsyncConnection, one: One
) -> None:
    (mine,) = await claimed(row)
    write = BalanceWrite(balance=of(100), change=70)
    assert await intend(row, [Intent(mine, write, 30)], at(29)) == [True]
    assert await intend(row, [Intent(mine, write, 30)], at(31)) == [False]
    assert await one("SELECT intent->>'change', intent->>'from', seen_points FROM mirror") == (
        "70",
        "30",
        30,
    )


async def test_in_a_batch_each_row_is_ours_or_not_by_itself(row: AsyncConnection, one: One) -> None:
    await row.execute(
        text("INSERT INTO member (member_id, program_id, created_at) VALUES ('n', 'default', :t)"),
        {"t": NOW},
    )
    await row.execute(
        text(
            "INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, due) "
            "VALUES ('cart', 'n', 'c2', 5, :t)"
        ),
        {"t": NOW},
    )
    lost, mine = sorted(await claimed(row), key=lambda one: one.member)
    await row.execute(text("UPDATE mirror SET tries = 9 WHERE member_id = 'm'"))
    batch = [Written(mine, of(7), 7, None), Written(lost, of(8), 8, None)]
    assert await written(row, batch, NOW) == [True, False]
    assert await one("SELECT written_points FROM mirror WHERE member_id = 'n'") == (7,)
    assert await one("SELECT written_points FROM mirror WHERE member_id = 'm'") == (None,)


async def test_whoever_lost_the_lease_records_nothing(row: AsyncConnection, one: One) -> None:
    (mine,) = await claimed(row)
    (others,) = await claimed(row, 31, "me")
    assert not await shown(row, mine, of(100), None, None, at(32))
    await again(row, mine, at(32), "late", parked=True)
    assert await one("SELECT parked, tries FROM mirror") == (False, 2)
    assert await shown(row, others, of(100), 100, None, at(33))
    assert await one("SELECT seen_points, tries, intent FROM mirror") == (100, 0, None)


async def test_after_an_unsure_change_even_a_newer_balance_waits(
    row: AsyncConnection,
) -> None:
    (mine,) = await claimed(row)
    await again(row, mine, at(1), "broken off", rest=at(30))
    await row.execute(text("UPDATE mirror SET wanted_version = 6, due = :now"), {"now": NOW})
    assert await claimed(row, 29) == []
    assert len(await claimed(row, 30)) == 1


async def test_what_is_parked_waits_for_a_person(row: AsyncConnection) -> None:
    (mine,) = await claimed(row)
    await again(row, mine, NOW, "no such customer", parked=True)
    assert await claimed(row, 9999) == []


async def test_of_what_the_vendor_shows_the_newest_counts(row: AsyncConnection, one: One) -> None:
    ref = ExternalRef(connection="cart", id="c1")
    shown = [BalanceSeen(ref=ref, points=points, at=at(points)) for points in (7, 9, 8)]
    await saw(row, shown)
    await saw(row, [BalanceSeen(ref=ref, points=1, at=at(1))])
    assert await one("SELECT seen_points, seen_at FROM mirror") == (9, at(9))
