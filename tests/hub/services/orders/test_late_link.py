"""An order whose buyer becomes known later settles as of when it happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renkei.errors import UnknownMember
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.members import balance, explain
from renkei.services.orders.late_link import LinkOrder
from renkei.services.orders.refund import BookRefund
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Refund, RefundLine, TillKey
from renkei_contracts.till import CommitRequest

SOLD = datetime(2026, 11, 1, 3, tzinfo=UTC)
TERMINAL = Terminal("trm_1", "shop", "shibuya", "1")
SALE = TillKey(store="shibuya", till="1", business_date=SOLD.date(), receipt_number="7")


@pytest.fixture
async def member(booking: Booking) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id="c1"), changed_at=SOLD)
    return (await booking.enrol(seen)).member


def sale(**more: Any) -> CommitRequest:
    line = LineItem(id="1", quantity=2, amount=11_000, tax_rate=1000)
    fields: dict[str, Any] = {
        "sale": SALE,
        "revision": 1,
        "member": None,
        "lines": (line,),
        "sold_at": SOLD,
    }
    return CommitRequest(**(fields | more))


async def link(booking: Booking, member: str) -> str:
    command = LinkOrder(("shop", str(SALE)), member, booking.new_id("alr"))
    return (await booking.committer.submit(command)).outcome


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


async def test_a_receipt_without_a_card_settles_when_its_member_is_known(
    booking: Booking, till: TillService, member: str
) -> None:
    await till.commit(TERMINAL, sale())
    assert await link(booking, member) == "settled"
    assert (await balance(booking, member)).spendable == 100
    assert [line.event_at for line in await explain(booking, member)] == [SOLD]
    assert await link(booking, member) == "unchanged"
    await verified(booking)


async def test_a_sale_that_is_somebodys_is_not_taken_from_them(
    booking: Booking, till: TillService, member: str
) -> None:
    seen = Member(ref=ExternalRef(connection="cart", id="c2"), changed_at=SOLD)
    other = (await booking.enrol(seen)).member
    await till.commit(TERMINAL, sale(member=member))
    assert await link(booking, other) == "unchanged"
    assert (await balance(booking, member)).spendable == 100


async def test_a_sale_that_nobody_saw_links_to_nobody(booking: Booking, member: str) -> None:
    assert await link(booking, member) == "unchanged"
    with pytest.raises(UnknownMember):
        await link(booking, "mem_none")


@pytest.mark.parametrize("linked_first", [True, False])
async def test_a_return_at_another_store_counts_whenever_its_buyer_becomes_known(
    booking: Booking, till: TillService, member: str, linked_first: bool
) -> None:
    await till.commit(TERMINAL, sale())
    back = Refund(
        ref=ExternalRef(connection="shop", id="ueno|3|1"),
        order=ExternalRef(connection="shop", id=str(SALE)),
        occurred_at=SOLD + timedelta(days=2),
        lines=(RefundLine(id="1", quantity=1, amount=5_500),),
    )
    if linked_first:
        await link(booking, member)
    await booking.committer.submit(BookRefund(back, None, booking.new_id("alr")))
    if not linked_first:
        await link(booking, member)
    assert (await balance(booking, member)).spendable == 50
    await verified(booking)


@pytest.mark.parametrize("void_first", [True, False])
async def test_a_higher_revision_counts_whatever_the_registers_clock_says(
    booking: Booking, till: TillService, member: str, void_first: bool
) -> None:
    sold = sale(member=member)
    void = sale(member=member, revision=2, voided=True, sold_at=SOLD - timedelta(seconds=1))
    for one in (void, sold) if void_first else (sold, void):
        await till.commit(TERMINAL, one)
    assert (await balance(booking, member)).spendable == 0
    await verified(booking)
