"""What the machine has found in the hub, each as the shortest story that shows it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from as_contracts import order_of, ref_of
from reference_points import State
from side_by_side import CART, SHOP, START, SideBySide

from renkei.ledger.chart import Account
from renkei.services.orders.settle import SettleOrder

DAY = timedelta(days=1)
A, B = "mem_a", "mem_b"


@pytest.fixture
def both() -> SideBySide:
    """Both ledgers, empty."""
    return SideBySide()


def total(both: SideBySide, account: Account, member: str = A) -> int:
    return both.hub.world.books[member].total(account)


def rules(both: SideBySide) -> list[str]:
    """What the last command posted."""
    return [posting.rule for entry in both.hub.staged.entries for posting in entry.postings]


def test_a_request_never_uses_points_that_are_over(both: SideBySide) -> None:
    both.bring("old", A, 5, both.now - DAY, both.now + DAY)
    both.bring("new", A, 5, both.now - DAY, both.now + 90 * DAY)
    sold_at = both.now
    both.wait(2 * DAY)
    state = State(sold_at + timedelta(microseconds=1), sold_at, 5, 5)
    both.commit(1, 1, state, A, None, occurred=False)
    both.check()
    assert rules(both) == ["redeem"]
    assert total(both, Account.AVAILABLE) == 5  # the old ones, which no job has ended yet


@pytest.mark.parametrize("job_has_run", [False, True])
def test_a_late_fact_uses_the_same_points_whether_or_not_the_job_has_run(
    both: SideBySide, job_has_run: bool
) -> None:
    both.bring("old", A, 5, both.now - DAY, both.now + DAY)
    both.bring("new", A, 5, both.now - DAY, both.now + 90 * DAY)
    happened_at = both.now
    both.wait(2 * DAY)
    if job_has_run:
        both.jobs(A)
    both.order(1, State(happened_at, happened_at, 0, 5), A)
    both.check()
    assert both.reference.spendable(A) == 5
    assert rules(both) == (["expire.undo", "redeem"] if job_has_run else ["redeem"])


@pytest.mark.parametrize("job_ran_in_time", [False, True])
def test_a_lapsed_hold_repays_debt_with_what_was_alive_when_it_lapsed(
    both: SideBySide, job_ran_in_time: bool
) -> None:
    both.bring("i", A, 5, both.now - DAY, both.now + 2 * DAY)
    both.place(SHOP, "h", A, 5, 900)
    both.order(1, State(both.now, both.now, 0, 5), A)
    both.wait(DAY)
    if job_ran_in_time:
        both.jobs(A)
    both.wait(2 * DAY)
    both.check()
    both.jobs(A)
    assert total(both, Account.DEBT) == 0


def test_a_cart_order_finds_the_points_of_a_hold_that_is_over(both: SideBySide) -> None:
    both.bring("i", A, 5, both.now - DAY, None)
    both.place(SHOP, "h", A, 5, 900)
    both.wait(timedelta(hours=1))
    both.order(1, State(both.now, both.now, 0, 5), A)
    both.check()
    assert not both.hub.staged.alerts
    assert total(both, Account.DEBT) == 0


def test_only_what_comes_in_repays_debt(both: SideBySide) -> None:
    both.order(1, State(both.now, both.now, 1000, 0), A)  # 10 points, usable tomorrow
    both.adjust("a", A, -5, None, None, occurred=True)
    both.wait(DAY)
    both.order(2, State(both.now, both.now, 0, 3), A)
    both.order(2, State(both.now + timedelta(hours=1), both.now, 0, 0), A)
    both.check()
    assert (total(both, Account.AVAILABLE), total(both, Account.DEBT)) == (7, -2)


def test_points_given_by_hand_repay_debt_even_if_they_are_over(both: SideBySide) -> None:
    both.adjust("down", A, -5, None, None, occurred=True)
    both.bring("i", A, 8, both.now - 9 * DAY, both.now - DAY)
    both.check()
    assert rules(both) == ["import", "debt.repay", "expire"]
    assert total(both, Account.DEBT) == 0


def test_a_hold_over_two_homes_is_over_in_both_when_its_time_is(both: SideBySide) -> None:
    both.bring("a", A, 3, both.now - DAY, both.now + 30 * DAY)
    both.bring("b", B, 3, both.now - DAY, both.now + 60 * DAY)
    both.merge(B, A)
    both.place(SHOP, "h", B, 5, 900)
    both.unmerge(B)
    both.wait(DAY)
    state = State(both.now + timedelta(microseconds=1), both.now, 2, 2)
    both.commit(1, 1, state, B, 0, occurred=True)
    both.check()
    both.jobs(A)
    assert (total(both, Account.AVAILABLE, A), total(both, Account.AVAILABLE, B)) == (3, 1)


def test_a_return_to_a_member_since_parted_finds_their_holds_over(both: SideBySide) -> None:
    both.bring("b", B, 5, both.now - DAY, both.now + 9 * DAY)
    both.merge(B, A)
    both.order(1, State(both.now, both.now, 0, 5), A)
    both.unmerge(B)
    both.wait(20 * DAY)
    both.bring("c", B, 4, both.now - DAY, None)
    both.place(SHOP, "h", B, 4, 900)
    both.adjust("a", B, -1, None, None, occurred=True)
    both.wait(DAY)
    both.order(1, State(both.now, both.now - 21 * DAY, 0, 0), A)
    both.check()  # the lapsed hold has repaid the debt, not the points given back


@pytest.mark.parametrize("occurred", [False, True])
def test_a_hold_and_the_polled_sale_that_used_its_points_are_one_redemption(
    both: SideBySide, occurred: bool
) -> None:
    both.bring("i", A, 5, both.now - DAY, None)
    both.place(SHOP, "h", A, 5, 900)
    state = State(both.now, both.now, 5, 5)
    both.polled(1, state, A)
    both.commit(1, 1, state, A, 0, occurred=occurred)
    both.check()
    assert both.hub.world.books[A].holds == ()
    assert (total(both, Account.AVAILABLE), total(both, Account.DEBT)) == (0, 0)


def test_an_order_that_turns_out_to_be_another_one_is_granted_nothing(both: SideBySide) -> None:
    first, second = (CART, "o1"), (SHOP, "o2")
    state = State(START, START - DAY, 900, 0)
    later = replace(state, clock=START + timedelta(seconds=1))
    named = order_of(first, later).model_copy(update={"same_as": (ref_of(second),)})
    for order in (order_of(first, state), order_of(second, state), named):
        both.hub.run(SettleOrder(order, None, None, member=A), both.now)
    assert total(both, Account.AVAILABLE) == 9


def test_what_lapsed_before_a_hold_is_released_has_repaid_debt_before(both: SideBySide) -> None:
    both.bring("soon", A, 1, START - 30 * DAY, START + 30 * DAY)
    both.bring("later", A, 4, START - 30 * DAY, START + 90 * DAY)
    both.place(SHOP, "released", A, 1, 86_400)
    both.place(SHOP, "lapsed", A, 4, 900)
    both.adjust("debt", A, -1, None, None, occurred=True)
    both.wait(timedelta(seconds=1200))
    both.release(SHOP, 0)
    both.check()


@pytest.mark.parametrize("first", [False, True])
def test_a_sale_told_as_a_request_and_as_a_fact_is_one(both: SideBySide, first: bool) -> None:
    state = State(both.now, both.now, 1_000, 0)
    both.commit(1, 1, state, A, None, occurred=first)
    both.commit(1, 1, state, A, None, occurred=not first)
    both.check()
    assert total(both, Account.AVAILABLE) == 10
