"""Sliding points live as long as their member keeps coming; a late visit brings them back."""

from datetime import UTC, datetime, timedelta

import pytest

from renkei.ledger.books import Books, Group, Lot
from renkei.ledger.lots import catch_up_with_slides, expire_dead
from renkei.ledger.sliding import end_of_slide, slid, with_activity
from renkei.ledger.transaction import Draft

GRANTED = datetime(2024, 1, 31, 3, tzinfo=UTC)


def sliding(months: int = 12, **more: object) -> Books:
    lot = Lot(1, "purchase", 100, GRANTED, GRANTED, None, available=100, home="m")
    lot = lot._replace(slides_months=months, **more)
    return slid(Books("m", "default", 1, 1, b"", lots=(lot,)))


def ends(books: Books) -> datetime | None:
    return books.lots[0].expires_at


def test_points_end_after_the_same_day_so_many_months_later_in_the_zone() -> None:
    assert ends(sliding(13)) == datetime(2025, 2, 28, 15, tzinfo=UTC)
    assert end_of_slide(datetime(2024, 2, 29, 16, tzinfo=UTC), 12, "Asia/Tokyo") == datetime(
        2025, 3, 1, 15, tzinfo=UTC
    )


def test_every_visit_before_the_end_moves_it() -> None:
    books = with_activity(sliding(), datetime(2024, 12, 31, 3, tzinfo=UTC))
    assert ends(books) == datetime(2025, 12, 31, 15, tzinfo=UTC)
    books = with_activity(books, datetime(2025, 12, 31, 14, 59, tzinfo=UTC))
    assert ends(books) == datetime(2026, 12, 31, 15, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)])
def test_a_visit_after_the_end_moves_nothing(late: timedelta) -> None:
    end = ends(sliding())
    assert end is not None
    assert ends(with_activity(sliding(), end + late)) == end


def test_visits_told_in_any_order_come_to_the_same_end() -> None:
    one, two = datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 10, 1, tzinfo=UTC)
    assert ends(with_activity(with_activity(sliding(), two), one)) == ends(
        with_activity(with_activity(sliding(), one), two)
    )


def test_a_visit_before_the_points_were_granted_moves_nothing() -> None:
    earlier = GRANTED - timedelta(days=30)
    assert ends(with_activity(sliding(), earlier)) == ends(sliding())


def test_points_with_a_date_of_their_own_are_not_moved() -> None:
    fixed = Lot(1, "purchase", 100, GRANTED, GRANTED, GRANTED + timedelta(days=9), home="m")
    books = Books("m", "default", 1, 1, b"", lots=(fixed,))
    assert ends(with_activity(books, GRANTED + timedelta(days=1))) == fixed.expires_at


def test_a_visit_told_late_undoes_the_expiry_that_was_booked_meanwhile() -> None:
    books, now = sliding(), datetime(2025, 3, 1, tzinfo=UTC)
    draft = Draft(Group.alone(books), "m", now)
    assert expire_dead(draft, [("m", 1)], now) == 100
    after = books._replace(lots=tuple(draft.lots.values()))
    visited = with_activity(after, datetime(2025, 1, 30, tzinfo=UTC))
    draft = Draft(Group.alone(visited), "m", now)
    catch_up_with_slides(draft, now)
    assert [posting.rule for posting in draft.postings] == ["expire.undo"]
    assert draft.lots["m", 1].available == 100


def test_what_had_ended_before_the_visit_is_booked_as_expired() -> None:
    now = datetime(2025, 3, 1, tzinfo=UTC)
    visited = with_activity(sliding(), now)
    draft = Draft(Group.alone(visited), "m", now)
    catch_up_with_slides(draft, now)
    assert [posting.rule for posting in draft.postings] == ["expire"]
    assert draft.lots["m", 1].available == 0


def test_points_with_a_date_of_their_own_do_not_slide() -> None:
    books = sliding()
    fixed = books.lots[0]._replace(number=2, slides_months=None, expires_at=GRANTED)
    moved = with_activity(books._replace(lots=(*books.lots, fixed)), GRANTED + timedelta(days=30))
    assert moved.lots[1] == fixed
    assert ends(moved) != ends(books)
