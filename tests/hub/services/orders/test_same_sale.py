"""A sale that a link app copied to another vendor is counted once; a doubtful one waits."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import TillRefused
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.members import balance
from renkei.services.orders.late_link import DecideDoubt
from renkei.services.till.aftersale import AttachMember
from renkei.services.till.till_refunds import CountRefunds, refund_of
from renkei_contracts.aftersale import AttachRequest, RefundRequest
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, RefundLine, TillKey

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


@pytest.fixture
async def member(booking: Booking) -> str:
    """One person in both connections, which a link app joins."""
    async with booking.database.begin() as conn:
        await conn.execute(text("INSERT INTO sale_pair VALUES ('cart', 'shop', '2 minutes')"))
    mail = Identity(kind=IdentityKind.EMAIL, value="h@example.jp", grade=Grade.VERIFIED)
    for connection in ("cart", "shop"):
        ref = ExternalRef(connection=connection, id="c1")
        found = await booking.enrol(Member(ref=ref, changed_at=PLACED, identities=(mail,)))
    return found.member


def seen(connection: str, id: str, *, after: int = 0, yen: int = 11_000, **more: Any) -> Order:
    line = LineItem(id="1", jan="4901234567894", quantity=1, amount=yen, tax_rate=1000)
    at = PLACED + timedelta(seconds=after)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection=connection, id=id),
        "changed_at": at,
        "placed_at": at,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection=connection, id="c1"),
        "lines": (line,),
    }
    return Order(**(fields | more))


async def settle(booking: Booking, order: Order) -> str:
    return (await booking.settle(order, read_at=None, delivery_key=None)).outcome


async def left(booking: Booking, member: str) -> int:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()
    return (await balance(booking, member)).spendable


async def test_a_copy_two_seconds_later_points_at_the_order_and_is_granted_nothing(
    booking: Booking, member: str
) -> None:
    assert await settle(booking, seen("cart", "o1")) == "settled"
    assert await settle(booking, seen("shop", "p1", after=2)) == "alias"
    newer = seen("shop", "p1", after=2, changed_at=PLACED + timedelta(hours=1))
    assert await settle(booking, newer.model_copy(update={"number": "p1"})) == "alias"
    assert await left(booking, member) == 100


async def test_two_sightings_at_the_same_moment_are_counted_once(
    booking: Booking, member: str
) -> None:
    both = [settle(booking, seen("cart", "o1")), settle(booking, seen("shop", "p1", after=2))]
    assert sorted(await asyncio.gather(*both)) == ["alias", "settled"]
    assert await left(booking, member) == 100


@pytest.mark.parametrize(
    "other",
    [
        {"after": 600},
        {"yen": 11_001},
        {"customer": None, "test": True},
    ],
    ids=["another time", "another amount", "a test"],
)
async def test_a_sale_that_does_not_look_the_same_is_a_sale_of_its_own(
    booking: Booking, member: str, other: dict[str, Any]
) -> None:
    await settle(booking, seen("cart", "o1"))
    assert await settle(booking, seen("shop", "p1", **other)) in ("settled", "unlinked")


async def test_two_copies_of_one_order_are_not_both_taken_for_it(
    booking: Booking, member: str
) -> None:
    await settle(booking, seen("cart", "o1"))
    assert await settle(booking, seen("shop", "p1", after=2)) == "alias"
    assert await settle(booking, seen("shop", "p2", after=4)) == "settled"
    assert await left(booking, member) == 200


@pytest.mark.parametrize(("same", "points"), [(True, 100), (False, 200)])
async def test_a_doubtful_match_is_granted_nothing_until_a_person_has_decided(
    booking: Booking, member: str, same: bool, points: int
) -> None:
    await settle(booking, seen("cart", "o1"))
    other = LineItem(id="1", title="another thing", quantity=1, amount=11_000, tax_rate=1000)
    copy = seen("shop", "p1", after=2, lines=(other,))
    assert await settle(booking, copy) == "doubtful"
    later = copy.model_copy(update={"changed_at": PLACED + timedelta(hours=1), "number": "9"})
    assert await settle(booking, later) == "doubtful"
    assert await left(booking, member) == 100
    decide = DecideDoubt(("shop", "p1"), same, "alr_x")
    answer = await booking.committer.submit(decide)
    assert answer.outcome == ("alias" if same else "settled")
    assert await left(booking, member) == points
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == ["perhaps_same_sale"]
    assert (await booking.committer.submit(decide)).outcome == "unchanged"


async def test_connections_that_nobody_joined_never_look_the_same(booking: Booking) -> None:
    mail = Identity(kind=IdentityKind.EMAIL, value="h@example.jp", grade=Grade.VERIFIED)
    for connection in ("cart", "shop"):
        ref = ExternalRef(connection=connection, id="c1")
        found = await booking.enrol(Member(ref=ref, changed_at=PLACED, identities=(mail,)))
    await settle(booking, seen("cart", "o1"))
    assert await settle(booking, seen("shop", "p1", after=2)) == "settled"
    assert await left(booking, found.member) == 200


async def test_a_copy_that_is_told_before_its_original_is_the_one_that_counts(
    booking: Booking, member: str
) -> None:
    original = seen("cart", "o1")
    copy = seen("shop", "p1", after=600, same_as=(original.ref,))
    assert await settle(booking, copy) == "settled"
    assert await settle(booking, original) == "alias"
    second = seen("shop", "p2", after=900, same_as=(original.ref,))
    assert await settle(booking, second) == "alias"
    assert await left(booking, member) == 100


async def test_an_order_that_turns_out_to_be_a_copy_gives_its_points_back(
    booking: Booking, member: str
) -> None:
    original, copy = seen("cart", "o1"), seen("shop", "p1", after=600)
    await settle(booking, original)
    assert await settle(booking, copy) == "settled"
    assert await left(booking, member) == 200
    changes = {"same_as": (original.ref,), "changed_at": PLACED + timedelta(hours=1)}
    assert await settle(booking, copy.model_copy(update=changes)) == "alias"
    assert await left(booking, member) == 100


async def test_a_reference_to_a_vendor_we_do_not_know_changes_nothing(
    booking: Booking, member: str
) -> None:
    elsewhere = ExternalRef(connection="elsewhere", id="x1")
    assert await settle(booking, seen("cart", "o1", same_as=(elsewhere,))) == "settled"
    assert await left(booking, member) == 100


async def test_a_sale_that_looks_like_a_cancelled_one_waits_for_a_person(
    booking: Booking, member: str
) -> None:
    await settle(booking, seen("shop", "p1"))
    gone = {"changed_at": PLACED + timedelta(seconds=30), "state": OrderState.CANCELLED}
    await settle(booking, seen("shop", "p1", **gone))
    assert await settle(booking, seen("cart", "o1", after=60)) == "doubtful"
    await booking.committer.submit(DecideDoubt(("cart", "o1"), False, "alr_x"))
    assert await left(booking, member) == 100


async def test_a_reference_ends_a_doubt_that_pointed_the_other_way(
    booking: Booking, member: str
) -> None:
    assert await settle(booking, seen("cart", "o1", customer=None)) == "unlinked"
    assert await settle(booking, seen("shop", "p1", after=2)) == "doubtful"
    named = {"customer": ExternalRef(connection="cart", id="c1")}
    later = seen("cart", "o1", changed_at=PLACED + timedelta(seconds=9), **named)
    told = later.model_copy(update={"same_as": (ExternalRef(connection="shop", id="p1"),)})
    assert await settle(booking, told) == "settled"
    decided = await booking.committer.submit(DecideDoubt(("shop", "p1"), True, "alr_x"))
    assert decided.outcome == "unchanged"
    assert await left(booking, member) == 100


async def test_a_live_copy_of_a_cancelled_order_is_told_to_a_person(
    booking: Booking, member: str
) -> None:
    await settle(booking, seen("cart", "o1", state=OrderState.CANCELLED))
    copy = seen("shop", "p1", after=2, same_as=(ExternalRef(connection="cart", id="o1"),))
    assert await settle(booking, copy) == "alias"
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == ["same_sale_differs"]


SALE = TillKey(store="shibuya", till="1", business_date=PLACED.date(), receipt_number="1")
OF_ALL = RefundRequest(
    receipt=SALE.model_copy(update={"receipt_number": "2"}),
    sale=SALE,
    refunded_at=PLACED + timedelta(hours=1),
    lines=(RefundLine(id="1", quantity=1, amount=11_000),),
)


@pytest.mark.parametrize("first", ["the sale", "the refund"])
async def test_a_refund_of_a_copy_takes_nothing_and_is_told_to_a_person(
    booking: Booking, member: str, first: str
) -> None:
    await settle(booking, seen("cart", "o1"))
    copy = seen("shop", "p1", after=2, till=SALE)
    refund = refund_of(OF_ALL, "shop", "alr_1", "shibuya")
    if first == "the sale":
        assert await settle(booking, copy) == "alias"
        answer = await booking.committer.submit(refund)
        assert (answer.outcome, answer.member) == ("booked", member)
        assert (answer.earned_back, answer.spendable) == (0, 100)
    else:
        assert (await booking.committer.submit(refund)).outcome == "parked"
        assert await settle(booking, copy) == "alias"
        await booking.committer.submit(CountRefunds(refund))
        await settle(booking, copy.model_copy(update={"changed_at": PLACED + timedelta(hours=2)}))
    assert await left(booking, member) == 100
    async with booking.database.begin() as conn:
        told = (await conn.execute(text("SELECT kind, message FROM alert"))).all()
    (alert,) = told
    assert alert.kind == "refund_of_copy"
    assert alert.message.endswith("is of a copy; cart/o1 is what counts")


async def test_a_card_shown_after_a_copy_is_the_sales_where_it_is_counted(
    booking: Booking, member: str
) -> None:
    """The register told a sale that the vendor's plugin had told before it."""
    guest: dict[str, Any] = {"customer": None}
    await settle(booking, seen("cart", "o1", **guest))
    assert await settle(booking, seen("shop", "p1", after=2, till=SALE, **guest)) == "alias"
    attach = AttachMember(AttachRequest(sale=SALE, member=member), "shop", "alr_1")
    for _ in range(2):
        answer = await booking.committer.submit(attach)
        assert (answer.member, answer.earned) == (member, 100)
    assert await left(booking, member) == 100
    again = seen("cart", "o1", changed_at=PLACED + timedelta(hours=1), number="1", **guest)
    assert await settle(booking, again) == "settled"
    assert await left(booking, member) == 100
    ref = ExternalRef(connection="cart", id="c2")
    other = (await booking.enrol(Member(ref=ref, changed_at=PLACED))).member
    theirs = AttachMember(AttachRequest(sale=SALE, member=other), "shop", "alr_2")
    with pytest.raises(TillRefused, match="sale_of_other_member"):
        await booking.committer.submit(theirs)
