"""Activity points: once per key, within every cap, and a cap that is reached costs no other."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import BookingRefused, KeyReused, RequestInvalid, UnknownMember
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.activity import BookActivity
from renkei.services.members.members import balance
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.point import ActivityAnswer, ActivitySeen

LAST_NIGHT = datetime(2026, 10, 31, 14, 59, tzinfo=UTC)
"""The last minute of October in Japan."""

ACTIVITIES = [
    {"name": "favourite", "points": 1, "per_month": 5},
    {"name": "check-in", "points": 1, "per_day": 1, "per_month": 10},
    {"name": "review", "points": 5, "per_object": 1},
    {"name": "sign-up", "points": 1000, "per_lifetime": 1},
    {"name": "bonus", "points": 500, "per_month": 1, "months": [5, 11]},
    {"name": "both", "points": 2, "per_day": 2, "per_lifetime": 3},
]


@pytest.fixture
async def member(booking: Booking) -> str:
    document = json.dumps({"activities": ACTIVITIES})
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": document},
        )
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=LAST_NIGHT)
    return (await booking.enrol(seen)).member


async def does(booking: Booking, member: str, kind: str, key: str, **more: Any) -> ActivityAnswer:
    fields = {"key": key, "source": "app", "member": member, "kind": kind}
    ask = ActivitySeen(**({"occurred_at": LAST_NIGHT} | fields | more))
    answer: ActivityAnswer = await booking.committer.submit(BookActivity(ask))
    return answer


async def total(booking: Booking, member: str) -> int:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
    return (await balance(booking, member)).spendable


async def test_the_same_key_counts_once_and_other_content_is_refused(
    booking: Booking, member: str
) -> None:
    first = await does(booking, member, "sign-up", "k")
    assert first.points == 1000
    assert await does(booking, member, "sign-up", "k") == first
    with pytest.raises(KeyReused):
        await does(booking, member, "favourite", "k")
    assert await total(booking, member) == 1000


async def test_caps_begin_anew_at_midnight_and_with_the_month_in_the_programs_zone(
    booking: Booking, member: str
) -> None:
    november = LAST_NIGHT + timedelta(minutes=1)
    for n in range(7):
        await does(booking, member, "favourite", f"o{n}")
    assert await total(booking, member) == 5
    assert (await does(booking, member, "favourite", "n", occurred_at=november)).points == 1
    assert (await does(booking, member, "check-in", "c1")).points == 1
    again = await does(booking, member, "check-in", "c2")
    assert (again.points, again.reason) == (0, "at most 1 a day")
    assert (await does(booking, member, "check-in", "c3", occurred_at=november)).points == 1
    assert await total(booking, member) == 8


async def test_a_product_is_reviewed_once_and_another_by_itself(
    booking: Booking, member: str
) -> None:
    assert (await does(booking, member, "review", "a", object="tea")).points == 5
    assert (await does(booking, member, "review", "b", object="tea")).points == 0
    assert (await does(booking, member, "review", "c", object="rice")).points == 5


async def test_a_cap_that_is_reached_uses_up_no_other(booking: Booking, member: str) -> None:
    given = [(await does(booking, member, "both", f"k{n}")).points for n in range(4)]
    assert given == [2, 2, 0, 0]
    tomorrow = LAST_NIGHT + timedelta(days=1)
    given = [
        (await does(booking, member, "both", f"t{n}", occurred_at=tomorrow)).points
        for n in range(2)
    ]
    assert given == [2, 0]


async def test_a_hundred_at_once_stay_within_the_cap(booking: Booking, member: str) -> None:
    answers = await asyncio.gather(
        *(does(booking, member, "favourite", f"k{n}") for n in range(100))
    )
    assert sum(answer.points for answer in answers) == 5
    assert await total(booking, member) == 5


async def test_what_the_program_does_not_know_and_who_is_no_member_is_refused(
    booking: Booking, member: str
) -> None:
    with pytest.raises(BookingRefused, match="dancing"):
        await does(booking, member, "dancing", "k")
    with pytest.raises(UnknownMember):
        await does(booking, "mem_none", "favourite", "k")
    future = datetime.now(UTC) + timedelta(days=9)
    with pytest.raises(RequestInvalid, match="occurred_at"):
        await does(booking, member, "favourite", "k", occurred_at=future)


async def test_an_activity_of_some_months_gives_nothing_in_others(
    booking: Booking, member: str
) -> None:
    answers = [
        await does(booking, member, "bonus", f"k{n}", occurred_at=LAST_NIGHT + timedelta(minutes=n))
        for n in range(2)
    ]
    assert [one.points for one in answers] == [0, 500]
    assert answers[0].reason == "only in months 5, 11"
