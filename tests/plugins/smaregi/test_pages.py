"""Walking a list that changes under the walk: nothing is lost, and it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.paging import Window
from renkei_smaregi import pages

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WINDOW = Window(SINCE, SINCE + timedelta(hours=1))


def at(seconds: int) -> datetime:
    return SINCE + seconds * SECOND


class TestPlace:
    def test_a_walk_begins_a_second_early(self) -> None:
        assert pages.place(WINDOW, None) == pages.Place(SINCE - SECOND, 1)

    def test_a_cursor_leads_back_to_its_place(self) -> None:
        place = pages.Place(at(5), 7)
        assert pages.place(WINDOW, place.cursor()) == place

    @pytest.mark.parametrize("cursor", ["", "x", "2026-11-01T00:00:00+09:00", "|1", "a|b|c"])
    def test_a_foreign_cursor_is_refused(self, cursor: str) -> None:
        with pytest.raises(PayloadInvalid):
            pages.place(WINDOW, cursor)

    def test_times_are_japanese_and_whole_seconds(self) -> None:
        moment = datetime(2026, 11, 25, 15, 0, 0, 999_999, tzinfo=UTC)
        assert pages.iso(moment) == "2026-11-26T00:00:00+09:00"

    def test_a_window_is_asked_to_its_end_and_a_second_more(self) -> None:
        start = pages.place(WINDOW, None)
        assert pages.until(WINDOW, start) == WINDOW.until + SECOND

    @pytest.mark.parametrize("days", [31, 32, 100])
    def test_never_more_than_31_days_are_asked_for(self, days: int) -> None:
        window = Window(SINCE, SINCE + timedelta(days=days))
        start = pages.place(window, None)
        assert pages.until(window, start) - start.since <= timedelta(days=31)


class TestFollowing:
    def test_a_page_that_is_not_full_is_the_last(self) -> None:
        place = pages.place(WINDOW, None)
        assert pages.following(WINDOW, place, [at(1)], full=False) is None

    def test_a_long_window_goes_on_after_31_days_with_an_overlap(self) -> None:
        window = Window(SINCE, SINCE + timedelta(days=90))
        place = pages.place(window, None)
        cursor = pages.following(window, place, [], full=False)
        following = pages.place(window, cursor)
        assert following.since < pages.until(window, place)
        assert following.page == 1

    def test_a_long_window_ends(self) -> None:
        window = Window(SINCE, SINCE + timedelta(days=90))
        cursor, asked = None, 0
        while asked == 0 or cursor is not None:
            place = pages.place(window, cursor)
            cursor, asked = pages.following(window, place, [], full=False), asked + 1
        assert asked == 3

    def test_a_full_page_is_followed_from_a_second_before_its_last_row(self) -> None:
        place = pages.place(WINDOW, None)
        cursor = pages.following(WINDOW, place, [at(1), at(9)], full=True)
        assert pages.place(WINDOW, cursor) == pages.Place(at(8), 1)

    @pytest.mark.parametrize(
        "updated",
        [[at(0), at(0)], [at(9), at(1)], [at(1), None], []],
        ids=["one-second", "not-sorted", "without-a-time", "unreadable"],
    )
    def test_where_times_do_not_lead_on_the_number_does(
        self, updated: list[datetime | None]
    ) -> None:
        place = pages.place(WINDOW, None)
        cursor = pages.following(WINDOW, place, updated, full=True)
        assert pages.place(WINDOW, cursor) == pages.Place(place.since, 2)

    def test_a_list_that_never_ends_is_a_fault(self) -> None:
        place = pages.Place(SINCE, pages.MAX_PAGE)
        with pytest.raises(PayloadInvalid):
            pages.following(WINDOW, place, [at(0)], full=True)


class TestHolds:
    @pytest.mark.parametrize(
        ("updated", "held"),
        [
            (SINCE, True),
            (SINCE - SECOND, False),
            (WINDOW.until - SECOND, True),
            (WINDOW.until, False),
            (None, True),
        ],
    )
    def test_the_beginning_belongs_to_a_window_and_the_end_does_not(
        self, updated: datetime | None, held: bool
    ) -> None:
        assert pages.holds(WINDOW, updated) is held
