"""A back-test with the published version gives, order by order, what settlement booked.

Without limits of campaigns that holds however the orders came to be as they are. Where budgets
bind, what an order got depends on when it was settled: a back-test settles each order once, in the
order of placing, so that it equals what was booked that way; for orders that changed meanwhile only
the limits themselves and all orders without a limited campaign can be compared.
"""

import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.loyalty.program import Program
from renkei.services.booking import Booking
from renkei.services.orders.refund import BookRefund
from renkei.services.setup.backtest import Replayed, back_test, replayed
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine

SINCE = datetime(2026, 9, 1, 3, tzinfo=UTC)
MEMBERS = 12

BOOKED = """
SELECT order_ref, coalesce(s.earned, 0) FROM orders o
LEFT JOIN settled s USING (connection_id, order_ref, member_id) WHERE o.member_id IS NOT NULL"""

USED = "SELECT scope, used FROM quota WHERE period = 'all'"

CAMPAIGNS: list[dict[str, Any]] = [
    {"name": "tens", "when": "today.day in [10, 20, 30]", "percent": 200, "stacking": "best"},
    {"name": "big", "when": "order.total > 20000", "fixed": 77, "stacking": "best"},
    {"name": "tea", "lines": "line.sku == 'TEA'", "points": 3, "per_yen": 200},
    {"name": "card", "when": "'card' in order.tenders", "percent": 120, "stacking": "multiply"},
    {"name": "store", "when": "order.store != ''", "percent": 150, "stacking": "multiply"},
    {"name": "rain", "when": 'facts["rain"]', "fixed": 1_000},
]
LIMITED: list[dict[str, Any]] = [
    {"name": "autumn", "percent": 300, "budget": 3_000},
    {"name": "daily", "fixed": 50, "per_member": 120, "member_period": "month", "budget": 900},
]


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - not a secret


async def publish(booking: Booking, campaigns: Sequence[dict[str, Any]]) -> Program:
    rates = [{"name": "food", "when": "line.tax_rate == 800", "points": 1, "per_yen": 50}]
    document = {"campaigns": campaigns, "earn": {"rates": rates, "confirmed": "fulfilled"}}
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', 2, '1970-01-02Z', :d)"),
            {"d": json.dumps(document)},
        )
    for number in range(MEMBERS):
        ref = ExternalRef(connection="cart", id=f"c{number}")
        await booking.enrol(Member(ref=ref, changed_at=SINCE))
    return Program.model_validate(document)


def sold(draw: random.Random, number: int) -> Order:
    """An order of the cart at its own minute; one of ten has no member."""
    at = SINCE + timedelta(hours=number * 7 % 1_440, minutes=number % 60, seconds=number // 60)
    stranger = draw.random() < 0.1
    lines = tuple(
        LineItem(
            id=str(n),
            sku=draw.choice(["TEA", "RICE", ""]),
            quantity=3,
            amount=draw.randint(0, 12_000),
            tax_rate=draw.choice([800, 1000]),
            tax_included=draw.random() < 0.7,
            earns=draw.random() < 0.9,
        )
        for n in range(draw.randint(1, 5))
    )
    used = draw.choice([0, 0, draw.randint(1, 900)])
    return Order.model_validate(
        {
            "ref": {"connection": "cart", "id": f"o{number:05}"},
            "changed_at": at,
            "placed_at": at,
            "state": draw.choice(["placed", "paid", "fulfilled"]),
            "customer": {
                "connection": "cart",
                "id": "nobody" if stranger else f"c{draw.randrange(MEMBERS)}",
            },
            "lines": lines,
            "points_used": used,
            "points_value": used,
            "tenders": [{"kind": draw.choice(["card", "cash"]), "amount": 1}],
            "location": draw.choice(["", "shibuya"]),
            "test": draw.random() < 0.03,
        }
    )


def changes(draw: random.Random, order: Order) -> Iterator[Order]:
    """What becomes of it: edited, sent, given back in part, moved to another member, cancelled."""
    for tick in range(1, draw.randint(1, 4)):
        more: dict[str, Any] = draw.choice(
            [
                {"lines": sold(draw, 0).lines},
                {"state": OrderState.FULFILLED},
                {"state": OrderState.CANCELLED},
                {"customer": ExternalRef(connection="cart", id=f"c{draw.randrange(MEMBERS)}")},
                {
                    "lines": tuple(
                        line.model_copy(
                            update={"returned_quantity": 1, "returned_amount": line.amount // 3}
                        )
                        for line in order.lines
                    )
                },
            ]
        )
        later = order.changed_at + timedelta(seconds=tick)
        order = order.model_copy(update=more | {"changed_at": later})
        yield order


def refund_of(draw: random.Random, order: Order) -> Refund:
    line = draw.choice(order.lines)
    return Refund(
        ref=ExternalRef(connection="cart", id=f"r-{order.ref.id}"),
        order=order.ref,
        occurred_at=order.placed_at,
        lines=(RefundLine(id=line.id, quantity=1, amount=draw.randint(0, line.amount)),),
        points_returned=draw.choice([0, order.points_used]),
        value_returned=draw.choice([0, order.points_value]),
        whole=draw.random() < 0.1,
    )


async def settle(booking: Booking, *orders: Order) -> None:
    for order in orders:
        await booking.settle(order, read_at=None, delivery_key=None)


async def live(booking: Booking, draw: random.Random, order: Order) -> None:
    """An order and everything that becomes of it."""
    await settle(booking, order, *changes(draw, order))
    if draw.random() < 0.2:
        await booking.committer.submit(
            BookRefund(refund_of(draw, order), None, f"alr_{order.ref.id}")
        )


async def outcome(booking: Booking, program: Program) -> tuple[dict[str, Replayed], dict[str, int]]:
    """What the back-test says of each order, and what is booked for it."""
    tried = {one.order[1]: one async for one in replayed(booking.database, program, SINCE)}
    async with booking.database.begin() as conn:
        rows = (await conn.execute(text(BOOKED))).all()
    return tried, {ref: earned for ref, earned in rows}  # noqa: C416 - rows are no pairs


@pytest.mark.parametrize(
    "count",
    [200, pytest.param(2_000, marks=[pytest.mark.proof, pytest.mark.timeout(600)])],
)
async def test_every_order_gets_what_was_booked_whatever_became_of_it(
    booking: Booking, count: int
) -> None:
    draw = dice(count)
    program = await publish(booking, CAMPAIGNS)
    await asyncio.gather(*(live(booking, dice(n), sold(draw, n)) for n in range(count)))
    tried, booked = await outcome(booking, program)
    assert {ref: one.draft for ref, one in tried.items()} == booked
    assert {ref: one.booked for ref, one in tried.items()} == booked
    assert count * 0.8 < len(booked) < count
    assert sum(booked.values()) > 20 * count
    whole = await back_test(booking.database, program, SINCE)
    assert (whole.orders, whole.more, whole.fewer, whole.members) == (len(booked), 0, 0, 0)
    assert whole.draft == whole.booked == sum(booked.values())


async def test_budgets_bind_as_they_did_for_orders_settled_once_as_they_were_placed(
    booking: Booking,
) -> None:
    draw = dice(7)
    program = await publish(booking, [*CAMPAIGNS, *LIMITED])
    orders = sorted((sold(draw, n) for n in range(200)), key=lambda order: order.placed_at)
    await settle(booking, *orders)
    tried, booked = await outcome(booking, program)
    assert {ref: one.draft for ref, one in tried.items()} == booked
    unlimited = await back_test(booking.database, Program(earn=program.earn), SINCE)
    assert unlimited.draft < sum(booked.values())
    async with booking.database.begin() as conn:
        rows = (await conn.execute(text(USED))).all()
    assert sorted(tuple(row) for row in rows) == [
        ("campaign/default/autumn", 3_000),
        ("campaign/default/daily", 900),
    ]


async def test_of_orders_that_changed_those_no_limited_campaign_gave_anything_are_equal(
    booking: Booking,
) -> None:
    draw = dice(8)
    bound = {"name": "few", "when": "order.total > 30000", "percent": 300, "budget": 2_000}
    program = await publish(booking, [*CAMPAIGNS, bound])
    await asyncio.gather(*(live(booking, dice(n), sold(draw, n)) for n in range(150)))
    tried, booked = await outcome(booking, program)
    without = program.model_copy(update={"campaigns": program.campaigns[:-1]})
    plain, _ = await outcome(booking, without)
    free = [ref for ref, one in tried.items() if one.draft == plain[ref].draft == booked[ref]]
    extra = [tried[ref].draft - plain[ref].draft for ref in tried]
    assert len(free) > 100
    assert sum(extra) == 2_000
    assert sum(booked[ref] - plain[ref].draft for ref in tried) <= 2_000


async def test_an_order_that_earned_nothing_is_tried_and_one_that_is_not_counted_is_not(
    booking: Booking,
) -> None:
    await publish(booking, [])
    tiny = sold(dice(1), 1).model_copy(
        update={
            "lines": (LineItem(id="1", quantity=1, amount=1, tax_rate=1000),),
            "customer": ExternalRef(connection="cart", id="c1"),
            "points_used": 0,
            "test": False,
        }
    )
    stranger = ExternalRef(connection="cart", id="nobody")
    other = tiny.model_copy(
        update={"ref": ExternalRef(connection="cart", id="x"), "customer": stranger}
    )
    await settle(booking, tiny, other)
    gift = Program.model_validate({"campaigns": [{"name": "gift", "fixed": 5}]})
    found = await back_test(booking.database, gift, SINCE)
    assert (found.orders, found.booked, found.draft, found.more) == (1, 0, 5, 1)
