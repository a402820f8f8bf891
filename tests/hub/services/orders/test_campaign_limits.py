"""A campaign's budget and each member's cap hold the whole way from orders to postings."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import TillRefused
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.members import balance, explain
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey
from renkei_contracts.till import CommitRequest, QuoteRequest

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


async def publish(booking: Booking, version: int, **campaign: Any) -> None:
    document = {"campaigns": [{"name": "autumn", "percent": 200} | campaign]}
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', :v, '1970-01-02Z', :d)"),
            {"v": version, "d": json.dumps(document)},
        )


async def enrolled(booking: Booking, id: str) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id=id), changed_at=PLACED)
    return (await booking.enrol(seen)).member


async def buys(
    booking: Booking, who: str, id: str, points: int, *, tick: int = 0, **more: Any
) -> int:
    """An order that earns so many points by itself; gives all that it earned."""
    line = LineItem(id="1", quantity=1, amount=points * 110, tax_rate=1000)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": PLACED + timedelta(seconds=tick),
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id=who),
        "lines": (line,) if points else (),
    }
    order = Order(**(fields | more))
    return (await booking.settle(order, read_at=None, delivery_key=None)).earned


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_claim_is_kept_while_its_order_is_cancelled(booking: Booking) -> None:
    await publish(booking, 2, budget=500)
    await enrolled(booking, "a")
    await enrolled(booking, "b")
    assert await buys(booking, "a", "A", 300) == 600
    assert await buys(booking, "a", "A", 300, tick=1, state=OrderState.CANCELLED) == 0
    assert await buys(booking, "b", "B", 300) == 500
    assert await buys(booking, "a", "A", 300, tick=2) == 600
    await verified(booking)


async def test_a_member_gets_no_more_than_their_cap_a_day(booking: Booking) -> None:
    await publish(booking, 2, per_member=50, member_period="day")
    member = await enrolled(booking, "a")
    assert await buys(booking, "a", "A", 30) == 60
    assert await buys(booking, "a", "B", 30) == 50
    tomorrow = PLACED + timedelta(days=1)
    assert await buys(booking, "a", "C", 30, placed_at=tomorrow, changed_at=tomorrow) == 60
    assert (await balance(booking, member)).spendable == 170
    reasons = [line.reasons for line in await explain(booking, member)]
    assert any("of 30 its limits leave: 20" in one for one in reasons[1])
    await verified(booking)


async def test_a_budget_is_not_claimed_for_what_a_members_cap_would_not_give(
    booking: Booking,
) -> None:
    await publish(booking, 2, per_member=50, budget=80)
    await enrolled(booking, "a")
    await enrolled(booking, "b")
    assert await buys(booking, "a", "A", 100) == 150
    assert await buys(booking, "b", "B", 100) == 130


async def test_a_later_version_can_raise_the_budget(booking: Booking) -> None:
    await publish(booking, 2, budget=50)
    await enrolled(booking, "a")
    assert await buys(booking, "a", "A", 80) == 130
    await publish(booking, 3, budget=90)
    assert await buys(booking, "a", "B", 80) == 120
    await verified(booking)


@pytest.mark.parametrize("run", range(3))
async def test_many_orders_at_once_get_exactly_the_budget(booking: Booking, run: int) -> None:
    await publish(booking, 2, budget=500)
    for who in "abcde":
        await enrolled(booking, who)
    orders = [buys(booking, who, f"{who}{n}", 7) for n in range(40) for who in "abcde"]
    assert sum(await asyncio.gather(*orders)) == 200 * 7 + 500
    await verified(booking)


async def test_a_register_is_told_what_its_sale_will_earn(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    await publish(booking, 2, when="member.known && order.store == 'shibuya'")
    member = await enrolled(booking, "a")
    line = LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000)
    quoted = await till.quote(terminal, QuoteRequest(member=member, lines=(line,)))
    ask = CommitRequest(
        sale=TillKey(store="shibuya", till="1", business_date=PLACED.date(), receipt_number="1"),
        sold_at=PLACED,
        member=member,
        lines=(line,),
    )
    assert (quoted.earns, (await till.commit(terminal, ask)).earned) == (200, 200)
    stranger = await till.quote(terminal, QuoteRequest(lines=(line,)))
    assert stranger.earns == 100


async def test_points_pay_what_the_program_says_they_are_worth(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    document = {"redeem": {"yen_per_point": 5, "unit": 10, "minimum": 20}}
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(document)},
        )
    member = await enrolled(booking, "a")
    await buys(booking, "a", "A", 300)
    line = LineItem(id="1", quantity=1, amount=1_100, tax_rate=1000)
    wanted = QuoteRequest(member=member, lines=(line,), points_wanted=45)
    quoted = await till.quote(terminal, wanted)
    assert (quoted.max_usable, quoted.points_used, quoted.total) == (220, 40, 900)

    async def pays(points: int) -> tuple[int, int]:
        key = TillKey(
            store="shibuya", till="1", business_date=PLACED.date(), receipt_number=str(points)
        )
        ask = CommitRequest(
            sale=key, sold_at=PLACED, member=member, lines=(line,), points_used=points
        )
        done = await till.commit(terminal, ask)
        return done.used, done.earned

    assert await pays(40) == (40, quoted.earns)
    for points, refusal in ((45, "not_usable"), (10, "not_usable"), (230, "exceed_total")):
        with pytest.raises(TillRefused, match=refusal):
            await pays(points)
    await verified(booking)
