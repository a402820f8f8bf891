"""Holds over several homes, balances as a channel sees them, movements without an order."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from renkei.errors import BooksBroken, PostingNotAllowed
from renkei.ledger import holds
from renkei.ledger.balance import channel_balance, last_day
from renkei.ledger.books import (
    Books,
    Channel,
    Group,
    Hold,
    Lot,
    consumption_order,
    without_hold,
)
from renkei.ledger.chart import Account as A
from renkei.ledger.corrections import grant, withdraw, write_off
from renkei.ledger.lots import overdraw, repay_debt, spendable, take, use
from renkei.ledger.quotas import Quota, claim
from renkei.ledger.rules import require_permitted
from renkei.ledger.transaction import Allocation, Draft

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TOKYO = ZoneInfo("Asia/Tokyo")


def lot(number: int, *, home: str = "a", ends: int | None = None, **more: Any) -> Lot:
    """A lot of 100, usable since yesterday; ``ends`` in days from noon."""
    end = None if ends is None else NOON + ends * DAY
    fields: dict[str, Any] = {"available": 100, "origin": "purchase"} | more
    return Lot(
        number=number,
        granted=100,
        granted_at=NOON - DAY,
        usable_from=fields.pop("usable_from", NOON - DAY),
        expires_at=end,
        home=home,
        **fields,
    )


def books(home: str, *lots: Lot, **more: Any) -> Books:
    """A home with these lots."""
    return Books(home, "p", 3, len(lots), b"", lots=lots, **more)


def draft(*homes: Books, channel: Channel | None = None, first: tuple[str, ...] = ()) -> Draft:
    """A draft on behalf of the first home, over a group of them all."""
    group = Group(homes[0].member, homes)
    return Draft(group, homes[0].member, NOON, channel, first)


def held(home: str, *parts: tuple[int, int], version: int = 1, minutes: int = 10) -> Hold:
    """A hold's part in a home: (lot, points)."""
    frozen = tuple(((home, number), part) for number, part in parts)
    lapses_at = NOON + timedelta(minutes=minutes)
    return Hold(version, "k", sum(p for _, p in parts), lapses_at, frozen, "shop", home, ("a", 1))


def moves(made: Draft) -> list[tuple[str, str, int]]:
    """(rule, home, amount) of what was posted."""
    return [(posting.rule, posting.home, posting.amount) for posting in made.postings]


def test_a_hold_of_two_homes_is_captured_in_the_order_of_use() -> None:
    late = books("a", lot(1, ends=90, available=40, held=60))
    soon = books("b", lot(1, home="b", ends=10, available=70, held=30))
    made = draft(late, soon)
    used = holds.capture(made, [held("a", (1, 60)), held("b", (1, 30))], 50, NOON)
    assert used == ((("b", 1), 30), (("a", 1), 20))
    assert moves(made) == [
        ("hold.capture", "b", 30),
        ("hold.capture", "a", 20),
        ("hold.release", "a", 40),
    ]
    assert holds.in_home(used, "a") == 20


def test_one_part_is_captured_as_it_was_frozen() -> None:
    made = draft(
        books("a", lot(1, ends=90, held=10, available=9), lot(2, ends=1, held=10, available=9))
    )
    used = holds.capture(made, [held("a", (1, 10), (2, 10))], 12, NOON)
    assert used == ((("a", 1), 10), (("a", 2), 2))


def test_point_types_that_go_first_are_captured_first() -> None:
    base = books("a", lot(1, ends=1, available=0, held=5))
    limited = books("b", lot(1, home="b", ends=9, available=0, held=5, point_type="limited"))
    made = draft(base, limited, first=("limited",))
    used = holds.capture(made, [held("a", (1, 5)), held("b", (1, 5))], 6, NOON)
    assert used == ((("b", 1), 5), (("a", 1), 1))


def test_a_lapsed_hold_whose_lot_has_ended_meanwhile_expires_with_it() -> None:
    made = draft(books("a", lot(1, ends=0, available=0, held=60)))
    holds.lapse(made, [held("a", (1, 60))], NOON)
    assert moves(made) == [("hold.lapse", "a", 60), ("expire", "a", 60)]
    assert made.lots["a", 1].expired == 60


def test_what_is_held_on_stays_on_its_lots_even_where_they_have_ended_and_pays_no_debt() -> None:
    made = draft(
        books("a", lot(1, ends=0, available=0, held=60), lot(2, available=0, held=40), debt=-50)
    )
    used, kept = holds.carry(made, [held("a", (1, 60), (2, 40))], 20, 70, NOON)
    assert (used, kept) == (((("a", 1), 20),), ((("a", 1), 40), (("a", 2), 30)))
    assert moves(made) == [
        ("hold.capture", "a", 20),
        ("hold.release", "a", 70),
        ("hold.carry", "a", 70),
        ("hold.release", "a", 10),
        ("debt.repay", "a", 10),
    ]
    assert (made.lots["a", 1].held, made.lots["a", 2].held, made.debts["a"]) == (40, 30, -40)


def test_what_a_hold_gives_back_repays_the_debt_of_its_home() -> None:
    made = draft(books("a", lot(1, available=0, held=60), debt=-50))
    holds.release(made, [held("a", (1, 60))], NOON)
    assert moves(made) == [("hold.release", "a", 60), ("debt.repay", "a", 50)]
    assert (made.debts["a"], made.lots["a", 1].netted) == (0, 50)


def test_the_whole_hold_can_be_taken_and_nothing_is_left_over() -> None:
    frozen = held("a", (1, 10), (2, 20)).frozen
    assert holds.split(frozen, 30) == (frozen, ())
    assert holds.split(frozen, 0) == ((), frozen)


def test_what_a_lapsed_hold_froze_counts_as_available_before_it_is_booked() -> None:
    over, open_still = held("a", (1, 20), (2, 5), minutes=0), held("a", (1, 10), version=2)
    again = held("a", (1, 3), version=3, minutes=-1)
    third = lot(3)
    home = books(
        "a",
        lot(1, available=60, held=33),
        lot(2, available=95, held=5),
        third,
        holds=(over, open_still, again),
    )
    other = books("b", lot(1, home="b"))
    counted = holds.as_if_lapsed(Group("a", (home, other)), NOON)
    assert [(one.available, one.held) for one in counted.homes[0].lots] == [
        (83, 10),
        (100, 0),
        (100, 0),
    ]
    assert counted.homes[0].holds == home.holds
    assert counted.homes[1] is other
    assert counted.homes[0].lots[2] is third


def test_books_beside_the_group_are_replaced_where_they_are() -> None:
    one, two, aside, other = books("a"), books("b"), books("c"), books("d")
    new = [books("c", debt=-1), books("b", debt=-2)]
    group = Group("a", (one, two), (aside, other)).with_books(iter(new))
    assert (group.root, group.homes, group.beside) == ("a", (one, new[1]), (new[0], other))


def test_one_hold_leaves_and_the_others_stay() -> None:
    first, second = held("a", (1, 1)), held("a", (1, 1), version=2)
    assert without_hold(books("a", holds=(first, second)), 1).holds == (second,)


def test_a_balance_counts_what_is_usable_here_now_and_says_when_it_changes() -> None:
    over = held("a", (1, 20), minutes=-5)
    home = books(
        "a",
        lot(1, ends=10, available=30, held=20),
        lot(2, ends=10, available=5),
        lot(3, ends=5, available=7),
        lot(4, ends=3, available=1_000, only_at=("other",)),
        lot(5, available=1_000, usable_from=NOON + DAY),
        lot(6, ends=0, available=1_000),
        lot(7, ends=2, available=0, pending=8),
        holds=(over,),
        debt=-10,
        version_lead=4,
    )
    found = channel_balance(Group.alone(home), NOON, TOKYO, Channel("shop"))
    assert found.balance.spendable == 30 + 20 + 5 + 7 - 10
    assert (found.balance.pending, found.balance.version, found.balance.as_of) == (8, 7, NOON)
    assert found.by_expiry == ((date(2026, 11, 6), 7), (date(2026, 11, 11), 45))
    assert found.balance.latest_expiry == date(2026, 11, 11)
    assert found.next_change_at == NOON + DAY


@pytest.mark.parametrize(
    ("debt", "ends"),
    [(0, (30, 50)), (-20, (30, 30)), (-60, (20,)), (-1_000, ())],
)
def test_what_ends_when_is_no_more_than_can_be_spent(debt: int, ends: tuple[int, ...]) -> None:
    home = books("a", lot(1, ends=5, available=30), lot(2, ends=10, available=50), debt=debt)
    found = channel_balance(Group.alone(home), NOON, TOKYO, None)
    assert tuple(points for _, points in found.by_expiry) == ends
    assert sum(ends) == found.balance.spendable


def test_points_without_an_end_make_the_balance_endless() -> None:
    home = books("a", lot(1, ends=10), lot(2))
    found = channel_balance(Group.alone(home), NOON, TOKYO, None)
    assert (found.balance.spendable, found.balance.latest_expiry) == (200, None)
    assert found.next_change_at == NOON + 10 * DAY


def test_the_last_day_of_a_part_is_a_day_of_the_programs_zone() -> None:
    evening = lot(1)._replace(expires_at=datetime(2026, 11, 5, 20, tzinfo=UTC))
    found = channel_balance(Group.alone(books("a", evening)), NOON, TOKYO, None)
    assert found.by_expiry == ((date(2026, 11, 6), 100),)


def test_an_empty_balance_changes_never_and_ends_never() -> None:
    found = channel_balance(Group.alone(books("a")), NOON, TOKYO, None)
    assert (found.balance.spendable, found.balance.latest_expiry, found.next_change_at) == (
        0,
        None,
        None,
    )


def test_an_open_hold_changes_the_balance_when_it_lapses() -> None:
    waiting = held("a", (1, 20), minutes=7)
    home = books("a", lot(1, ends=10, available=80, held=20), holds=(waiting,))
    found = channel_balance(Group.alone(home), NOON, TOKYO, None)
    assert (found.balance.spendable, found.next_change_at) == (80, waiting.lapses_at)


def test_the_last_day_is_the_one_before_midnight() -> None:
    midnight = datetime(2026, 11, 2, 15, tzinfo=UTC)
    assert last_day(midnight, TOKYO) == date(2026, 11, 2)
    assert last_day(midnight + timedelta(microseconds=1), TOKYO) == date(2026, 11, 3)


def test_points_given_repay_debt_and_what_is_left_of_those_born_expired_expires() -> None:
    made = draft(books("a", debt=-30))
    grant(made, "adjust.up", A.ADJUSTED, lot(0, ends=5), NOON)
    assert moves(made) == [("adjust.up", "a", 100), ("debt.repay", "a", 30)]
    assert made.lots["a", 1].available == 70
    born_expired = draft(books("a", debt=-30))
    grant(born_expired, "import", A.IMPORTED, lot(0, ends=-1), NOON)
    assert moves(born_expired) == [
        ("import", "a", 100),
        ("debt.repay", "a", 30),
        ("expire", "a", 70),
    ]


def test_points_are_withdrawn_in_the_order_of_use_from_what_is_usable() -> None:
    made = draft(
        books("a", lot(1), lot(2, ends=3), lot(3, ends=-1), lot(4, usable_from=NOON + DAY))
    )
    withdraw(made, "exchange", A.EXCHANGED, 120, NOON)
    assert moves(made) == [("exchange", "a", 120)]
    assert [made.lots["a", n].available for n in (1, 2, 3, 4)] == [80, 0, 100, 100]


def test_a_debt_is_written_off_for_the_acting_member_only() -> None:
    made = draft(books("a", debt=-30), books("b", debt=-5))
    write_off(made, 20)
    assert moves(made) == [("write_off", "a", 20)]
    assert made.debts == {"a": -10, "b": -5}


def test_a_fact_takes_what_was_alive_then_what_is_alive_now_then_debt() -> None:
    expired = lot(1, ends=1, available=0, expired=100)
    later = lot(2, usable_from=NOON + DAY, ends=20)
    made = draft(books("a", expired, later))
    taken = use(made, "adjust.down", A.ADJUSTED, 250, NOON, NOON + 2 * DAY)
    assert taken == ((("a", 1), 100), (("a", 2), 100), (("a", 0), 50))
    assert moves(made) == [
        ("expire.undo", "a", 100),
        ("adjust.down", "a", 200),
        ("debt.take", "a", 50),
    ]
    assert made.debts["a"] == -50


def test_whether_an_expiry_was_booked_does_not_change_which_points_are_used() -> None:
    over, rest = lot(1, ends=1, available=0, expired=100), lot(2, available=30)
    half = lot(1, ends=1, available=60, expired=40)
    for first, left in ((over, (0, 60)), (half, (20, 40))):
        made = draft(books("a", first, rest))
        assert use(made, "redeem", A.REDEEMED, 40, NOON, NOON + 2 * DAY) == ((("a", 1), 40),)
        lot_after = made.lots["a", 1]
        assert (lot_after.available, lot_after.expired) == left
        assert made.lots["a", 2].available == 30


def test_an_expiry_is_undone_for_the_last_points_that_a_use_needs() -> None:
    lots = (
        lot(1, ends=1, available=0, expired=100),
        lot(2, ends=2, available=50, expired=50),
        lot(3, ends=3, available=0, expired=100),
    )
    made = draft(books("a", *lots))
    used = use(made, "redeem", A.REDEEMED, 160, NOON, NOON + 5 * DAY)
    assert used == ((("a", 1), 100), (("a", 2), 60))
    assert moves(made) == [("expire.undo", "a", 110), ("redeem", "a", 160)]
    assert [made.lots["a", n].expired for n in (1, 2, 3)] == [0, 40, 100]


def test_nothing_short_makes_no_debt() -> None:
    made = draft(books("a"))
    assert overdraw(made, 0, A.REDEEMED) == ()
    assert made.postings == []
    assert overdraw(made, 1, A.REDEEMED) == ((("a", 0), 1),)


def test_taking_stops_when_there_is_enough() -> None:
    lots = [lot(1, available=0), lot(2), lot(3)]
    assert take(lots, 100) == ((("a", 2), 100),)
    assert take(lots, 101) == ((("a", 2), 100), (("a", 3), 1))
    assert take(lots, 0) == ()


def test_a_debt_counts_against_what_is_spendable_and_never_below_zero() -> None:
    assert spendable([lot(1)], -30, NOON) == 70
    assert spendable([lot(1)], -130, NOON) == 0
    assert spendable([lot(1, only_at=("other",)), lot(2)], 0, NOON, Channel("shop")) == 100


def test_the_order_of_consumption() -> None:
    first = lot(5, ends=90, point_type="limited")
    second = lot(6, ends=1, point_type="store")
    soon, older, newer = lot(2, ends=3), lot(3, ends=9), lot(4, ends=9)
    never = lot(1)
    ordered = [first, second, soon, older, newer, never]
    mixed = [never, newer, soon, second, older, first]
    by = ("limited", "store")
    assert sorted(mixed, key=lambda one: consumption_order(one, by)) == ordered


@pytest.mark.parametrize(
    ("used", "high_water", "wanted", "gets"),
    [
        (0, 0, 30, (30, 30)),
        (90, 0, 30, (100, 10)),
        (100, 0, 30, (100, 0)),
        (40, 30, 30, (40, 30)),
        (40, 30, 10, (40, 30)),
        (40, 30, 50, (60, 50)),
    ],
)
def test_a_claim_gets_what_is_left_and_keeps_what_it_had(
    used: int, high_water: int, wanted: int, gets: tuple[int, int]
) -> None:
    after, mark = claim(Quota(100, used), high_water, wanted)
    assert (after, mark) == (Quota(100, gets[0]), gets[1])


def test_a_posting_that_is_not_in_the_table_cannot_be_booked() -> None:
    require_permitted("earn", A.ISSUED, A.AVAILABLE)
    with pytest.raises(PostingNotAllowed, match="earn: issued → held is not a permitted posting"):
        require_permitted("earn", A.ISSUED, A.HELD)
    with pytest.raises(PostingNotAllowed, match="gift"):
        draft(books("a", lot(1))).post(
            "gift", A.ISSUED, A.AVAILABLE, [Allocation(("a", 1), available=1)]
        )


@pytest.mark.parametrize(
    ("rule", "source", "destination", "move", "said"),
    [
        ("earn", A.ISSUED, A.AVAILABLE, Allocation(("a", 1), available=1), "lot 1 of a would be"),
        ("redeem", A.AVAILABLE, A.REDEEMED, Allocation(("a", 1), available=-101), "lot 1 of a"),
        ("redeem", A.AVAILABLE, A.REDEEMED, Allocation(("a", 1), available=1), "do not add up"),
        ("hold.place", A.AVAILABLE, A.HELD, Allocation(("a", 1), available=-5, held=4), "add up"),
        ("redeem", A.AVAILABLE, A.REDEEMED, Allocation(("a", 1), available=-5, held=5), "add up"),
        ("write_off", A.ADJUSTED, A.DEBT, Allocation(("a", 0), debt=31), "debt of a would be"),
    ],
)
def test_books_that_would_not_hold_are_not_booked(
    rule: str, source: A, destination: A, move: Allocation, said: str
) -> None:
    made = draft(books("a", lot(1), debt=-30))
    with pytest.raises(BooksBroken, match=said):
        made.post(rule, source, destination, [move])
    assert made.postings == []


def test_a_lot_that_is_full_again_and_a_debt_that_is_gone_are_no_fault() -> None:
    made = draft(books("a", lot(1, available=99), debt=-30))
    assert made.post("earn", A.ISSUED, A.AVAILABLE, [Allocation(("a", 1), available=1)]) == 1
    assert made.post("write_off", A.ADJUSTED, A.DEBT, [Allocation(("a", 0), debt=30)]) == 30


def test_moving_nothing_posts_nothing() -> None:
    made = draft(books("a", lot(1)))
    assert made.post("redeem", A.AVAILABLE, A.REDEEMED, [Allocation(("a", 1))]) == 0
    assert made.postings == []


def test_holds_lapse_in_the_order_in_which_they_ended() -> None:
    late, early = held("a", (1, 1), minutes=0), held("a", (1, 1), version=2, minutes=-1)
    same, other = held("b", (1, 1), minutes=-1), held("a", (1, 1), version=3, minutes=1)
    assert holds.lapsed([late, other, same, early], NOON) == [early, same, late]


def test_what_a_hold_gives_back_late_repays_debt_although_its_lot_has_ended_since() -> None:
    ended = lot(1, available=0, held=60)
    ended = ended._replace(expires_at=NOON - timedelta(minutes=5))
    made = draft(books("a", ended, debt=-50))
    holds.lapse(made, [held("a", (1, 60), minutes=-10)], NOON)
    assert moves(made) == [("hold.lapse", "a", 60), ("debt.repay", "a", 50), ("expire", "a", 10)]


@pytest.mark.parametrize(
    ("there", "came", "debt", "repaid"),
    [(100, 20, 50, 20), (10, 100, 50, 10), (100, 100, 50, 50), (100, 1, 50, 1), (100, 0, 50, 0)],
)
def test_only_what_came_in_and_is_still_there_repays_debt(
    there: int, came: int, debt: int, repaid: int
) -> None:
    made = draft(books("a", lot(1, available=there), debt=-debt))
    repay_debt(made, [(("a", 1), came)])
    assert made.debts["a"] == repaid - debt
    assert made.lots["a", 1].netted == repaid


def test_movements_that_cancel_out_are_no_posting() -> None:
    made = draft(books("a", lot(1, available=50), lot(2, available=50)))
    around = [Allocation(("a", 1), available=-5), Allocation(("a", 2), available=5)]
    with pytest.raises(BooksBroken, match="redeem: the allocations do not add up"):
        made.post("redeem", A.AVAILABLE, A.REDEEMED, around)
