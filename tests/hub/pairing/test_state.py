"""The state of a script: the same for whatever way led there, and told row by row where not."""

from renkei.pairing.state import (
    Books,
    Names,
    Posted,
    Remaining,
    Settled,
    Standing,
    differences,
    state_hash,
    state_of,
)

NAMES = Names({"mem_1": "hanako"}, {"till/7": "a cup", "till/1|1|2026-11-27|0|7": "a cup"})


def books(*posted: Posted, settled: tuple[Settled, ...] = ()) -> Books:
    return Books(standings=(), remaining=(), settled=settled, posted=posted)


def test_points_held_and_then_captured_are_points_spent_at_once() -> None:
    held = state_of(
        books(
            Posted("mem_1", None, "available", "held", 50),
            Posted("mem_1", "till/7", "held", "redeemed", 30),
            Posted("mem_1", None, "held", "available", 20),
        ),
        NAMES,
    )
    assert held == state_of(books(Posted("mem_1", "till/7", "available", "redeemed", 30)), NAMES)
    assert held == {"a cup: hanako: into available": -30, "a cup: hanako: into redeemed": 30}


def test_what_was_given_and_taken_back_again_leaves_no_row() -> None:
    there = Posted("mem_1", "till/7", "issued", "available", 19)
    back = Posted("mem_1", "till/7", "available", "issued", 19)
    assert state_of(books(there, back), NAMES) == {}


def test_two_names_of_one_sale_are_one_sale() -> None:
    told = (Settled("mem_1", "till/7", 10, 0), Settled("mem_1", "till/1|1|2026-11-27|0|7", 9, 5))
    assert state_of(books(settled=told), NAMES) == {
        "a cup: hanako: earned": 19,
        "a cup: hanako: redeemed": 5,
    }


def test_what_the_script_does_not_know_is_in_the_state_too() -> None:
    told = state_of(books(settled=(Settled("mem_9", "till/99", 1, 0),)), NAMES)
    assert told == {"an unknown sale: somebody unknown: earned": 1}


def test_lots_are_told_by_their_origin_and_their_life() -> None:
    left = [
        Remaining("mem_1", "till/7", "purchase", 9, 365),
        Remaining("mem_1", None, "adjustment", 77, None),
    ]
    standing = Standing("mem_1", spendable=86, pending=0, debt=0)
    assert state_of(Books([standing], left, (), ()), NAMES) == {
        "hanako: left of a cup (purchase, for 365 days)": 9,
        "hanako: left of no sale (adjustment, for ever)": 77,
        "hanako: spendable": 86,
    }


def test_the_hash_is_of_the_points_and_not_of_their_order() -> None:
    one = {"hanako: spendable": 86, "a cup: hanako: earned": 19}
    assert state_hash(one) == state_hash(dict(reversed(one.items())))
    assert state_hash(one) != state_hash(one | {"hanako: spendable": 87})


def test_each_row_that_differs_is_told_with_both_numbers() -> None:
    found = differences({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5})
    assert found == ["a is 0, not 1", "c is 4, not 3", "d is 5, not 0"]
    assert differences({"a": 1}, {"a": 1}) == []
