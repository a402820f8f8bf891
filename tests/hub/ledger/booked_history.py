"""A little history in which everything happens once, booked by the real commands."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from renkei.ledger.books import Channel
from renkei.ledger.closing import seal
from renkei.services.booking import Booking
from renkei.services.members.merge import MergeMembers, UnmergeMember
from renkei.services.orders.refund import BookRefund
from renkei.services.points.corrections import Adjust, ImportBalance, WriteOffDebt
from renkei.services.points.hold import PlaceHold
from renkei.services.points.quota import ClaimQuota, OpenQuota
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei.storage.engine import open_database
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, RefundLine
from renkei_contracts.point import Adjustment, BalanceImport, WriteOff
from renkei_contracts.till import CommitRequest, HoldRequest

BookingOn = Callable[[Any], AbstractAsyncContextManager[Booking]]

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)
IN_OCTOBER = datetime(2026, 10, 20, 3, tzinfo=UTC)
LONG_AGO = datetime(2025, 6, 1, 3, tzinfo=UTC)
BEFORE_THAT_ENDED = datetime(2026, 3, 1, 3, tzinfo=UTC)

TILL = Terminal("trm_1", "pos", "shibuya", "1")

SINCE = "UPDATE connection SET settles_from = '2025-01-01Z'"

OCTOBER = "INSERT INTO period VALUES ('default', '2026-10')"
"""As when the hub ran in October."""

EXTENDED = """
INSERT INTO hold_extension
SELECT member_id, version, 1, lapses_at + interval '1 day', clock_timestamp()
FROM hold WHERE key = 'h2'"""
"""What no command does yet."""


@dataclass
class History:
    """Who took part, and where the database is."""

    owner_url: str
    hanako: str = ""
    taro: str = ""
    jiro: str = ""
    saburo: str = ""


async def book(history: History, app_url: str, booking_on: BookingOn) -> None:
    """Book it all."""
    database = open_database(app_url)
    async with booking_on(database) as booking:
        async with database.begin() as conn:
            await conn.execute(text(SINCE))
            await conn.execute(text(OCTOBER))
        history.hanako = await enrol(booking, "c1", "hanako@example.jp")
        history.taro = await enrol(booking, "c2", "taro@example.jp")
        await _of_hanako(booking, history.hanako)
        history.jiro = await enrol(booking, "c3", "jiro@example.jp")
        history.saburo = await enrol(booking, "c4", "saburo@example.jp")
        await _in_october(booking, history.jiro)
        await _of_taro(booking, history.taro)
        await _of_brothers(booking, history.jiro, history.saburo)
        await _quotas(booking)
        async with database.begin() as conn:
            await conn.execute(text(EXTENDED))
    await database.close()


async def _of_hanako(booking: Booking, member: str) -> None:
    """Earn, confirm, use by a hold, give back, hold on, release, lapse, return."""
    till = TillService(booking)
    await settle(booking, order("o1", "c1"))
    await settle(booking, order("o2", "c1", yen=33_000, state=OrderState.PLACED))
    await settle(booking, order("o2", "c1", yen=33_000, tick=1))
    paying = await till.hold(TILL, HoldRequest(key="h1", member=member, points=80))
    await till.commit(TILL, sale("1", member, hold=paying.hold, points_used=50))
    await till.commit(TILL, sale("1", member, revision=2, points_used=40))
    await till.hold(TILL, HoldRequest(key="h2", member=member, points=30))
    given_up = await till.hold(TILL, HoldRequest(key="h3", member=member, points=10))
    await till.release(TILL, given_up.hold)
    over = HoldRequest(key="h4", member=member, points=5).model_copy(update={"ttl_seconds": -1})
    await booking.committer.submit(PlaceHold(over, "trm_1", Channel("pos", "shibuya")))
    await booking.lapse_holds()
    await settle(booking, order("o2", "c1", yen=33_000, tick=2, returned=11_000))
    await settle(booking, order('さくら "\\\n\x01🌸', "c1", yen=1_100))


async def _of_taro(booking: Booking, member: str) -> None:
    """Points that ended, a late use of them, a debt, its repayment, and giving that back."""
    till = TillService(booking)
    await settle(booking, order("t1", "c2", placed_at=LONG_AGO))
    late = sale("2", member, sold_at=BEFORE_THAT_ENDED, points_used=60, occurred=True)
    await till.commit(TILL, late)
    beyond = sale("3", member, points_used=200, occurred=True)
    await till.commit(TILL, beyond)
    await settle(booking, order("t2", "c2", yen=55_000))
    undone = sale("3", member, revision=2, points_used=170, occurred=True)
    await till.commit(TILL, undone)
    await till.commit(TILL, sale("2", member, revision=2, sold_at=BEFORE_THAT_ENDED, voided=True))
    await settle(booking, order("t3", "c2"))


async def _of_brothers(booking: Booking, jiro: str, saburo: str) -> None:
    """Merged they use both's points; parted, it is given back to both; and merged again."""
    till = TillService(booking)
    await settle(booking, order("j1", "c3"))
    await settle(booking, order("s1", "c4", yen=5_500))
    await booking.committer.submit(MergeMembers(jiro, saburo, "m1"))
    await till.commit(TILL, sale("4", saburo, points_used=120))
    await till.hold(TILL, HoldRequest(key="h6", member=jiro, points=25))
    await booking.committer.submit(UnmergeMember(jiro, "m2"))
    await till.commit(TILL, sale("4", saburo, revision=2, points_used=15))
    await booking.committer.submit(MergeMembers(jiro, saburo, "m3"))
    hold = await till.hold(TILL, HoldRequest(key="h5", member=jiro, points=80))
    await till.commit(TILL, sale("5", jiro, hold=hold.hold, points_used=70))
    refund = Refund(
        ref=ExternalRef(connection="cart", id="r1"),
        order=ExternalRef(connection="cart", id="j1"),
        occurred_at=PLACED + timedelta(days=1),
        lines=(RefundLine(id="1", amount=2_200),),
    )
    await booking.committer.submit(BookRefund(refund, "dlv_2", "alr_r1"))
    await _correct(booking, saburo)


async def _correct(booking: Booking, member: str) -> None:
    """Move points without an order, each with its reason."""
    who = {"member": member, "reason": "お詫び", "by": "田中"}
    given = Adjustment(key="k1", points=50, **who)
    await booking.committer.submit(Adjust(given, booking.ring))
    taken = Adjustment(key="k2", points=-900, occurred=True, **who)
    await booking.committer.submit(Adjust(taken, booking.ring))
    forgiven = WriteOff(key="k3", points=100, **who)
    await booking.committer.submit(WriteOffDebt(forgiven, booking.ring))
    brought = BalanceImport(
        member=member, key="k4", points=10, granted_at=PLACED, expires_at=None, source="old"
    )
    await booking.committer.submit(ImportBalance(brought, booking.ring))


async def _in_october(booking: Booking, member: str) -> None:
    """A late entry of a month that is sealed right after it."""
    late = Adjustment(
        member=member, key="k0", points=10, reason="r", by="b", occurred_at=IN_OCTOBER
    )
    await booking.committer.submit(Adjust(late, booking.ring))
    async with booking.database.begin() as conn:
        await seal(conn, "default", "2026-10")


async def _quotas(booking: Booking) -> None:
    await booking.committer.submit(OpenQuota("campaign/autumn", "2026", 500))
    for claimant, wanted in (("cart/o1", 100), ("cart/o1", 120), ("cart/o2", 30)):
        claim = ClaimQuota("campaign/autumn", "2026", claimant, wanted)
        await booking.committer.submit(claim)
    await booking.committer.submit(OpenQuota("member/1", "2026-11", 10))
    await booking.committer.submit(ClaimQuota("member/1", "2026-11", "cart/o1", 3))


async def enrol(booking: Booking, customer: str, email: str) -> str:
    """Enrol a customer of the cart, whose balance the cart shows."""
    verified = Identity(kind=IdentityKind.EMAIL, value=email, grade=Grade.VERIFIED)
    seen = Member(
        ref=ExternalRef(connection="cart", id=customer), changed_at=PLACED, identities=(verified,)
    )
    return (await booking.enrol(seen, mirrors_at=("cart",))).member


async def settle(booking: Booking, seen: Order) -> None:
    """Settle an order that the cart tells of."""
    await booking.settle(seen, read_at=None, delivery_key="dlv_1")


def order(
    id: str, customer: str, *, yen: int = 11_000, tick: int = 0, returned: int = 0, **more: Any
) -> Order:
    """An order of the cart."""
    line = LineItem(
        id="1",
        quantity=2,
        amount=yen,
        tax_rate=1000,
        returned_quantity=int(returned > 0),
        returned_amount=returned,
    )
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": PLACED + timedelta(seconds=tick),
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id=customer),
        "lines": (line,),
    }
    return Order(**(fields | more))


def sale(number: str, member: str, **more: Any) -> CommitRequest:
    """A sale at the till over ¥1,100."""
    day = more.get("sold_at", PLACED).date().isoformat()
    fields: dict[str, Any] = {
        "sale": {"store": "shibuya", "till": "1", "business_date": day, "receipt_number": number},
        "sold_at": PLACED + timedelta(hours=1),
        "member": member,
        "lines": [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}],
    }
    return CommitRequest.model_validate(fields | more)
