"""The worked examples of the ledger, row by row, through the real commands on a real database.

The dates of the examples are real, too: in these databases ``clock_timestamp()``, the hub's only
clock for booking, is a function that reads a table, and a test moves it (example_shop.py). Row 9,
a thousand holds at once, is the first race in tests/races/test_races.py.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from example_shop import Shop, line, order, paying, ref, returned, tokyo
from sqlalchemy import text

from renkei.errors import TillRefused
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.orders.refund import BookRefund
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.order import OrderState, Refund, RefundLine
from renkei_contracts.till import HoldRequest, QuoteRequest

A_PLACED = tokyo("2026-11-01")
FIRST, SECOND = line(1250), line(2050, id="2")
A1 = order("A", FIRST, SECOND, placed=A_PLACED)
A2 = order("A", returned(FIRST, 1250), SECOND, placed=A_PLACED, version=2)
A3 = order("A", FIRST, SECOND, placed=A_PLACED, version=3, state=OrderState.CANCELLED)


async def test_row_1_an_order_seen_three_times_earns_once_floored_per_order(shop: Shop) -> None:
    await shop.at(A_PLACED)
    assert await shop.settle(A1, A1, A1) == ["settled", "unchanged", "unchanged"]
    assert await shop.lots() == {"A": (33, 0)}
    assert (await shop.balance()).spendable == 0
    await shop.at(tokyo("2026-11-02", 0))
    assert (await shop.balance()).spendable == 33


async def test_row_2_only_the_newest_state_counts_when_an_older_one_comes_late(
    shop: Shop,
) -> None:
    await shop.at(A_PLACED)
    assert await shop.settle(A1, A2, A1) == ["settled", "settled", "older"]
    assert await shop.lots() == {"A": (20, 0)}


async def test_row_3_a_cancelled_order_leaves_empty_lots_and_every_posting(shop: Shop) -> None:
    every_posting = "SELECT member_id, version, leg, rule, amount FROM posting"
    await shop.at(A_PLACED)
    await shop.settle(A1, A2)
    before = await shop.rows(every_posting)
    await shop.settle(A3)
    assert await shop.lots() == {"A": (0, 0)}
    assert (await shop.balance()).debt == 0
    assert set(await shop.rows(every_posting)) > set(before)


async def hold_150_and_capture_120(shop: Shop) -> None:
    """Row 4: L1 is over on 1 December, L2 on 1 March; on 10 November the till holds and sells."""
    await shop.earn("L1", 100, "2026-06-30")
    await shop.earn("L2", 400, "2026-09-28")
    await shop.at(tokyo("2026-11-10"))
    ends = await shop.rows("SELECT order_ref, expires_at FROM lot ORDER BY lot")
    assert ends == [("L1", tokyo("2026-12-01", 0)), ("L2", tokyo("2027-03-01", 0))]
    held = await shop.hold(150)
    assert await shop.lots() == {"L1": (0, 100), "L2": (350, 50)}
    answer = await shop.commit(120, line(120, included=True), hold=held)
    assert (answer.used, answer.earned) == (120, 0)


async def test_row_4_a_capture_of_part_of_a_hold_takes_the_first_lot_first(shop: Shop) -> None:
    await hold_150_and_capture_120(shop)
    assert await shop.lots() == {"L1": (0, 0), "L2": (380, 0)}
    assert await shop.rows("SELECT how, captured FROM hold_end") == [("captured", 120)]
    released = "SELECT sum(amount) FROM posting WHERE rule = 'hold.release'"
    assert await shop.rows(released) == [(30,)]


async def test_row_5_half_a_return_gives_points_back_in_the_reverse_order_of_use(
    shop: Shop,
) -> None:
    await hold_150_and_capture_120(shop)
    await shop.at(tokyo("2026-11-30"))
    half = returned(line(120, included=True), 60)
    answer = await shop.commit(60, half, revision=2, occurred=True)
    assert answer.used == 60
    assert await shop.lots() == {"L1": (40, 0), "L2": (400, 0)}


async def test_row_6_an_overdraft_by_a_fact_is_debt_that_the_next_earn_repays_first(
    shop: Shop,
) -> None:
    await shop.earn("stock", 440, "2026-10-01")
    today = await shop.at(tokyo("2026-11-10"))
    assert (await shop.balance()).spendable == 440
    assert await shop.settle(paying("overdraft", 500, today)) == ["settled"]
    now = await shop.balance()
    assert (now.spendable, now.debt, await shop.lots()) == (0, -60, {"stock": (0, 0)})
    assert await shop.rows("SELECT kind, order_ref FROM alert") == [("overdraft", "overdraft")]
    await shop.settle(order("next", line(10_000), placed=today))
    now = await shop.balance()
    assert (now.spendable, now.debt) == (0, 0)
    assert await shop.lots() == {"next": (40, 0), "stock": (0, 0)}
    await shop.at(tokyo("2026-11-11", 0))
    assert (await shop.balance()).spendable == 40


async def test_row_7_a_second_hold_beyond_the_balance_leaves_every_table_as_it_was(
    shop: Shop, every_row: Callable[[], Awaitable[dict[str, str]]]
) -> None:
    await shop.earn("stock", 500, "2026-10-01")
    await shop.at(tokyo("2026-11-10"))
    await shop.hold(300)
    before = await every_row()
    the_cart = Terminal("crt_1", "cart", "", "")
    with pytest.raises(TillRefused, match="insufficient_points"):
        await shop.till.hold(the_cart, HoldRequest(key="h2", member=shop.member, points=300))
    assert await every_row() == before


@pytest.mark.parametrize("first", ["the refund", "the order"])
async def test_row_8_a_refund_before_its_order_ends_like_one_after_it(
    shop: Shop, first: str
) -> None:
    placed = await shop.at(tokyo("2026-11-01"))
    sold = order("B", line(1250), line(2050, id="2"), placed=placed)
    back = RefundLine(id="1", quantity=1, amount=1250)
    at = placed + timedelta(hours=1)
    told = Refund(ref=ref("refund of B"), order=ref("B"), occurred_at=at, lines=(back,))
    if first == "the order":
        await shop.settle(sold)
    await shop.booking.committer.submit(BookRefund(told, None, "alr_1"))
    if first == "the refund":
        assert await shop.lots() == {}
        await shop.settle(sold)
    assert await shop.lots() == {"B": (20, 0)}
    assert await shop.rows("SELECT earned, redeemed FROM settled") == [(20, 0)]
    assert (await shop.balance()).debt == 0


@pytest.mark.parametrize(
    ("points", "shares", "remaining", "tax", "earns"),
    [
        pytest.param(218, [108, 110], [972, 990], [72, 90], 18, id="row_10"),
        pytest.param(100, [50, 50], [1030, 1050], [76, 95], 19, id="row_11"),
    ],
)
async def test_rows_10_and_11_points_divide_over_the_tax_rates_and_earn_nothing_themselves(
    shop: Shop, points: int, shares: list[int], remaining: list[int], tax: list[int], earns: int
) -> None:
    await shop.earn("stock", 300, "2026-10-01")
    await shop.at(tokyo("2026-11-10"))
    lines = (line(1080, rate=800, included=True), line(1100, id="2", included=True))
    quote = await shop.till.quote(
        shop.terminal, QuoteRequest(member=shop.member, lines=lines, points_wanted=points)
    )
    assert [rate.points_discount for rate in quote.rates] == shares
    assert [rate.total for rate in quote.rates] == remaining
    assert [rate.tax for rate in quote.rates] == tax
    answer = await shop.commit(points, *lines)
    assert (quote.earns, answer.earned, answer.used) == (earns, earns, points)


async def test_row_12_a_late_receipt_undoes_the_expiry_that_was_booked_meanwhile(
    shop: Shop,
) -> None:
    await shop.earn("L1", 100, "2026-06-30")
    await shop.at(tokyo("2026-12-01", 0))
    assert await shop.booking.expire_lots() == 100
    goods = line(100, included=True)
    await shop.commit(100, goods, sold_at=tokyo("2026-11-30"), occurred=True)
    rules = dict(await shop.rows("SELECT rule, sum(amount) FROM posting GROUP BY rule"))
    assert rules == {"earn": 100, "expire": 100, "expire.undo": 100, "redeem": 100}
    assert await shop.rows("SELECT sum(expired), sum(available) FROM lot") == [(0, 0)]
    assert (await shop.balance()).debt == 0


async def test_row_13_a_merged_group_spends_what_ends_first_and_parts_lot_by_lot(
    shop: Shop,
) -> None:
    a, b = shop.member, await shop.enrol("c2")
    await shop.earn("A", 100, "2026-06-30", customer="c1")
    await shop.earn("B", 100, "2026-09-28", customer="c2")
    today = await shop.at(tokyo("2026-11-10"))
    await shop.booking.committer.submit(MergeMembers(b, a, "test"))
    assert (await shop.balance(a)).spendable == (await shop.balance(b)).spendable == 200
    await shop.commit(100, line(100, included=True), member=b, sold_at=today)
    await shop.booking.committer.submit(UnmergeMember(b, "test"))
    assert ((await shop.balance(a)).spendable, (await shop.balance(b)).spendable) == (0, 100)


async def test_row_14_a_quota_claim_is_kept_for_an_order_that_comes_back(shop: Shop) -> None:
    async def claim(order: str, points: int) -> int:
        """What the order may grant when it wants so many points in all."""
        asked = ClaimQuota("campaign", "2026", order, points)
        return await shop.booking.committer.submit(asked)

    await shop.booking.committer.submit(OpenQuota("campaign", "2026", 500))
    assert await claim("A", 300) == 300
    assert await claim("A", 0) == 0
    assert await claim("B", 200) == 200
    assert await claim("A", 300) == 300
    assert await claim("B", 200) == 200
    assert await shop.rows("SELECT used FROM quota") == [(500,)]


async def test_row_15_an_order_that_a_link_app_copied_into_the_till_is_granted_once(
    shop: Shop,
) -> None:
    async with shop.booking.database.begin() as conn:
        await conn.execute(text("INSERT INTO sale_pair VALUES ('cart', 'shop', '1 minute')"))
    assert await shop.enrol("c1", "shop") == shop.member
    placed = await shop.at(tokyo("2026-11-10"))
    goods = line(3300)
    copied = order("S", goods, placed=placed + timedelta(seconds=2), connection="shop")
    assert await shop.settle(order("E", goods, placed=placed), copied) == ["settled", "alias"]
    assert await shop.lots() == {"E": (33, 0)}
    pointers = "SELECT order_ref, same_connection, same_ref FROM orders ORDER BY order_ref"
    assert await shop.rows(pointers) == [("E", None, None), ("S", "cart", "E")]
