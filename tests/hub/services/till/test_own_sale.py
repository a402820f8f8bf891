"""What a register says of a sale looks at that sale alone, whatever else its batch speaks of."""

from datetime import UTC, datetime, timedelta

import pytest

from renkei.ledger.loading import load, names_its_members
from renkei.ledger.world import Known, Needs
from renkei.services.booking import Booking
from renkei.services.till.aftersale import AttachMember, LookAtSale
from renkei.services.till.till_refunds import refund_of
from renkei_contracts.aftersale import AttachRequest, RefundRequest
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, RefundLine, TillKey

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


def receipt(number: int) -> TillKey:
    return TillKey(
        store="shibuya", till="1", business_date=PLACED.date(), receipt_number=str(number)
    )


async def sold(booking: Booking, number: int) -> str:
    """A vendor's sale at a till, of a member of its own; gives the member."""
    customer = ExternalRef(connection="shop", id=f"c{number}")
    member = (await booking.enrol(Member(ref=customer, changed_at=PLACED))).member
    order = Order(
        ref=ExternalRef(connection="shop", id=f"p{number}"),
        changed_at=PLACED,
        placed_at=PLACED,
        state=OrderState.PAID,
        customer=customer,
        till=receipt(number),
        lines=(LineItem(id="1", quantity=1, amount=11_000, tax_rate=1000),),
    )
    await booking.settle(order, read_at=None, delivery_key=None)
    return member


async def known(booking: Booking, *every: Needs) -> Known:
    """What a batch of these knows before it locks its members."""
    seen: list[Known] = []

    def further(found: Known) -> Needs:
        seen.append(found)
        return Needs()

    async with booking.database.begin_batch() as conn:
        await load(conn, Needs.of_all(every), further)
    return seen[0]


@pytest.fixture
async def members(booking: Booking) -> tuple[str, str]:
    return await sold(booking, 1), await sold(booking, 2)


async def test_a_refund_needs_its_own_sale_alone(
    booking: Booking, members: tuple[str, str]
) -> None:
    ask = RefundRequest(
        receipt=receipt(9),
        sale=receipt(1),
        refunded_at=PLACED + timedelta(hours=1),
        lines=(RefundLine(id="1", quantity=1, amount=11_000),),
    )
    refund = refund_of(ask, "shop", "alr_1", "shibuya")
    found = await known(booking, refund.needs(), LookAtSale(receipt(2), "shop").needs())
    assert len(found.orders) == 2
    assert ("shop", "p1") in refund.further(found).orders
    assert ("shop", "p2") not in refund.further(found).orders
    beside = Needs.of_all([refund.needs(), Needs(members=frozenset(members))])
    assert not names_its_members(beside), "whose the sale is shows only once it is locked"


async def test_a_card_that_is_shown_later_needs_its_own_sale_alone(
    booking: Booking, members: tuple[str, str]
) -> None:
    attach = AttachMember(AttachRequest(sale=receipt(3), member=members[0]), "shop", "alr_1")
    found = await known(booking, attach.needs(), LookAtSale(receipt(2), "shop").needs())
    assert [key[1] for key in found.orders] == ["p2"]
    assert attach.further(found) == Needs()
