"""What differs between the books and a vendor is named, and its points counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renkei.messaging.drift import (
    WHOLE,
    Booked,
    Drift,
    Listed,
    Shown,
    agreed,
    apart,
    explained_share,
    is_moving,
    of_booked,
    of_listed,
    of_member,
)

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def shown(balance: int, written: int | None, seen: int | None) -> Shown:
    return Shown("mem_1", balance, written, seen, None if balance == written else NOW - HOUR)


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (shown(100, 100, 100), None),
        (shown(120, 100, 120), None),
        (shown(120, 100, 100), "stale"),
        (shown(120, None, 0), "stale"),
        (shown(100, 100, 150), "changed_elsewhere"),
        (shown(120, 100, 150), "changed_elsewhere"),
        (shown(120, 100, None), "missing"),
    ],
)
def test_a_balance_that_differs_is_stale_missing_or_changed_elsewhere(
    one: Shown, kind: str | None
) -> None:
    found = of_member(one, NOW)
    assert (found and found.kind) == kind


def test_what_is_stale_is_so_since_the_first_change_that_was_not_shown() -> None:
    found = of_member(shown(120, 100, 100), NOW)
    assert found == Drift("member", "mem_1", "stale", 120, 100, NOW - HOUR)
    assert found.points == 20


def test_a_change_of_this_moment_is_on_its_way_and_an_old_one_late() -> None:
    fresh = Shown("mem_1", 120, 100, 100, NOW - timedelta(seconds=5))
    assert (is_moving(fresh, NOW), is_moving(fresh, NOW + HOUR)) == (True, False)
    assert not is_moving(shown(100, 100, 150), NOW)


@pytest.mark.parametrize(
    ("one", "kind", "points"),
    [
        (Booked("o1", 100, 30, 100, 30, True, NOW), None, 0),
        (Booked("o1", 100, 30, 90, 30, True, NOW), "unbacked", 10),
        (Booked("o1", 100, 30, 0, 0, True, NOW), "unbacked", 130),
        (Booked("o1", 100, 0, 100, 0, False, NOW), "missing", 100),
        (Booked("o1", 0, 0, 0, 0, False, NOW), None, 0),
    ],
)
def test_points_are_backed_by_an_order_that_was_settled_for_them(
    one: Booked, kind: str | None, points: int
) -> None:
    found = of_booked(one)
    assert (found and found.kind, found.points if found else 0) == (kind, points)


@pytest.mark.parametrize(
    ("kept", "kind"),
    [(None, "missing"), (NOW - 3 * HOUR, "stale"), (NOW - 2 * HOUR, None), (NOW - HOUR, None)],
)
def test_an_order_of_the_vendors_list_is_missing_or_stale_here(
    kept: datetime | None, kind: str | None
) -> None:
    found = of_listed(Listed("o1", NOW - 2 * HOUR, kept), NOW)
    assert (found and found.kind) == kind


def test_an_order_that_changed_just_now_may_still_be_on_its_way() -> None:
    assert of_listed(Listed("o1", NOW - timedelta(minutes=1), None), NOW) is None


def test_all_is_explained_only_where_nothing_differs() -> None:
    assert explained_share(0, 0, 0) == WHOLE
    assert explained_share(10_000_000, 1, 1) == WHOLE - 1
    assert explained_share(500, 0, 1) == WHOLE - 1
    assert explained_share(1, 2, 1) == 3_333


POINTS = st.integers(min_value=0, max_value=10**9)


@given(st.lists(st.tuples(POINTS, st.none() | POINTS)))
def test_each_point_of_the_larger_side_is_explained_or_not(
    pairs: list[tuple[int, int | None]],
) -> None:
    every = [Shown(str(n), balance, None, seen, None) for n, (balance, seen) in enumerate(pairs)]
    drifts = [found for one in every if (found := of_member(one, NOW))]
    larger = sum(max(balance, seen or 0) for balance, seen in pairs)
    assert agreed(every) + apart(drifts) == larger
