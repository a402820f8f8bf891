"""Tiers the whole way: from orders to what is earned, quoted, tried on stored orders and given."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.ledger.verify import verify
from renkei.loyalty.program import DEFAULT, Program
from renkei.services.batch import ledger_lanes
from renkei.services.booking import Booking
from renkei.services.members.member_facts import pasts_asked
from renkei.services.members.members import balance, explain
from renkei.services.members.merge import MergeMembers
from renkei.services.orders.refund import BookRefund
from renkei.services.setup.backtest import back_test
from renkei.services.setup.programs import newest
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine, TillKey
from renkei_contracts.till import CommitRequest, QuoteRequest

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)

SPENT = text("SELECT order_ref, spent FROM orders ORDER BY 1")
COUPONS = text(
    "SELECT member_id, program_version, kind, occasion, usable_from, usable_until FROM coupon "
    "ORDER BY program_version"
)
TAX = {"tax_rate": 1000, "tax_included": True}

TIERS = {
    "levels": [
        {"name": "silver", "at_least": 10_000},
        {"name": "gold", "at_least": 30_000, "bonus": 500, "coupon": "tea"},
    ]
}
TEA = {"name": "tea", "yen": 300, "valid_days": 30, "per_member": 1}
DOUBLE = {"name": "gold-days", "when": "member.tier == 'gold'", "percent": 200}
RULES = {"tiers": TIERS, "campaigns": [DOUBLE], "coupons": [TEA]}


async def publish(booking: Booking, version: int = 2, **document: Any) -> Program:
    parts = RULES | document
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', :v, '1970-01-02Z', :d)"),
            {"v": version, "d": json.dumps(parts)},
        )
    return Program.model_validate(parts)


async def enrolled(booking: Booking, id: str, birthday: str = "") -> str:
    ref = ExternalRef(connection="cart", id=id)
    return (await booking.enrol(Member(ref=ref, changed_at=PLACED, birthday=birthday))).member


def order_of(who: str, id: str, yen: int, days: float = 0, tick: int = 0, **more: Any) -> Order:
    placed = PLACED + days * DAY
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": placed + timedelta(seconds=tick),
        "placed_at": placed,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id=who),
        "lines": (LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    }
    return Order(**(fields | more))


async def buys(booking: Booking, who: str, id: str, yen: int, *args: Any, **more: Any) -> int:
    """A sale; gives all that it earned."""
    order = order_of(who, id, yen, *args, **more)
    return (await booking.settle(order, read_at=None, delivery_key=None)).earned


async def gives_back(booking: Booking, id: str, **what: Any) -> None:
    refund = Refund(
        ref=ExternalRef(connection="cart", id=f"r{id}"),
        order=ExternalRef(connection="cart", id=id),
        occurred_at=PLACED + DAY / 2,
        **what,
    )
    await booking.committer.submit(BookRefund(refund, None, f"alr_{id}"))


async def issued(booking: Booking) -> list[Any]:
    """Every coupon: whose, the version and kind, why, from when and until when."""
    async with booking.database.begin() as conn:
        return [tuple(row) for row in await conn.execute(COUPONS)]


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_sale_is_judged_by_the_tier_of_the_sales_before_it(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    assert await buys(booking, "a", "A", 33_000) == 300
    assert await buys(booking, "a", "B", 11_000, 1) == 200
    assert await buys(booking, "a", "C", 11_000, -1) == 100
    await verified(booking)


async def test_a_sale_keeps_the_tier_it_was_judged_by(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    await buys(booking, "a", "B", 11_000, 1)
    assert await buys(booking, "a", "A", 33_000, tick=1, state=OrderState.CANCELLED) == 0
    paid = {"state": OrderState.FULFILLED}
    assert await buys(booking, "a", "B", 11_000, 1, tick=1, **paid) == 200
    assert await buys(booking, "a", "C", 11_000, 2) == 100
    await verified(booking)


async def test_a_refund_lowers_what_counts(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    await gives_back(booking, "A", lines=(RefundLine(id="1", amount=5_000),))
    assert await buys(booking, "a", "B", 11_000, 1) == 100


async def test_members_who_are_one_count_together(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    await publish(booking)
    one, other = await enrolled(booking, "a"), await enrolled(booking, "b")
    await buys(booking, "a", "A", 22_000)
    await buys(booking, "b", "B", 11_000)
    lines = (LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000),)
    asked = QuoteRequest(member=other, lines=lines)
    assert (await till.quote(terminal, asked)).earns == 100
    await booking.committer.submit(MergeMembers(other, one, "test"))
    assert (await till.quote(terminal, asked)).earns == 200
    assert await buys(booking, "b", "C", 11_000, 1) == 200
    published = await newest(booking.database, "default")
    other_tiers = {"levels": [{"name": "gold", "at_least": 33_000}]}
    draft = Program.model_validate({"tiers": other_tiers, "campaigns": [DOUBLE]})
    for rules in (published, draft):
        assert (await back_test(booking.database, rules, PLACED)).draft == 500
    await verified(booking)


async def test_sales_of_one_batch_see_one_another(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    async with ledger_lanes(booking.database) as lanes:
        booking.committer = lanes
        orders = [order_of("a", f"o{n:02}", 11_000, n) for n in range(6)]
        answers = await asyncio.gather(
            *(booking.settle(one, read_at=None, delivery_key=None) for one in orders)
        )
    assert [one.earned for one in answers] == [100, 100, 100, 200, 200, 200]
    await verified(booking)


async def test_a_sale_that_is_told_again_counts_once(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 22_000)
    told = buys(booking, "a", "A", 22_000, tick=1, state=OrderState.FULFILLED)
    assert await asyncio.gather(told, buys(booking, "a", "B", 11_000, 1)) == [200, 100]
    assert booking.committer.last_batch == 2


async def test_earned_points_may_be_what_counts(booking: Booking) -> None:
    await publish(
        booking, tiers={"metric": "points", "levels": [{"name": "gold", "at_least": 300}]}
    )
    await enrolled(booking, "a")
    first = buys(booking, "a", "A", 22_000)
    assert await asyncio.gather(first, buys(booking, "a", "B", 11_000, 1)) == [200, 100]
    assert await buys(booking, "a", "C", 11_000, 2) == 200


async def test_history_counts_though_it_earns_nothing(booking: Booking) -> None:
    await publish(booking)
    await enrolled(booking, "a")
    async with booking.database.begin() as conn:
        await conn.execute(text("UPDATE connection SET settles_from = :p"), {"p": PLACED})
    for tick in (0, 1):
        assert await buys(booking, "a", "A", 33_000, -1, tick=tick) == 0
    assert await buys(booking, "a", "B", 11_000, 1) == 200
    await verified(booking)


async def test_a_register_is_quoted_what_its_sale_earns_by_tier_and_birthday(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    now = datetime.now(UTC)
    birthday = {"name": "born", "when": "member.birthday_today", "fixed": 7}
    first = {"name": "first", "when": "member.first_purchase", "fixed": 9}
    await publish(booking, campaigns=[DOUBLE, birthday, first])
    today = (now + timedelta(hours=9)).strftime("%m-%d")
    member = await enrolled(booking, "a", today)
    line = LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000)

    async def both(receipt: str) -> tuple[int, int]:
        quoted = await till.quote(terminal, QuoteRequest(member=member, lines=(line,)))
        key = TillKey(
            store="shibuya",
            till="1",
            business_date=(now + timedelta(hours=9)).date(),
            receipt_number=receipt,
        )
        sale = CommitRequest(sale=key, sold_at=datetime.now(UTC), member=member, lines=(line,))
        return quoted.earns, (await till.commit(terminal, sale)).earned

    assert await both("1") == (116, 116)
    await buys(booking, "a", "A", 33_000)
    assert await both("2") == (207, 207)


async def test_a_birthday_that_is_told_later_is_taken_when_it_is_known(booking: Booking) -> None:
    await publish(
        booking, campaigns=[{"name": "b", "when": "member.birth_month == 11", "fixed": 5}]
    )
    await enrolled(booking, "a")
    assert await buys(booking, "a", "A", 11_000) == 100
    await enrolled(booking, "a", "11-30")
    assert await buys(booking, "a", "A", 11_000, tick=1, state=OrderState.FULFILLED) == 105
    await enrolled(booking, "a", "12-30")
    assert await buys(booking, "a", "A", 11_000, tick=2, state=OrderState.PAID) == 105
    assert await buys(booking, "a", "B", 11_000, 1) == 100


async def test_a_back_test_gives_what_was_booked_and_tries_other_tiers(booking: Booking) -> None:
    published = await publish(booking)
    await enrolled(booking, "a")
    for n in range(6):
        await buys(booking, "a", f"o{n}", 11_000, n)
    await buys(booking, "a", "late", 11_000, -1)
    same = await back_test(booking.database, published, PLACED - 2 * DAY)
    assert (same.orders, same.booked, same.draft) == (7, 1000, 1000)
    gold_sooner = {"levels": [{"name": "gold", "at_least": 10_000}]}
    draft = Program.model_validate({"tiers": gold_sooner, "campaigns": [DOUBLE]})
    found = await back_test(booking.database, draft, PLACED - 2 * DAY)
    assert (found.draft, found.more, found.fewer) == (1300, 3, 0)


async def test_reaching_a_tier_gives_its_bonus_once(booking: Booking) -> None:
    await publish(booking)
    member = await enrolled(booking, "a")
    await buys(booking, "a", "A", 22_000)
    assert await booking.reach_tiers() == 0
    await buys(booking, "a", "B", 11_000, 1)
    assert (await booking.reach_tiers(), await booking.reach_tiers()) == (1, 0)
    shown = await balance(booking, member)
    assert (shown.spendable, shown.tier) == (800, "gold")
    line = (await explain(booking, member))[-1]
    assert (line.rule, line.amount, line.reasons) == ("earn", 500, ("reached gold: 500",))
    assert line.event_at == PLACED + DAY
    await buys(booking, "a", "B", 11_000, 1, tick=1, state=OrderState.CANCELLED)
    await buys(booking, "a", "C", 11_000, 2)
    assert await booking.reach_tiers() == 0
    await verified(booking)


async def test_reaching_a_tier_issues_its_coupon_once(booking: Booking) -> None:
    await publish(booking)
    member = await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    assert (await booking.reach_tiers(), await booking.reach_tiers()) == (1, 0)
    tokyo = ZoneInfo("Asia/Tokyo")
    ends = datetime(2026, 12, 2, tzinfo=tokyo)
    assert await issued(booking) == [(member, 2, "tea", "tier/gold/ever", PLACED, ends)]
    await buys(booking, "a", "A", 33_000, tick=1, state=OrderState.CANCELLED)
    await buys(booking, "a", "B", 33_000, 1)
    assert await booking.reach_tiers() == 0
    assert len(await issued(booking)) == 1
    await verified(booking)


async def test_a_member_gets_no_more_coupons_of_tiers_than_there_are_for_each(
    booking: Booking,
) -> None:
    both = [
        {"name": "silver", "at_least": 10_000, "coupon": "tea"},
        {"name": "gold", "at_least": 30_000, "coupon": "tea"},
    ]
    await publish(booking, tiers={"levels": both})
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    assert await booking.reach_tiers() == 2
    assert [one[3] for one in await issued(booking)] == ["tier/silver/ever"]
    await verified(booking)


async def test_a_coupon_of_a_tier_has_the_terms_the_rules_had_when_it_was_reached(
    booking: Booking,
) -> None:
    await publish(booking)
    member = await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    rules = RULES | {"coupons": [TEA | {"valid_days": 5}]}
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 3, :since, :d)"),
            {"since": PLACED + DAY, "d": json.dumps(rules)},
        )
    assert await booking.reach_tiers() == 1
    assert [one[:3] for one in await issued(booking)] == [(member, 2, "tea")]


async def test_members_who_are_one_are_given_a_bonus_once(booking: Booking) -> None:
    await publish(booking)
    one, other = await enrolled(booking, "a"), await enrolled(booking, "b")
    await buys(booking, "a", "A", 22_000)
    await buys(booking, "b", "B", 22_000)
    await booking.committer.submit(MergeMembers(other, one, "test"))
    assert await booking.reach_tiers() == 1
    await buys(booking, "b", "C", 11_000, 1)
    assert await booking.reach_tiers() == 0
    assert (await balance(booking, one)).spendable == 1100
    await verified(booking)


async def test_what_was_reached_before_there_were_tiers_gives_nothing(booking: Booking) -> None:
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, :since, :d)"),
            {"since": PLACED + DAY, "d": json.dumps(RULES)},
        )
    assert await buys(booking, "a", "B", 11_000, 2) == 200
    assert await booking.reach_tiers() == 0


async def test_a_month_that_is_not_over_waits(booking: Booking) -> None:
    await publish(booking, tiers=TIERS | {"recalculated": "monthly"})
    await enrolled(booking, "a")
    now = datetime.now(UTC)
    await buys(booking, "a", "A", 33_000, changed_at=now, placed_at=now)
    assert await booking.reach_tiers() == 0
    async with booking.database.begin() as conn:
        due = (await conn.execute(text("SELECT due FROM tier_due"))).scalar_one()
    assert due > now
    await buys(booking, "a", "B", 33_000, -40)
    assert await booking.reach_tiers() == 1
    async with booking.database.begin() as conn:
        assert (await conn.execute(text("SELECT due FROM tier_due"))).scalar_one() == due


async def test_a_program_that_does_not_ask_pays_nothing(booking: Booking) -> None:
    member = await enrolled(booking, "a")
    order = order_of("a", "A", 33_000)
    await booking.settle(order, read_at=None, delivery_key=None)
    assert pasts_asked(order, DEFAULT, None, [member]) == frozenset()
    async with booking.database.begin() as conn:
        kept = (await conn.execute(text("SELECT spent, facts FROM orders"))).one()
        due = (await conn.execute(text("SELECT count(*) FROM tier_due"))).scalar_one()
    assert (tuple(kept), due) == ((33_000, None), 0)


async def test_sales_that_were_there_before_count_as_those_that_come(
    booking: Booking, owner_engine: AsyncEngine
) -> None:
    await enrolled(booking, "a")
    await buys(booking, "a", "A", 33_000)
    await buys(booking, "a", "B", 11_000, state=OrderState.CANCELLED)
    await buys(booking, "a", "C", 11_000)
    await gives_back(booking, "C", lines=(RefundLine(id="1", amount=1_999),))
    await buys(booking, "a", "D", 11_000)
    await gives_back(booking, "D", whole=True)
    line = {"quantity": 2, "tax_rate": 800, "tax_included": False}
    lines = [line | {"id": "1", "amount": 999, "returned_amount": 100}, line | {"id": "2"}]
    lines = [LineItem.model_validate({"amount": 77} | one) for one in lines]
    await buys(booking, "a", "E", 0, lines=(*lines, LineItem(id="3", amount=5, **(line | TAX))))
    script = files("renkei.storage.migrations.versions") / "0006_tiers.sql"
    backfill = re.search(r"WITH line AS[^;]*", script.read_text(encoding="utf-8"))
    assert backfill
    async with owner_engine.begin() as conn:
        before = (await conn.execute(SPENT)).all()
        await conn.execute(text("UPDATE orders SET spent = -1"))
        await conn.exec_driver_sql(backfill[0])
        after = (await conn.execute(SPENT)).all()
    assert dict(before)["C"] == 9_001
    assert [(ref, max(0, yen)) for ref, yen in after] == before
