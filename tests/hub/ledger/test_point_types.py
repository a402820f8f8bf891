"""An order that earns points of several types: each keeps its own life, place and sum."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from renkei.ledger.books import BASE, Books, Group, Lot
from renkei.ledger.settlement import Settlement, settle
from renkei.ledger.target import OrderName, Settled, Target, TypedEarn
from renkei.ledger.transaction import Draft

NOW = datetime(2026, 11, 1, tzinfo=UTC)
YEAR, WEEK = NOW + timedelta(days=365), NOW + timedelta(days=7)


def target(base: int, *, paid: bool = True, **typed: int) -> Target:
    earned = base + sum(typed.values())
    parts = tuple(
        TypedEarn(kind, points, WEEK, None, ("pos",)) for kind, points in typed.items() if points
    )
    return Target(earned, earned if paid else 0, 0, NOW, NOW, YEAR, None, typed=parts)


def settled(group: Group, before: Settled, wanted: Target) -> tuple[Settlement, Group]:
    draft = Draft(group, "m", NOW)
    work = settle(draft, before, OrderName("cart", "o1"), wanted, NOW, ())
    books = group.homes[0]
    lots = tuple(draft.lots.values())
    return work, Group.alone(
        books._replace(
            lots=lots, lots_made=books.lots_made + len(draft.fresh), debt=draft.debts["m"]
        )
    )


NOTHING = Group.alone(Books("m", "default", 0, 0, b""))


def available(group: Group) -> dict[str, int]:
    sums: dict[str, int] = {}
    for lot in group.lots:
        sums[lot.point_type] = sums.get(lot.point_type, 0) + lot.available
    return sums


def lot_of(group: Group, kind: str) -> Lot:
    return next(lot for lot in group.lots if lot.point_type == kind and lot.available)


def test_each_type_is_a_lot_of_its_own_with_its_own_life_and_places() -> None:
    work, after = settled(NOTHING, Settled(), target(100, limited=30))
    assert available(after) == {BASE: 100, "limited": 30}
    assert (work.settled.earned, work.settled.typed) == (130, (("limited", 30),))
    assert (lot_of(after, BASE).expires_at, lot_of(after, BASE).only_at) == (YEAR, ())
    assert (lot_of(after, "limited").expires_at, lot_of(after, "limited").only_at) == (
        WEEK,
        ("pos",),
    )


def test_pending_points_of_a_type_are_confirmed_as_that_type() -> None:
    work, after = settled(NOTHING, Settled(), target(100, paid=False, limited=30))
    assert [lot.expires_at for lot in after.lots] == [None, None]
    _, paid = settled(after, work.settled, target(100, limited=30))
    assert available(paid) == {BASE: 100, "limited": 30}
    assert lot_of(paid, "limited").expires_at == WEEK


def test_what_is_taken_back_comes_out_of_the_lots_of_its_type() -> None:
    work, after = settled(NOTHING, Settled(), target(100, limited=30))
    less, left = settled(after, work.settled, target(100, limited=10))
    assert available(left) == {BASE: 100, "limited": 10}
    none, gone = settled(left, less.settled, target(0))
    assert (none.settled.earned, none.settled.typed) == (0, ())
    assert available(gone) == {BASE: 0, "limited": 0}


AMOUNTS = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.booleans())


@given(st.lists(AMOUNTS, min_size=1, max_size=6))
def test_whatever_an_order_goes_through_each_type_has_what_its_newest_state_says(
    states: list[tuple[int, int, int, bool]],
) -> None:
    group, before, was_paid = NOTHING, Settled(), False
    for base, limited, store, paid in states:
        was_paid = was_paid or paid
        wanted = target(base, paid=was_paid, limited=limited, store=store)
        work, group = settled(group, before, wanted)
        before = work.settled
        there = {BASE: base, "limited": limited, "store": store}
        sums = dict.fromkeys(there, 0)
        for lot in group.lots:
            sums[lot.point_type] += lot.available + lot.pending
        assert sums == there
        assert dict(before.typed) == {
            kind: points for kind, points in there.items() if points and kind != BASE
        }
        assert before.earned == base + limited + store
        assert group.debt == 0
