"""Many processes over many connections want the same at once: nothing is lost, nothing is over."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from race import (
    LANES,
    PLACED,
    PROCESSES,
    Act,
    Race,
    assert_books_hold,
    bought,
    commit_act,
    enrol_act,
    hold_act,
    hold_and_commit_act,
    holding,
    member_with,
    order_act,
    person,
    publish_campaign,
    sale,
    scalar,
)
from sqlalchemy import text

from renkei.services.booking import Booking
from renkei.services.members.members import balance, list_members
from renkei.services.points.quota import OpenQuota
from renkei_contracts.order import Order, OrderState

Run = Callable[..., Race]

EVERYWHERE = PROCESSES * LANES
"""How many acts it takes so that every connection does one."""

REDEEMED = """
SELECT coalesce(sum(CASE WHEN destination = 'redeemed' THEN amount WHEN source = 'redeemed'
       THEN -amount ELSE 0 END), 0)
FROM txn JOIN posting USING (member_id, version) WHERE connection_id = :c"""

OVERDRAWN_BY_REQUESTS = """
SELECT count(*) FROM txn JOIN posting USING (member_id, version)
WHERE rule = 'debt.take' AND connection_id = 'pos'"""

CLAIMED_BY_CANCELLED = """
SELECT coalesce(sum(high_water), 0) FROM orders o JOIN (
    SELECT claimant, max(high_water) AS high_water FROM quota_claim
    WHERE scope = 'campaign/default/autumn' GROUP BY claimant
) c ON c.claimant = o.connection_id || '/' || o.order_ref
WHERE o.document ->> 'state' = 'cancelled'"""

RUNS = [
    0,
    *(pytest.param(n, marks=pytest.mark.proof) for n in (1, 2)),
    *(pytest.param(n, marks=pytest.mark.soak, id=f"soak-{n}") for n in range(20)),
]


@pytest.mark.parametrize("run", RUNS)
async def test_of_a_thousand_holds_on_five_hundred_points_exactly_five_hundred_succeed(
    booking: Booking, run_race: Run, run: int
) -> None:
    member = await member_with(booking, 500)
    race = run_race([hold_act(holding(member, f"hold-{n}", 1)) for n in range(1000)])
    assert len({answer["hold"] for answer in race.answers}) == 500
    assert race.refusals == {"insufficient_points": 500}
    now = await balance(booking, member)
    assert (now.spendable, now.held, now.debt) == (0, 500, 0)
    await assert_books_hold(booking)


@pytest.mark.parametrize("run", RUNS)
async def test_two_tills_and_a_cart_lose_no_points_and_requests_never_overspend(
    booking: Booking, run_race: Run, run: int
) -> None:
    member = await member_with(booking, 600)
    acts = [act for n in range(80) for act in _spend_ten(member, n)]
    race = run_race(acts)
    by_kind: Counter[str] = Counter()
    for (kind, _), outcome in zip(acts, race.outcomes, strict=True):
        answer = outcome.get("answer", {})
        by_kind[kind] += answer.get("used", 0) + answer.get("redeemed", 0)
    assert set(race.refusals) == {"insufficient_points"}
    assert by_kind["order"] == 800  # what has happened is never refused
    assert await scalar(booking, REDEEMED, c="cart") == by_kind["order"]
    assert (
        await scalar(booking, REDEEMED, c="pos") == by_kind["commit"] + by_kind["hold_and_commit"]
    )
    assert await scalar(booking, OVERDRAWN_BY_REQUESTS) == 0
    now = await balance(booking, member)
    assert (now.spendable, now.held) == (0, 0)
    assert now.debt == 600 - by_kind.total()
    await assert_books_hold(booking)


def _spend_ten(member: str, n: int) -> list[Act]:
    """Till 1 just commits, till 2 holds first, and the cart tells what has happened."""
    return [
        commit_act(sale(member, f"r{n}", 10, till="1")),
        hold_and_commit_act(sale(member, f"r{n}", 10, till="2")),
        order_act(bought(f"o{n}", 10, points=10)),
    ]


async def test_one_request_key_is_booked_once_and_every_process_hears_the_first_answer(
    booking: Booking, run_race: Run
) -> None:
    member = await member_with(booking, 500)
    race = run_race([hold_act(holding(member, "once", 7))] * EVERYWHERE)
    assert race.refusals == {}
    assert all(answer == race.answers[0] for answer in race.answers)
    assert await scalar(booking, "SELECT count(*) FROM hold") == 1
    assert (await balance(booking, member)).held == 7
    await assert_books_hold(booking)


async def test_one_sale_committed_by_every_process_is_booked_once(
    booking: Booking, run_race: Run
) -> None:
    member = await member_with(booking, 500)
    race = run_race([commit_act(sale(member, "r1", 70))] * EVERYWHERE)
    assert race.refusals == {}
    assert all(answer == race.answers[0] for answer in race.answers)
    assert (await balance(booking, member)).spendable == 430
    await assert_books_hold(booking)


async def test_one_request_key_with_different_contents_is_won_by_one_of_them(
    booking: Booking, run_race: Run
) -> None:
    """Of two members, whose locks do not keep the requests apart: the key alone does."""
    members = [await member_with(booking, 500, id) for id in ("c1", "c2")]
    asks = [holding(member, "once", points) for member in members for points in (7, 8)]
    acts = [hold_act(ask) for ask in asks * (EVERYWHERE // len(asks))]
    race = run_race(acts)
    assert set(race.refusals) == {"key_reused"}
    assert len(race.answers) == EVERYWHERE // len(asks)
    assert all(answer == race.answers[0] for answer in race.answers)
    assert await scalar(booking, "SELECT count(*) FROM hold") == 1
    held = [(await balance(booking, member)).held for member in members]
    assert sum(held) == race.answers[0]["points"]
    await assert_books_hold(booking)


async def test_an_order_delivered_by_every_process_ends_as_its_newest_state(
    booking: Booking, run_race: Run
) -> None:
    member = await member_with(booking, 500)
    states = [bought("o1", 1_000 + 100 * tick, tick=tick) for tick in range(EVERYWHERE)]
    race = run_race([order_act(state) for state in [*reversed(states), *states]], batch=1)
    assert race.refusals == {}
    newest = states[-1]
    assert await scalar(booking, "SELECT clock FROM orders WHERE order_ref = 'o1'") == (
        newest.changed_at
    )
    assert (await balance(booking, member)).spendable == 500 + newest.lines[0].amount // 100
    await assert_books_hold(booking)


async def test_a_person_enrolled_at_once_by_two_channels_is_one_member(
    booking: Booking, run_race: Run
) -> None:
    seen = [person("c1", "cart"), person("s1", "shop")]
    race = run_race([enrol_act(one) for one in seen * (EVERYWHERE // 2)])
    assert race.refusals == {}
    assert [answer["created"] for answer in race.answers].count(True) == 1
    assert {answer["member"] for answer in race.answers} == {
        line.member for line in await list_members(booking)
    }
    assert await scalar(booking, "SELECT count(*) FROM identity WHERE kind = 'card'") == 1
    assert await scalar(booking, "SELECT count(*) FROM mirror") == 2
    await assert_books_hold(booking)


@pytest.mark.parametrize("run", RUNS)
async def test_of_five_thousand_claims_on_a_quota_of_five_hundred_exactly_five_hundred_succeed(
    booking: Booking, run_race: Run, run: int
) -> None:
    await booking.committer.submit(OpenQuota("campaign", "2026", 500))
    claim = {"scope": "campaign", "period": "2026", "wanted": 1}
    acts: list[Act] = [("claim", claim | {"claimant": f"o{n}"}) for n in range(5000)]
    race = run_race(acts, batch=25, lock="SELECT FROM quota FOR UPDATE")
    assert Counter(race.answers) == {1: 500, 0: 4500}
    assert await scalar(booking, "SELECT used FROM quota") == 500
    assert await scalar(booking, "SELECT count(*) FROM quota_claim") == 500
    await assert_books_hold(booking)


GIVEN = """
SELECT member_id, count(*) FILTER (WHERE o.document ->> 'state' = 'paid'), sum(s.earned)
FROM settled s JOIN orders o USING (connection_id, order_ref, member_id) GROUP BY member_id"""

OWN_POINTS = 3
"""What each order of a race for a campaign earns by itself, and wants of the campaign again."""


def _sold(n: int, who: int) -> Order:
    return bought(f"o{who}-{n}", OWN_POINTS * 100, customer=f"c{who}")


def _of_a_campaign(cancelled: int) -> list[Act]:
    """Twenty orders of each of twenty members; so many of each member's are cancelled, too."""
    acts = []
    for n in range(20):
        for who in range(20):
            order = _sold(n, who)
            acts.append(order_act(order))
            if n < cancelled:
                later = {"state": OrderState.CANCELLED, "changed_at": PLACED + timedelta(hours=1)}
                acts.append(order_act(order.model_copy(update=later)))
    return acts


async def _given(booking: Booking) -> list[int]:
    """What the campaign gave each member besides their orders' own points."""
    async with booking.database.begin() as conn:
        rows = (await conn.execute(text(GIVEN))).all()
    return [earned - OWN_POINTS * orders for _, orders, earned in rows]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("budget", "cancelled", "claimed"), [(500, 0, 500), (5_000, 0, 800), (500, 5, 500)]
)
async def test_a_campaigns_budget_and_each_members_cap_hold_from_order_to_posting(
    booking: Booking, run_race: Run, budget: int, cancelled: int, claimed: int, run: int
) -> None:
    """Every member could have 60 and may have 40; what a cancelled order claimed stays its own."""
    await publish_campaign(booking, percent=200, budget=budget, per_member=40)
    for who in range(20):
        await booking.enrol(person(f"c{who}", email=f"c{who}@example.jp"))
    # One of those that are cancelled has its claim: each may be cancelled before it is told.
    await booking.settle(_sold(0, 0), read_at=None, delivery_key=None)
    race = run_race(_of_a_campaign(cancelled))
    assert race.refusals == {}
    given = await _given(booking)
    assert max(given) <= 40
    kept = await scalar(booking, CLAIMED_BY_CANCELLED)
    assert sum(given) == claimed - kept
    assert (kept == 0) == (cancelled == 0)
    if budget > claimed:
        assert given == [40] * 20
    used = "SELECT used FROM quota WHERE scope = 'campaign/default/autumn'"
    assert await scalar(booking, used) == claimed
    await assert_books_hold(booking)


async def test_members_who_are_merged_and_parted_while_both_spend_never_overspend(
    booking: Booking, run_race: Run
) -> None:
    members = [await member_with(booking, 300, id) for id in ("c1", "c2")]
    acts = [act for n in range(40) for act in _spend_merge_and_part(*members, n)]
    race = run_race(acts, lock="SELECT FROM member FOR UPDATE")
    assert set(race.refusals) == {"insufficient_points"}
    used = sum(answer.get("used", 0) for answer in race.answers)
    assert await scalar(booking, REDEEMED, c="pos") == used
    assert await scalar(booking, OVERDRAWN_BY_REQUESTS) == 0
    assert await scalar(booking, "SELECT sum(available) FROM member") == 600 - used
    await assert_books_hold(booking)


def _spend_merge_and_part(one: str, other: str, n: int) -> list[Act]:
    """Both members pay at their tills; every now and then they are merged or parted."""
    first, second = (one, other) if n % 4 == 0 else (other, one)
    change: Act = ("unmerge", {"member": other if n % 8 == 2 else one})
    if n % 4 == 0:
        change = ("merge", {"member": first, "into": second})
    return [
        commit_act(sale(one, f"r{n}", 10, till="1")),
        hold_and_commit_act(sale(other, f"r{n}", 10, till="2")),
        *([change] if n % 2 == 0 else []),
    ]
