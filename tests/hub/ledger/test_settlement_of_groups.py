"""Settlements over several homes and odd lots: where points go back to, and what they look like."""

from datetime import UTC, datetime, timedelta
from typing import Any

from renkei.ledger import holds
from renkei.ledger.books import Books, Group, Hold, Lot
from renkei.ledger.lots import revive
from renkei.ledger.settlement import Settlement, settle
from renkei.ledger.target import OrderName, Settled, Target
from renkei.ledger.transaction import Draft

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ORDER = OrderName("shop", "o1")

TARGET = Target(
    earned=0,
    confirmed=0,
    redeemed=0,
    event_at=NOON - DAY,
    usable_from=NOON,
    expires_at=NOON + 90 * DAY,
    restored_until=NOON + 30 * DAY,
    yen_per_point=2,
)


def lot(number: int, *, home: str = "a", **more: Any) -> Lot:
    """An empty lot of 100 without an end."""
    fields: dict[str, Any] = {"usable_from": NOON - DAY, "expires_at": None} | more
    return Lot(
        number=number,
        origin="purchase",
        granted=100,
        granted_at=NOON - 9 * DAY,
        home=home,
        **fields,
    )


def books(home: str, *lots: Lot, debt: int = 0) -> Books:
    """A home with these lots."""
    return Books(home, "p", 3, len(lots), b"", debt=debt, lots=lots)


def draft(*homes: Books, beside: tuple[Books, ...] = ()) -> Draft:
    """A draft on behalf of the first home."""
    return Draft(Group(homes[0].member, homes, beside), homes[0].member, NOON)


def done(made: Draft, before: Settled, hold: tuple[Hold, ...] = (), **target: Any) -> Settlement:
    """The order settled to this target."""
    return settle(made, before, ORDER, TARGET._replace(**target), NOON, hold)


def moves(made: Draft) -> list[tuple[str, str, int]]:
    """(rule, home, amount) of what was posted."""
    return [(posting.rule, posting.home, posting.amount) for posting in made.postings]


def test_points_of_a_lot_that_is_over_come_back_as_a_lot_like_it() -> None:
    over = lot(
        1,
        home="b",
        expires_at=NOON,
        point_type="limited",
        only_at=("shop",),
        yen_value=7,
        store="x",
    )
    made = draft(books("a"), beside=(books("b", over),))
    work = done(made, Settled(redeemed=40, used=((("b", 1), 40),)), redeemed=15)
    assert moves(made) == [("refund.restore", "b", 25)]
    assert made.lots["b", 2] == Lot(
        number=2,
        origin="restore",
        granted=25,
        granted_at=NOON - DAY,
        usable_from=NOON,
        expires_at=NOON + 30 * DAY,
        available=25,
        connection="shop",
        order="o1",
        parent=1,
        yen_value=50,
        point_type="limited",
        only_at=("shop",),
        home="b",
    )
    assert work.settled == Settled(redeemed=15, used=((("b", 1), 15),))


def test_a_debt_that_was_written_off_comes_back_as_a_lot_of_its_own() -> None:
    made = draft(books("a"), books("b", lot(1, home="b", netted=50)))
    done(made, Settled(redeemed=30, used=((("a", 0), 30),)))
    assert moves(made) == [("refund.restore", "a", 30)]
    new = made.lots["a", 1]
    assert (new.parent, new.point_type, new.only_at, new.available) == (None, "base", (), 30)
    assert made.lots["b", 1].netted == 50


def test_a_debt_goes_back_to_the_lots_that_repaid_it_the_last_one_first() -> None:
    made = draft(books("a", lot(1, netted=10), lot(2, netted=20), lot(3), debt=-5))
    done(made, Settled(redeemed=40, used=((("a", 0), 40),)), redeemed=12)
    assert [(p.rule, p.destination, p.amount) for p in made.postings] == [
        ("refund.restore", "debt", 5),
        ("refund.restore", "available", 20),
        ("refund.restore", "available", 3),
    ]
    assert [(made.lots["a", n].netted, made.lots["a", n].available) for n in (1, 2, 3)] == [
        (7, 3),
        (0, 20),
        (0, 0),
    ]
    assert made.changed == {("a", 1), ("a", 2)}


def test_what_is_left_of_a_debt_after_its_netting_lots_is_a_new_lot() -> None:
    made = draft(books("a", lot(1, netted=10)))
    done(made, Settled(redeemed=15, used=((("a", 0), 15),)))
    assert [(made.lots["a", n].available, made.lots["a", n].parent) for n in (1, 2)] == [
        (10, None),
        (5, None),
    ]


def test_a_part_given_back_leaves_the_rest_on_the_stack() -> None:
    made = draft(books("a", lot(1), lot(2)))
    stack = ((("a", 1), 10), (("a", 2), 20))
    work = done(made, Settled(redeemed=30, used=stack), redeemed=25)
    assert work.settled.used == ((("a", 1), 10), (("a", 2), 15))
    again = done(made, work.settled, redeemed=4)
    assert again.settled == Settled(redeemed=4, used=((("a", 1), 4),))


def test_nothing_to_do_posts_nothing() -> None:
    made = draft(books("a", lot(1, available=50)))
    before = Settled(earned=50, redeemed=10, lots=(1,), used=((("a", 1), 10),))
    assert done(made, before, earned=50, confirmed=50, redeemed=10).settled is before
    assert (made.postings, made.changed) == ([], set())


def test_a_hold_that_is_not_needed_is_released_whole() -> None:
    made = draft(books("a", lot(1, held=30)))
    part = Hold(2, "k", 30, NOON + DAY, ((("a", 1), 30),), "shop", "a", ("a", 2))
    work = done(made, Settled(), (part,))
    assert moves(made) == [("hold.release", "a", 30)]
    assert (work.captured, work.settled) == ((), Settled())


def test_confirmation_moves_pending_lots_in_order_as_far_as_it_goes() -> None:
    made = draft(
        books(
            "a", lot(1, usable_from=None), lot(2, usable_from=None, pending=40), lot(3, pending=60)
        )
    )
    before = Settled(earned=100, lots=(1, 2, 3))
    work = done(made, before, earned=100, confirmed=41)
    assert moves(made) == [("earn.confirm", "a", 40), ("earn.confirm", "a", 1)]
    assert [(made.lots["a", n].parent, made.lots["a", n].available) for n in (4, 5)] == [
        (2, 40),
        (3, 1),
    ]
    assert made.lots["a", 3].pending == 59
    assert work.settled.lots == (1, 2, 3, 4, 5)


def test_taking_back_takes_pending_points_then_available_then_expired_then_debt() -> None:
    made = draft(
        books("a", lot(1, pending=10), lot(2, available=20), lot(3, expired=30, expires_at=NOON))
    )
    before = Settled(earned=100, lots=(1, 2, 3))
    done(made, before, earned=35, confirmed=35)
    assert moves(made) == [
        ("expire.undo", "a", 30),
        ("refund.clawback", "a", 10),
        ("refund.clawback", "a", 50),
        ("debt.take", "a", 5),
    ]


def test_what_is_there_is_taken_back_before_an_expiry_is_undone() -> None:
    made = draft(books("a", lot(1, available=20), lot(2, expired=30, expires_at=NOON)))
    done(made, Settled(earned=50, lots=(1, 2)), earned=25)
    assert moves(made) == [("expire.undo", "a", 5), ("refund.clawback", "a", 25)]
    assert made.lots["a", 2].expired == 25


def test_expiries_are_undone_lot_by_lot_to_the_last_point() -> None:
    made = draft(books("a", lot(1, expired=1), lot(2, expired=5), lot(3, expired=9), lot(4)))
    every = [made.lots["a", n] for n in (1, 2, 3, 4)]
    assert revive(made, every, 8) == 8
    assert [made.lots["a", n].expired for n in (1, 2, 3)] == [0, 0, 7]
    (posting,) = made.postings
    assert [move.ref[1] for move in posting.allocations] == [1, 2, 3]


def test_a_released_hold_whose_lot_has_ended_expires_with_it() -> None:
    parts = [
        Hold(1, "k", 5, NOON + DAY, ((("a", 1), 5),), "shop", "a", ("a", 1)),
        Hold(1, "k", 5, NOON + DAY, ((("b", 1), 5),), "shop", "b", ("a", 1)),
    ]
    for end in (holds.release, holds.lapse):
        made = draft(
            books("a", lot(1, held=5, expires_at=NOON)), books("b", lot(1, home="b", held=5))
        )
        end(made, parts, NOON)
        assert [name for name, _, _ in moves(made)][2:] == ["expire"]
        assert made.lots["b", 1].available == 5


def bought(**more: Any) -> Lot:
    """The lot of a purchase of 40 points by this order."""
    fields: dict[str, Any] = {
        "number": 1,
        "origin": "purchase",
        "granted": 40,
        "granted_at": NOON - DAY,
        "usable_from": NOON,
        "expires_at": NOON + 90 * DAY,
        "slides_months": 6,
        "connection": "shop",
        "order": "o1",
        "net_base": 4_000,
        "yen_value": 80,
        "company": "acme",
        "store": "shibuya",
        "home": "a",
    }
    return Lot(**(fields | more))


FACTS: dict[str, Any] = {
    "net_base": 4_000,
    "company": "acme",
    "store": "shibuya",
    "slides_months": 6,
}


def test_a_lot_knows_the_purchase_it_came_from() -> None:
    made = draft(books("a"), books("b"))
    done(made, Settled(), earned=40, confirmed=40, **FACTS)
    assert made.lots == {("a", 1): bought(available=40)}


def test_a_pending_lot_has_no_dates_and_its_confirmed_part_has_them() -> None:
    made = draft(books("a"))
    work = done(made, Settled(), earned=40, **FACTS)
    undated = {"usable_from": None, "expires_at": None, "slides_months": None}
    assert made.lots["a", 1] == bought(pending=40, **undated)
    done(made, work.settled, earned=40, confirmed=30, **FACTS)
    assert made.lots["a", 1] == bought(pending=10, **undated)
    assert made.lots["a", 2] == bought(number=2, granted=30, available=30, parent=1, yen_value=60)


def test_a_new_lot_is_empty_until_something_is_posted() -> None:
    made = draft(books("a", lot(1)), books("b", lot(1, home="b"), lot(2, home="b")))
    full = lot(9, home="b", pending=1, available=2, held=3)
    assert made.open_lot(full) == ("b", 3)
    assert made.lots["b", 3] == lot(3, home="b")
    assert made.open_lot(full._replace(home="")) == ("a", 2)
    assert made.open_lot(full) == ("b", 4)


def test_a_single_point_can_be_used() -> None:
    made = draft(books("a", lot(1, available=5)))
    assert done(made, Settled(), redeemed=1).settled.used == ((("a", 1), 1),)


def test_what_is_confirmed_already_is_not_confirmed_again() -> None:
    made = draft(books("a", lot(1, pending=60, usable_from=None), lot(2, available=40)))
    done(made, Settled(earned=100, lots=(1, 2)), earned=100, confirmed=70)
    assert moves(made) == [("earn.confirm", "a", 30)]
