"""A refund told apart from its order comes before or after it, once or often: the end is one."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import KeyReused
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.members import balance
from renkei.services.orders.refund import BookRefund, RefundOutcome
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


def order(**more: Any) -> Order:
    lines = (
        LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000),
        LineItem(id="2", quantity=2, amount=22_000, tax_rate=1000),
    )
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id="B"),
        "changed_at": PLACED,
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="c1"),
        "lines": lines,
    }
    return Order(**(fields | more))


def refund(id: str = "r1", **more: Any) -> Refund:
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "order": ExternalRef(connection="cart", id="B"),
        "occurred_at": PLACED + timedelta(days=1),
        "lines": (RefundLine(id="2", quantity=1, amount=11_000),),
    }
    return Refund(**(fields | more))


async def tell(booking: Booking, one: Refund) -> RefundOutcome:
    command = BookRefund(one, None, booking.new_id("alr"))
    answer: RefundOutcome = await booking.committer.submit(command)
    return answer


@pytest.fixture
async def member(booking: Booking) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=PLACED)
    return (await booking.enrol(seen)).member


STEPS = ("order", "r1", "r2", "r1 again")


@pytest.mark.parametrize("steps", list(itertools.permutations(STEPS)), ids="-".join)
async def test_whatever_comes_first_the_order_stands_less_its_refunds(
    booking: Booking, member: str, steps: tuple[str, ...]
) -> None:
    for step in steps:
        if step.startswith("order"):
            await booking.settle(order(), read_at=None, delivery_key=None)
        else:
            await tell(booking, refund(step.split()[0]))
    assert (await balance(booking, member)).spendable == 100
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_refund_before_its_order_is_parked_and_takes_nothing(
    booking: Booking, member: str
) -> None:
    assert (await tell(booking, refund())).outcome == "parked"
    assert (await balance(booking, member)).version == 0
    settled = await booking.settle(order(), read_at=None, delivery_key=None)
    assert (settled.outcome, settled.earned) == ("settled", 200)


async def test_a_newer_state_of_the_order_keeps_its_refunds(booking: Booking, member: str) -> None:
    await booking.settle(order(), read_at=None, delivery_key=None)
    await tell(booking, refund())
    newer = order(changed_at=PLACED + timedelta(days=2), state=OrderState.FULFILLED)
    assert (await booking.settle(newer, read_at=None, delivery_key=None)).earned == 200


async def test_a_refund_of_everything_gives_back_what_was_used(
    booking: Booking, member: str
) -> None:
    await booking.settle(order(), read_at=None, delivery_key=None)
    used = order(ref=ExternalRef(connection="cart", id="C"), points_used=300, points_value=300)
    await booking.settle(used, read_at=None, delivery_key=None)
    whole = refund(order=ExternalRef(connection="cart", id="C"), lines=(), whole=True)
    assert (await tell(booking, whole)).outcome == "booked"
    assert (await balance(booking, member)).spendable == 300


async def test_the_same_refund_with_other_content_is_refused(booking: Booking, member: str) -> None:
    await tell(booking, refund())
    with pytest.raises(KeyReused, match="r1"):
        await tell(booking, refund(lines=()))


async def test_a_refund_beyond_the_order_takes_what_is_there_and_tells_a_person(
    booking: Booking, member: str
) -> None:
    await booking.settle(order(), read_at=None, delivery_key=None)
    await tell(booking, refund(lines=(RefundLine(id="2", amount=99_000),)))
    assert (await balance(booking, member)).spendable == 100
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == ["refund_exceeds"]
