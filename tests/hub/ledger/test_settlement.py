"""Settlement posts the difference to a target: the worked examples and their neighbours."""

from datetime import UTC, datetime, timedelta

import pytest
from books_in_memory import Ledger
from hypothesis import given
from hypothesis import strategies as st

from renkei.errors import BooksBroken, PostingNotAllowed
from renkei.ledger.chart import MEMBER_ACCOUNTS, Account
from renkei.ledger.lots import spendable
from renkei.ledger.transaction import Allocation

DECEMBER = datetime(2026, 11, 30, 15, tzinfo=UTC)
MARCH = datetime(2027, 2, 28, 15, tzinfo=UTC)


def left(ledger: Ledger) -> int:
    return spendable(ledger.books.lots, ledger.books.debt, ledger.now)


def test_an_order_seen_three_times_earns_once(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.order("A", earned=33)
    assert left(ledger) == 33
    assert ledger.rules() == []


def test_a_partly_refunded_order_keeps_what_the_rest_earns(ledger: Ledger) -> None:
    ledger.order("A", earned=33)
    ledger.order("A", earned=20)
    assert left(ledger) == 20
    assert ledger.rules() == ["refund.clawback"]


def test_a_cancelled_order_leaves_its_lots_empty_and_its_postings_there(ledger: Ledger) -> None:
    ledger.order("A", earned=33)
    ledger.order("A", earned=0)
    assert ledger.lot(1).available == 0
    assert [posting.rule for draft in ledger.log for posting in draft.postings] == [
        "earn",
        "refund.clawback",
    ]


def two_lots(ledger: Ledger) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    ledger.order("L2", earned=400, expires_at=MARCH)


def test_a_hold_takes_the_soonest_expiry_first_and_its_capture_releases_the_rest(
    ledger: Ledger,
) -> None:
    two_lots(ledger)
    hold = ledger.hold(150)
    assert (ledger.lot(1).held, ledger.lot(2).held, left(ledger)) == (100, 50, 350)
    ledger.order("R", redeemed=120, hold=hold)
    assert (ledger.lot(1).available, ledger.lot(2).available) == (0, 380)
    assert ledger.books.holds == ()
    assert ledger.rules() == ["hold.capture", "hold.release"]


def test_a_half_returned_receipt_gives_back_in_the_reverse_order_of_use(ledger: Ledger) -> None:
    two_lots(ledger)
    ledger.order("R", redeemed=120, hold=ledger.hold(150))
    ledger.order("R", redeemed=60)
    assert (ledger.lot(1).available, ledger.lot(2).available) == (40, 400)


def test_what_a_shop_spent_beyond_the_balance_becomes_debt_that_the_next_earn_repays(
    ledger: Ledger,
) -> None:
    ledger.order("B", earned=440)
    ledger.order("C", redeemed=500)
    assert (ledger.books.total(Account.AVAILABLE), ledger.books.debt) == (0, -60)
    tomorrow = ledger.now + timedelta(days=1)
    ledger.order("D", earned=100, usable_from=tomorrow)
    assert (ledger.books.debt, left(ledger)) == (0, 0)
    ledger.now = tomorrow
    assert left(ledger) == 40


def test_a_return_undoes_its_own_debt_first(ledger: Ledger) -> None:
    ledger.order("B", earned=440)
    ledger.order("C", redeemed=500)
    ledger.order("C", redeemed=450)
    assert (ledger.books.debt, left(ledger)) == (-10, 0)
    ledger.order("C", redeemed=0)
    assert (ledger.books.debt, left(ledger)) == (0, 440)


def test_clawback_of_spent_points_makes_debt_and_leaves_other_lots_alone(ledger: Ledger) -> None:
    ledger.order("A", earned=30)
    ledger.order("C", redeemed=30)
    ledger.order("B", earned=50)
    ledger.order("A", earned=0)
    assert ledger.books.debt == -30
    assert ledger.books.total(Account.AVAILABLE) == 50
    assert left(ledger) == 20


def test_held_points_are_never_clawed_back(ledger: Ledger) -> None:
    ledger.order("A", earned=30)
    hold = ledger.hold(30)
    ledger.order("A", earned=0)
    assert (ledger.lot(1).held, ledger.books.debt) == (30, -30)
    ledger.release(hold)
    assert (ledger.books.debt, left(ledger)) == (0, 0)


def test_pending_points_cannot_be_spent_until_they_are_confirmed(ledger: Ledger) -> None:
    ledger.order("A", earned=33, paid=False)
    assert (ledger.books.total(Account.PENDING), left(ledger)) == (33, 0)
    ledger.order("A", earned=33, paid=True)
    assert (ledger.books.total(Account.PENDING), left(ledger)) == (0, 33)
    assert ledger.rules() == ["earn.confirm"]


def test_a_pending_order_that_is_cancelled_costs_nobody_anything(ledger: Ledger) -> None:
    ledger.order("A", earned=33, paid=False)
    ledger.order("A", earned=0, paid=False)
    assert (ledger.books.total(Account.PENDING), ledger.books.debt) == (0, 0)


def test_an_order_never_pays_with_the_points_it_earns(ledger: Ledger) -> None:
    ledger.order("A", earned=50, redeemed=20)
    assert ledger.rules() == ["debt.take", "earn", "debt.repay"]


def test_points_given_back_to_a_lot_that_is_over_live_on_in_a_new_one(ledger: Ledger) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    ledger.order("R", redeemed=100)
    ledger.now = DECEMBER + timedelta(days=1)
    ledger.order("R", redeemed=0)
    restored = ledger.books.lots[-1]
    assert (restored.origin, restored.parent, restored.available) == ("restore", 1, 100)
    assert restored.expires_at == ledger.now + timedelta(days=30)


def test_a_hold_outlives_the_expiry_of_its_points_but_its_release_does_not(
    ledger: Ledger,
) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    hold = ledger.hold(100)
    ledger.now = DECEMBER
    ledger.order("R", redeemed=60, hold=hold)
    assert ledger.rules() == ["hold.capture", "hold.release", "expire"]
    assert left(ledger) == 0


def test_expired_points_are_not_spendable_before_any_job_has_run(ledger: Ledger) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    ledger.now = DECEMBER - timedelta(microseconds=1)
    assert left(ledger) == 100
    ledger.now = DECEMBER
    assert left(ledger) == 0


def test_a_late_receipt_undoes_the_expiry_that_was_booked_meanwhile(ledger: Ledger) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    ledger.now = DECEMBER + timedelta(hours=9)
    assert ledger.expire() == 100
    ledger.order("R", redeemed=100, event_at=DECEMBER - timedelta(hours=12))
    assert ledger.rules() == ["expire.undo", "redeem"]
    assert (ledger.lot(1).expired, ledger.books.debt) == (0, 0)


def test_a_receipt_of_today_revives_nothing_that_expired_before(ledger: Ledger) -> None:
    ledger.order("L1", earned=100, expires_at=DECEMBER)
    ledger.now = DECEMBER + timedelta(hours=9)
    ledger.expire()
    ledger.order("R", redeemed=100)
    assert (ledger.lot(1).expired, ledger.books.debt) == (100, -100)


def test_taking_back_points_that_have_expired_costs_the_member_nothing(ledger: Ledger) -> None:
    ledger.order("A", earned=33, expires_at=DECEMBER)
    ledger.now = DECEMBER
    ledger.expire()
    ledger.order("A", earned=0)
    assert ledger.rules() == ["expire.undo", "refund.clawback"]
    assert ledger.books.debt == 0


def test_a_returned_debt_that_a_later_earn_repaid_goes_back_to_that_earn(ledger: Ledger) -> None:
    ledger.order("C", redeemed=60)
    ledger.order("D", earned=100, expires_at=MARCH)
    assert (ledger.books.debt, ledger.lot(1).netted, left(ledger)) == (0, 60, 40)
    ledger.order("C", redeemed=0)
    assert (ledger.lot(1).netted, ledger.lot(1).available) == (0, 100)
    assert [lot.number for lot in ledger.books.lots] == [1]


def test_a_lot_born_expired_is_earned_and_expired_together(ledger: Ledger) -> None:
    ledger.order("A", earned=33, expires_at=ledger.now)
    assert ledger.rules() == ["earn", "expire"]


def test_expiring_twice_is_the_same_as_once(ledger: Ledger) -> None:
    ledger.order("A", earned=33, expires_at=DECEMBER)
    ledger.now = DECEMBER
    assert (ledger.expire(), ledger.expire()) == (33, 0)


def test_a_posting_that_is_not_in_the_table_is_refused(ledger: Ledger) -> None:
    ledger.order("A", earned=10)
    draft = ledger.draft()
    with pytest.raises(PostingNotAllowed):
        draft.post(
            "earn", Account.AVAILABLE, Account.ISSUED, [Allocation(("mem_1", 1), available=-5)]
        )


def test_no_posting_takes_more_than_a_lot_has(ledger: Ledger) -> None:
    ledger.order("A", earned=10)
    draft = ledger.draft()
    with pytest.raises(BooksBroken):
        draft.post(
            "redeem", Account.AVAILABLE, Account.REDEEMED, [Allocation(("mem_1", 1), available=-11)]
        )


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABCD"),
            st.integers(0, 60),
            st.integers(0, 90),
            st.booleans(),
            st.integers(0, 40),
        ),
        max_size=25,
    )
)
def test_after_any_history_each_order_stands_at_its_target_and_the_books_add_up(
    steps: list[tuple[str, int, int, bool, int]],
) -> None:
    ledger = Ledger()
    for ref, earned, redeemed, paid, days in steps:
        ledger.now += timedelta(days=days)
        ends = ledger.now + timedelta(days=30)
        ledger.order(ref, earned=earned, redeemed=redeemed, paid=paid, expires_at=ends)
        if days % 3 == 0:
            ledger.expire()
        assert (ledger.settled[ref].earned, ledger.settled[ref].redeemed) == (earned, redeemed)
    postings = [posting for draft in ledger.log for posting in draft.postings]
    for account in MEMBER_ACCOUNTS:
        inflow = sum(p.amount for p in postings if p.destination is account)
        outflow = sum(p.amount for p in postings if p.source is account)
        assert ledger.books.total(account) == inflow - outflow
    assert ledger.books.debt <= 0
