"""Days as shops count them, at their edges: all instants are in UTC, the shops in Japan."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from renkei.loyalty.calendar import business_day, days_meant, is_birthday
from renkei.loyalty.context import Facts, MemberFacts
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.program import Program
from renkei_contracts.order import Order

JST = ZoneInfo("Asia/Tokyo")


def sold(at: datetime, **more: Any) -> Order:
    line = {"id": "1", "quantity": 1, "amount": 11_000, "tax_rate": 1000}
    ref = {"connection": "cart", "id": "o"}
    fields = {"ref": ref, "changed_at": at, "placed_at": at, "state": "paid", "lines": [line]}
    return Order.model_validate(fields | more)


def applies(when: str, at: datetime, facts: Facts | None = None, **more: Any) -> bool:
    rules = Program.model_validate({"campaigns": [{"name": "c", "when": when, "fixed": 1}]})
    return evaluate_order(sold(at, **more), rules, facts or Facts()).earned == 101


def jst(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=JST).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "hours", "day"),
    [
        ("2026-11-09T23:59:59", 0, 9),
        ("2026-11-10T00:00:00", 0, 10),
        ("2026-11-10T23:59:59", 0, 10),
        ("2026-11-11T00:00:00", 0, 11),
        ("2026-11-11T01:59:59", 2, 10),
        ("2026-11-11T02:00:00", 2, 11),
        ("2026-11-11T00:00:00", 12, 10),
    ],
)
def test_the_day_ends_at_midnight_in_japan_or_as_late_as_the_store(
    at: str, hours: int, day: int
) -> None:
    assert business_day(sold(jst(at)), JST, timedelta(hours=hours)) == date(2026, 11, day)


def test_the_business_day_of_a_till_is_its_own() -> None:
    key = {"store": "s", "till": "1", "business_date": "2026-11-10", "receipt_number": "1"}
    at = jst("2026-11-11T04:30:00")
    assert business_day(sold(at, till=key), JST) == date(2026, 11, 10)
    assert applies("today.day == 10 && today.hour == 4", at, till=key)


@pytest.mark.parametrize(
    ("day", "meant"),
    [
        (date(2026, 2, 27), [27]),
        (date(2026, 2, 28), [28, 29, 30, 31]),
        (date(2028, 2, 28), [28]),
        (date(2028, 2, 29), [29, 30, 31]),
        (date(2026, 4, 30), [30, 31]),
        (date(2026, 12, 31), [31]),
        (date(2026, 12, 30), [30]),
    ],
)
def test_the_last_day_of_a_month_stands_for_the_days_it_has_not(
    day: date, meant: list[int]
) -> None:
    assert days_meant(day) == meant


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-02-10T12:00:00", True),
        ("2026-02-11T00:00:00", False),
        ("2026-02-27T23:59:59", False),
        ("2026-02-28T00:00:00", True),
        ("2026-03-01T00:00:00", False),
        ("2028-02-28T12:00:00", False),
        ("2028-02-29T12:00:00", True),
        ("2026-03-30T12:00:00", True),
        ("2026-03-31T12:00:00", False),
        ("2026-04-30T23:59:59", True),
    ],
)
def test_every_tenth_twentieth_and_thirtieth_has_a_day_in_february(at: str, expected: bool) -> None:
    assert applies("today.days.exists(day, day in [10, 20, 30])", jst(at)) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [("2026-02-28T12:00:00", True), ("2028-02-28T12:00:00", False), ("2028-02-29T12:00:00", True),
     ("2026-12-31T23:59:59", True), ("2027-01-01T00:00:00", False)],
)  # fmt: skip
def test_the_last_day_of_the_month_is_that_of_the_shop(at: str, expected: bool) -> None:
    assert applies("today.last_of_month", jst(at)) is expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-22T23:59:59", False),
        ("2026-11-23T00:00:00", True),
        ("2026-11-24T00:00:00", False),
        ("2026-05-06T12:00:00", True),
        ("2026-09-22T12:00:00", True),
        ("2026-12-31T12:00:00", False),
        ("2026-11-29T12:00:00", False),
    ],
    ids=["the evening before", "a holiday", "after", "a substitute", "between", "31st", "Sunday"],
)
def test_holidays_are_those_of_the_law(at: str, expected: bool) -> None:
    assert applies("today.holiday", jst(at)) is expected


@pytest.mark.parametrize(
    ("born", "at", "expected"),
    [
        (date(2000, 2, 29), "2026-02-28T00:00:00", True),
        (date(2000, 2, 29), "2026-02-27T23:59:59", False),
        (date(2000, 2, 29), "2026-03-01T00:00:00", False),
        (date(2000, 2, 29), "2028-02-28T12:00:00", False),
        (date(2000, 2, 29), "2028-02-29T12:00:00", True),
        (date(2000, 2, 28), "2028-02-28T12:00:00", True),
        (date(1985, 11, 10), "2026-11-10T00:00:00", True),
    ],
)
def test_who_was_born_on_a_leap_day_has_a_birthday_every_year(
    born: date, at: str, expected: bool
) -> None:
    who = Facts(member=MemberFacts(birthday=born))
    assert applies("member.birthday_today", jst(at), who) is expected
    assert is_birthday(born, jst(at).astimezone(JST).date()) is expected


def test_a_late_store_has_its_birthdays_late() -> None:
    who = Facts(member=MemberFacts(birthday=date(1985, 11, 10)), day_ends=timedelta(hours=2))
    assert applies("member.birthday_today", jst("2026-11-11T01:59:59"), who)
    assert not applies("member.birthday_today", jst("2026-11-10T01:59:59"), who)
