"""When deliveries are no longer as usual: learned from counts, without a clock."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.messaging.acceptance import DAY, HOUR, MINUTE, Count, Standing, judge

NOON = datetime(2026, 11, 26, 3, tzinfo=UTC)
REFUSED, MISSING = "deliveries_refused", "deliveries_missing"
NOTHING = Standing()

Rate = Callable[[datetime], tuple[int, int]]


def counts(rate: Rate, since: datetime, until: datetime) -> list[Count]:
    """A count a minute, as (genuine, refused) of that minute."""
    found, minute = [], since
    while minute < until:
        accepted, refused = rate(minute)
        if accepted or refused:
            found.append(Count(minute, accepted, refused))
        minute += MINUTE
    return found


def steady(accepted: int, refused: int = 0) -> Rate:
    return lambda _: (accepted, refused)


def shop_hours(minute: datetime) -> tuple[int, int]:
    """Ten a minute from nine to nine, Japanese time; Sundays closed."""
    local = minute + 9 * HOUR
    return (10 if 9 <= local.hour < 21 and local.weekday() != 6 else 0), 0


def week(rate: Rate, until: datetime = NOON) -> list[Count]:
    """A week and a day of a connection that is there for longer."""
    return [Count(until - 30 * DAY, 1, 0), *counts(rate, until - 8 * DAY, until)]


def found(history: Iterable[Count], now: datetime, standing: Standing = NOTHING) -> set[str]:
    return set(judge(list(history), now, standing))


class TestRefused:
    def test_a_connection_that_refuses_all_from_the_start_is_told_after_a_few(self) -> None:
        def sent(number: int) -> list[Count]:
            return [Count(NOON + hours * HOUR, 0, 1) for hours in range(number)]

        assert found(sent(2), NOON + 5 * HOUR) == set()
        assert found(sent(3), NOON + 5 * HOUR) == {REFUSED}

    def test_a_changed_secret_is_told_within_a_minute(self) -> None:
        broken = [*week(steady(10)), Count(NOON, 5, 5)]
        assert found(broken, NOON + timedelta(seconds=50)) == {REFUSED}

    def test_a_few_forged_ones_among_many_are_nothing(self) -> None:
        assert found([*week(steady(100)), Count(NOON, 90, 5)], NOON + MINUTE) == set()

    def test_what_strangers_send_every_day_is_usual(self) -> None:
        def scanned(minute: datetime) -> tuple[int, int]:
            return (1 if minute.minute == 0 else 0), (2 if minute.minute == 30 else 0)

        history = week(scanned, NOON + 35 * MINUTE)
        assert found(history, NOON + 35 * MINUTE) == set()
        assert found([*history, Count(NOON + 35 * MINUTE, 0, 40)], NOON + 36 * MINUTE) == {REFUSED}

    def test_it_ends_with_genuine_ones_and_not_before(self) -> None:
        broken = [*week(steady(10)), *counts(steady(0, 10), NOON, NOON + 5 * MINUTE)]
        standing = Standing({"deliveries_refused": NOON + timedelta(seconds=40)})
        quiet = NOON + 9 * DAY
        assert REFUSED in found(broken, quiet, standing)
        mended = [*broken, *counts(steady(10), NOON + 5 * MINUTE, NOON + 8 * MINUTE)]
        assert REFUSED not in found(mended, NOON + 8 * MINUTE, standing)

    def test_it_does_not_become_usual_while_it_stands(self) -> None:
        broken = [*week(steady(1), NOON - 5 * DAY), *counts(steady(0, 1), NOON - 5 * DAY, NOON)]
        standing = Standing({"deliveries_refused": NOON - 5 * DAY})
        assert REFUSED in found(broken, NOON, standing)


class TestMissing:
    def test_a_busy_connection_that_falls_silent_is_told_within_minutes(self) -> None:
        history = week(steady(20))
        assert found(history, NOON + timedelta(seconds=20)) == set()
        assert found(history, NOON + 3 * MINUTE) == {MISSING}

    def test_nights_and_closed_days_are_no_silence(self) -> None:
        monday = datetime(2026, 11, 30, tzinfo=UTC)  # nine in Japan
        told = counts(shop_hours, monday - 9 * DAY, monday + 8 * DAY)
        for hours in range(0, 7 * 24, 3):
            now = monday + hours * HOUR + 30 * MINUTE
            known = [one for one in told if now - 8 * DAY <= one.minute < now]
            assert found([Count(monday - 30 * DAY, 1, 0), *known], now) == set()

    def test_a_morning_without_deliveries_is_told(self) -> None:
        opening = datetime(2026, 11, 26, 0, tzinfo=UTC)
        history = week(shop_hours, opening)
        assert found(history, opening - MINUTE) == set()
        assert found(history, opening + 5 * MINUTE) == {MISSING}

    def test_one_day_of_trouble_does_not_make_silence_usual(self) -> None:
        def once_down(minute: datetime) -> tuple[int, int]:
            return (0 if NOON - 3 * DAY - HOUR < minute < NOON - 3 * DAY + 5 * HOUR else 20), 0

        assert found(week(once_down), NOON + 5 * MINUTE) == {MISSING}

    def test_a_slow_connection_may_be_silent_for_long(self) -> None:
        def hourly(minute: datetime) -> tuple[int, int]:
            return (1 if minute.minute == 0 else 0), 0

        assert found(week(hourly), NOON + 8 * HOUR) == set()
        assert found(week(hourly), NOON + 12 * HOUR) == {MISSING}

    def test_a_connection_of_today_has_no_usual_yet(self) -> None:
        today = counts(steady(20), NOON - 8 * HOUR, NOON)
        assert found(today, NOON + 4 * HOUR) == set()

    def test_when_the_hub_itself_was_away_the_vendor_was_not_silent(self) -> None:
        back = NOON + 3 * HOUR
        awake = Standing(awake=back + timedelta(seconds=10))
        few = [*week(steady(20)), Count(back, 1, 0)]
        for history in (week(steady(20)), few):
            assert found(history, back + timedelta(seconds=30), awake) == set()
            assert found(history, back + 4 * MINUTE, awake) == {MISSING}

    def test_it_ends_with_the_first_genuine_one(self) -> None:
        history = week(steady(20))
        standing = Standing({"deliveries_missing": NOON + 3 * MINUTE})
        assert found(history, NOON + 2 * HOUR, standing) == {MISSING}
        back = [*history, Count(NOON + 2 * HOUR, 1, 0)]
        assert found(back, NOON + 2 * HOUR + MINUTE, standing) == set()
        ended = Standing(ended=NOON + 2 * HOUR + MINUTE)
        again = [*back, *counts(steady(20), NOON + 2 * HOUR + MINUTE, NOON + 2 * HOUR + 9 * MINUTE)]
        assert found(again, NOON + 2 * HOUR + 9 * MINUTE, ended) == set()


class TestFlood:
    """A stranger sends forged deliveries, a thousand a minute."""

    def flooded(self, genuine: int) -> list[Count]:
        return [*week(steady(20)), *counts(steady(genuine, 1000), NOON, NOON + HOUR)]

    def test_while_the_genuine_still_arrive_nothing_is_missing(self) -> None:
        assert found(self.flooded(20), NOON + HOUR) == {REFUSED}

    def test_genuine_ones_that_stop_are_missing_all_the_same(self) -> None:
        assert found(self.flooded(0), NOON + HOUR) == {REFUSED, MISSING}

    def test_genuine_ones_that_become_few_are_missing_all_the_same(self) -> None:
        assert found(self.flooded(2), NOON + HOUR) == {REFUSED, MISSING}


@settings(max_examples=20, deadline=None)
@given(
    accepted=st.integers(1, 50),
    every=st.integers(1, 120),
    forged=st.integers(0, 500),
    minutes=st.integers(0, 300),
)
def test_what_comes_as_it_always_came_is_never_missing(
    accepted: int, every: int, forged: int, minutes: int
) -> None:
    def regular(minute: datetime) -> tuple[int, int]:
        number = int((minute - NOON) / MINUTE)
        return (accepted if number % every == 0 else 0), (forged if minute >= NOON else 0)

    now = NOON + minutes * MINUTE
    assert MISSING not in found(week(regular, now), now)


@settings(max_examples=20, deadline=None)
@given(history=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 9), st.integers(0, 9))))
def test_an_alarm_never_ends_without_a_genuine_delivery(
    history: list[tuple[int, int, int]],
) -> None:
    began = NOON - DAY
    told = [
        Count(NOON - number * MINUTE, accepted if NOON - number * MINUTE < began else 0, refused)
        for number, accepted, refused in {one[0]: one for one in history}.values()
    ]
    standing = Standing({"deliveries_refused": began, "deliveries_missing": began})
    assert found(told, NOON, standing) == {REFUSED, MISSING}


@settings(max_examples=20, deadline=None)
@given(usual=st.integers(1, 100), refused=st.integers(3, 1000), since=st.integers(1, 600))
def test_when_nothing_is_genuine_any_more_it_is_told(usual: int, refused: int, since: int) -> None:
    broken = [*week(steady(usual)), *counts(steady(0, refused), NOON, NOON + since * MINUTE)]
    assert REFUSED in found(broken, NOON + since * MINUTE)
