"""Coupons from issue to use on a real database: once per occasion, used once, given back."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from renkei.errors import TillRefused, UnknownMember
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.merge import MergeMembers
from renkei.services.orders.late_link import LinkOrder
from renkei.services.orders.refund import BookRefund
from renkei.services.points.coupons import IssueCoupon
from renkei.services.setup.backtest import back_test
from renkei.services.setup.programs import newest
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, Refund, TillKey
from renkei_contracts.point import CouponGrant, CouponGranted
from renkei_contracts.till import (
    CommitRequest,
    CouponHoldRequest,
    CouponReleaseRequest,
    QuoteRequest,
)

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)

COUPONS = [
    {"name": "three-hundred", "yen": 300, "title": "300円引き"},
    {"name": "tenth", "percent": 10, "combinable": True},
    {"name": "fifty", "yen": 50, "combinable": True},
    {"name": "web", "yen": 100, "where": "web"},
    {"name": "tomorrow", "yen": 100, "usable_from": "next_day"},
    {"name": "over", "yen": 100, "valid_until": "2026-01-31"},
    {"name": "welcome", "yen": 500, "per_member": 1},
    {"name": "next-visit", "yen": 200, "valid_days": 30},
]

VISIT = {"name": "visit", "when": "order.total >= 1000", "coupon": "next-visit"}


async def publish(booking: Booking, version: int = 2, **parts: Any) -> None:
    document = {"coupons": COUPONS} | parts
    async with booking.database.begin() as conn:
        await conn.execute(
            text("INSERT INTO program_version VALUES ('default', :v, '1970-01-02Z', :d)"),
            {"v": version, "d": json.dumps(document)},
        )


async def enrolled(booking: Booking, id: str) -> str:
    seen = Member(ref=ExternalRef(connection="cart", id=id), changed_at=PLACED)
    return (await booking.enrol(seen)).member


async def given(booking: Booking, member: str, kind: str, occasion: str = "test") -> CouponGranted:
    grant = CouponGrant(member=member, coupon=kind, occasion=occasion)
    command = IssueCoupon(grant, booking.new_id("seed"))
    answer: CouponGranted = await booking.committer.submit(command)
    return answer


def bought(id: str, yen: int = 1_100, *, tick: int = 0, **more: Any) -> Order:
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": PLACED + timedelta(seconds=tick),
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="a"),
        "lines": (LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
    }
    return Order(**(fields | more))


async def settle(booking: Booking, order: Order) -> int:
    return (await booking.settle(order, read_at=None, delivery_key=None)).earned


def sale(receipt: str, member: str | None, *coupons: str, **more: Any) -> CommitRequest:
    fields: dict[str, Any] = {
        "sale": TillKey(
            store="shibuya", till="1", business_date=PLACED.date(), receipt_number=receipt
        ),
        "sold_at": PLACED,
        "member": member,
        "coupons": coupons,
        "lines": (LineItem(id="1", quantity=1, amount=1_100, tax_rate=1000),),
    }
    return CommitRequest(**(fields | more))


async def rows(booking: Booking, statement: str) -> list[Any]:
    async with booking.database.begin() as conn:
        return list((await conn.execute(text(statement))).all())


async def moves(booking: Booking, code: str) -> list[str]:
    found = await rows(booking, "SELECT code, what FROM coupon_move ORDER BY code, n")
    return [row[1] for row in found if row[0] == code]


async def alerts(booking: Booking) -> list[str]:
    return [row[0] for row in await rows(booking, "SELECT message FROM alert")]


async def verified(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        assert (await verify(conn)).findings == ()


@pytest.fixture
async def member(booking: Booking) -> str:
    await publish(booking)
    return await enrolled(booking, "a")


async def test_an_occasion_brings_one_coupon_however_often_it_is_told(
    booking: Booking, member: str
) -> None:
    many = await asyncio.gather(*(given(booking, member, "fifty") for _ in range(20)))
    assert len({one.code for one in many}) == 1
    other = await given(booking, member, "fifty", "another")
    assert other.code != many[0].code
    assert len(other.code) == 18
    await verified(booking)


async def test_a_member_gets_no_more_of_a_kind_than_there_are_for_each(
    booking: Booking, member: str
) -> None:
    assert (await given(booking, member, "welcome", "one")).code
    second = await given(booking, member, "welcome", "two")
    assert (second.code, second.reason) == ("", "at most 1 for each member")
    assert (await given(booking, member, "gold", "x")).reason == "the program has no coupon gold"
    with pytest.raises(UnknownMember):
        await given(booking, "mem_none", "fifty")
    await verified(booking)


async def test_the_till_lists_a_coupon_quotes_it_and_uses_it_once(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    code = (await given(booking, member, "three-hundred")).code
    line = LineItem(id="1", quantity=1, amount=1_100, tax_rate=1000)
    ask = QuoteRequest(member=member, lines=(line,), coupons=(code,), points_wanted=9_999)
    quote = await till.quote(terminal, ask)
    assert (quote.total, quote.coupons[0].value, quote.coupons[0].reason) == (800, 300, "300円引き")
    assert quote.rates[0].coupon_discount == 300
    free = ask.model_copy(update={"lines": (line.model_copy(update={"amount": 0}),)})
    (nothing,) = (await till.quote(terminal, free)).coupons
    assert nothing.reason.startswith("この会計には値引きの対象がありません")
    done = await till.commit(terminal, sale("1", member, code))
    assert (done.earned, done.coupon_value) == (quote.earns, 300) == (7, 300)
    assert await till.commit(terminal, sale("1", member, code)) == done
    with pytest.raises(TillRefused, match="coupon_used"):
        await till.commit(terminal, sale("2", member, code))
    again = await till.quote(terminal, ask.model_copy(update={"points_wanted": 0}))
    assert (again.total, again.coupons[0].reason) == (1_100, "使用済みか取り消されています")
    assert await moves(booking, code) == ["captured"]
    await verified(booking)


async def test_points_are_bounded_by_what_coupons_leave(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    await settle(booking, bought("stock", 220_000))
    code = (await given(booking, member, "three-hundred")).code
    quote = await till.quote(
        terminal,
        QuoteRequest(
            member=member, lines=sale("1", None).lines, coupons=(code,), points_wanted=9_999
        ),
    )
    assert (quote.max_usable, quote.points_used, quote.total) == (800, 800, 0)
    with pytest.raises(TillRefused, match="points_exceed_total"):
        await till.commit(terminal, sale("1", member, code, points_used=801))
    done = await till.commit(terminal, sale("1", member, code, points_used=800))
    assert (done.used, done.earned) == (800, 0)
    await verified(booking)


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("web", "coupon_not_usable"),
        ("tomorrow", "coupon_not_usable"),
        ("over", "coupon_not_usable"),
    ],
)
async def test_a_coupon_is_refused_where_and_when_it_does_not_count(
    booking: Booking, till: TillService, terminal: Terminal, member: str, kind: str, refusal: str
) -> None:
    code = (await given(booking, member, kind)).code
    with pytest.raises(TillRefused, match=refusal):
        await till.commit(terminal, sale("1", member, code))
    with pytest.raises(TillRefused, match=refusal):
        await till.hold_coupon(terminal, CouponHoldRequest(code=code, member=member))
    assert await moves(booking, code) == []


async def test_a_coupon_is_its_members_and_unknown_ones_are_refused(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    code = (await given(booking, member, "fifty")).code
    other = await enrolled(booking, "b")
    for ask, refusal in (
        (sale("1", other, code), "coupon_of_other_member"),
        (sale("1", None, code), "coupon_without_member"),
        (sale("1", "mem_none", code), "member_not_found"),
        (sale("1", member, "280000000000000000"), "coupon_not_found"),
    ):
        with pytest.raises(TillRefused, match=refusal):
            await till.commit(terminal, ask)
    assert await rows(booking, "SELECT 1 FROM orders") == []


async def test_what_is_merged_shares_its_coupons(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    code = (await given(booking, member, "fifty")).code
    other = await enrolled(booking, "b")
    await booking.committer.submit(MergeMembers(member, other, by="test"))
    assert (await till.commit(terminal, sale("1", other, code))).coupon_value == 50
    await verified(booking)


async def test_coupons_share_a_sale_only_if_each_allows_it(
    booking: Booking, till: TillService, terminal: Terminal, member: str
) -> None:
    alone = (await given(booking, member, "three-hundred")).code
    tenth = (await given(booking, member, "tenth")).code
    fifty = (await given(booking, member, "fifty")).code
    with pytest.raises(TillRefused, match="coupons_not_combinable"):
        await till.commit(terminal, sale("1", member, alone, fifty))
    ask = QuoteRequest(member=member, lines=sale("1", None).lines, coupons=(alone, fifty))
    reasons = {one.reason for one in (await till.quote(terminal, ask)).coupons}
    assert reasons == {"他のクーポンと併用できません"}
    done = await till.commit(terminal, sale("1", member, tenth, fifty))
    assert done.coupon_value == 110 + 50


class TestHolds:
    """A coupon set aside at a till."""

    async def test_only_that_till_can_use_it_until_it_is_released(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "fifty")).code
        other = Terminal("trm_2", "pos", "shibuya", "2")
        ask = CouponHoldRequest(code=code, member=member)
        held = await till.hold_coupon(terminal, ask)
        longer = await till.hold_coupon(terminal, ask.model_copy(update={"ttl_seconds": 3_600}))
        assert held.lapses_at is not None
        assert longer.lapses_at is not None
        assert longer.lapses_at > held.lapses_at
        for act in (
            till.hold_coupon(other, ask),
            till.release_coupon(other, CouponReleaseRequest(code=code)),
        ):
            with pytest.raises(TillRefused, match="coupon_held"):
                await act
        released = await till.release_coupon(terminal, CouponReleaseRequest(code=code))
        assert released.lapses_at is None
        await till.release_coupon(terminal, CouponReleaseRequest(code=code))
        assert (await till.hold_coupon(other, ask)).lapses_at is not None
        assert await moves(booking, code) == ["held", "held", "released", "held"]
        await verified(booking)

    async def test_the_tills_own_sale_uses_it_and_anothers_is_refused(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "fifty")).code
        other = Terminal("trm_2", "pos", "shibuya", "2")
        await till.hold_coupon(other, CouponHoldRequest(code=code, member=member))
        with pytest.raises(TillRefused, match="coupon_held"):
            await till.commit(terminal, sale("1", member, code))
        there = TillKey(store="shibuya", till="2", business_date=PLACED.date(), receipt_number="1")
        assert (await till.commit(other, sale("1", member, code, sale=there))).coupon_value == 50
        assert await moves(booking, code) == ["held", "captured"]
        await verified(booking)

    async def test_a_hold_whose_time_is_over_keeps_it_from_nobody(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "fifty")).code
        async with booking.database.begin() as conn:
            await conn.execute(
                text(
                    "INSERT INTO coupon_move VALUES"
                    " (:code, 1, 'held', 'pos/shibuya/2', now() - interval '1 second', NULL, NULL,"
                    " now())"
                ),
                {"code": code},
            )
        assert (await till.commit(terminal, sale("1", member, code))).coupon_value == 50
        await verified(booking)


class TestGivenBack:
    """A sale that is undone gives its coupons back; what has happened is never refused."""

    async def test_a_void_gives_the_coupon_back_for_another_sale(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "fifty")).code
        await till.commit(terminal, sale("1", member, code))
        voided = await till.commit(terminal, sale("1", member, code, revision=2, voided=True))
        assert (voided.earned, voided.coupon_value) == (0, 0)
        assert (await till.commit(terminal, sale("2", member, code))).coupon_value == 50
        assert await moves(booking, code) == ["captured", "given_back", "captured"]
        await verified(booking)

    async def test_a_sale_restated_without_it_gives_it_back(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "three-hundred")).code
        first = await till.commit(terminal, sale("1", member, code))
        second = await till.commit(terminal, sale("1", member, revision=2))
        assert (first.earned, second.earned) == (7, 10)
        assert await moves(booking, code) == ["captured", "given_back"]

    async def test_a_partial_return_keeps_it_used_and_a_whole_one_gives_it_back(
        self, booking: Booking, member: str
    ) -> None:
        code = (await given(booking, member, "three-hundred")).code
        assert await settle(booking, bought("A", 2_200, coupons=(code,))) == 17
        half = (LineItem(id="1", quantity=2, amount=2_200, tax_rate=1000, returned_amount=1_100),)
        assert await settle(booking, bought("A", tick=1, coupons=(code,), lines=half)) == 8
        assert await moves(booking, code) == ["captured"]
        refund = Refund(
            ref=ExternalRef(connection="cart", id="r1"),
            order=ExternalRef(connection="cart", id="A"),
            occurred_at=PLACED,
            whole=True,
        )
        await booking.committer.submit(BookRefund(refund, None, "alr_x"))
        assert await moves(booking, code) == ["captured", "given_back"]
        await verified(booking)

    async def test_what_has_happened_is_booked_and_a_person_is_told_once(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "three-hundred")).code
        await till.commit(terminal, sale("1", member, code))
        done = await till.commit(terminal, sale("2", member, code, occurred=True))
        assert (done.earned, done.coupon_value) == (7, 300)
        await till.commit(terminal, sale("2", member, code, occurred=True, revision=2))
        unknown = await till.commit(terminal, sale("3", member, "28", occurred=True))
        assert (unknown.earned, unknown.coupon_value) == (10, 0)
        told = await alerts(booking)
        assert sorted(told) == sorted(
            [
                f"coupon {code} was used at pos/|shibuya|1|2026-11-01|0|1 before",
                "coupon 28 is not known",
            ]
        )
        await verified(booking)

    async def test_an_offline_sale_does_not_take_what_another_till_has_set_aside(
        self, booking: Booking, till: TillService, terminal: Terminal, member: str
    ) -> None:
        code = (await given(booking, member, "fifty")).code
        other = Terminal("trm_2", "pos", "shibuya", "2")
        await till.hold_coupon(other, CouponHoldRequest(code=code, member=member))
        await till.commit(terminal, sale("1", member, code, occurred=True))
        assert await moves(booking, code) == ["held"]
        assert await alerts(booking) == [f"coupon {code} is set aside at another till"]


class TestNextVisit:
    """A campaign that gives a coupon for a sale."""

    @pytest.fixture
    async def shopper(self, booking: Booking) -> str:
        await publish(booking, campaigns=[VISIT])
        return await enrolled(booking, "a")

    async def test_a_sale_brings_one_and_its_receipt_says_so(
        self, booking: Booking, till: TillService, terminal: Terminal, shopper: str
    ) -> None:
        done = await till.commit(terminal, sale("1", shopper))
        assert [one.name for one in done.issued] == ["next-visit"]
        code = done.issued[0].code
        assert done.issued[0].usable_until == datetime(2026, 12, 1, 15, tzinfo=UTC)
        again = await till.commit(terminal, sale("1", shopper, revision=2))
        assert [one.code for one in again.issued] == [code]
        assert (await till.commit(terminal, sale("2", shopper, code))).coupon_value == 200
        await verified(booking)

    async def test_a_cancelled_order_takes_an_unused_one_back_and_a_revived_one_brings_it_again(
        self, booking: Booking, shopper: str
    ) -> None:
        await settle(booking, bought("A"))
        [[code]] = await rows(booking, "SELECT code FROM coupon")
        await settle(booking, bought("A", tick=1, state=OrderState.CANCELLED))
        await settle(booking, bought("A", tick=2))
        await settle(booking, bought("A", tick=3))
        assert await moves(booking, code) == ["taken_back", "issued_again"]
        await verified(booking)

    async def test_one_that_was_used_stays_used(
        self, booking: Booking, till: TillService, terminal: Terminal, shopper: str
    ) -> None:
        await settle(booking, bought("A"))
        [[code]] = await rows(booking, "SELECT code FROM coupon")
        small = (LineItem(id="1", quantity=1, amount=900, tax_rate=1000),)
        await till.commit(terminal, sale("1", shopper, code, lines=small))
        await settle(booking, bought("A", tick=1, state=OrderState.CANCELLED))
        assert await moves(booking, code) == ["captured"]

    async def test_an_order_that_moves_to_another_member_takes_its_coupon_along(
        self, booking: Booking, shopper: str
    ) -> None:
        other = await enrolled(booking, "b")
        await settle(booking, bought("A"))
        moved = bought("A", tick=1, customer=ExternalRef(connection="cart", id="b"))
        await settle(booking, moved)
        found = await rows(
            booking,
            "SELECT c.member_id, m.what FROM coupon c LEFT JOIN coupon_move m USING (code)",
        )
        assert {tuple(row) for row in found} == {(shopper, "taken_back"), (other, None)}
        await verified(booking)

    async def test_an_order_that_waited_for_its_member_brings_it_when_linked(
        self, booking: Booking, shopper: str
    ) -> None:
        await settle(booking, bought("G", customer=None))
        assert await rows(booking, "SELECT 1 FROM coupon") == []
        await booking.committer.submit(LinkOrder(("cart", "G"), shopper, "alr_1"))
        assert len(await rows(booking, "SELECT 1 FROM coupon")) == 1
        await verified(booking)

    async def test_a_budget_counts_coupons_and_holds_when_all_come_at_once(
        self, booking: Booking, shopper: str
    ) -> None:
        await publish(booking, 3, campaigns=[VISIT | {"budget": 7, "per_member": 2}])
        for id in "bcdef":
            await enrolled(booking, id)
        orders = [
            bought(f"{who}{n}", customer=ExternalRef(connection="cart", id=who))
            for n in range(4)
            for who in "abcdef"
        ]
        await asyncio.gather(*(settle(booking, one) for one in orders))
        found = await rows(booking, "SELECT count(*) FROM coupon GROUP BY member_id")
        assert sum(row[0] for row in found) == 7
        assert max(row[0] for row in found) <= 2
        await verified(booking)


async def test_a_program_without_coupons_asks_the_database_nothing_about_them(
    booking: Booking, till: TillService, terminal: Terminal, owner_engine: AsyncEngine
) -> None:
    async with owner_engine.begin() as conn:
        await conn.execute(text("DROP TABLE coupon_move, coupon"))
    member = await enrolled(booking, "a")
    assert await settle(booking, bought("A")) == 10
    assert (await till.commit(terminal, sale("1", member))).earned == 10
    assert await settle(booking, bought("A", tick=1, state=OrderState.CANCELLED)) == 0


async def test_a_back_test_gives_what_a_sale_with_a_coupon_earned(
    booking: Booking, member: str
) -> None:
    code = (await given(booking, member, "three-hundred")).code
    assert await settle(booking, bought("A", 11_000, coupons=(code,))) == 97
    rules = await newest(booking.database, "default")
    found = await back_test(booking.database, rules, PLACED)
    assert (found.orders, found.booked, found.draft) == (1, 97, 97)


async def test_what_counts_for_tiers_is_what_a_sale_came_to_after_its_coupons(
    booking: Booking, member: str
) -> None:
    code = (await given(booking, member, "three-hundred")).code
    await settle(booking, bought("A", 11_000, coupons=(code,)))
    assert await rows(booking, "SELECT spent FROM orders") == [(10_700,)]


async def test_a_coupon_sees_the_tier_its_sale_is_judged_by(
    booking: Booking, member: str, till: TillService, terminal: Terminal
) -> None:
    await publish(
        booking,
        3,
        coupons=[*COUPONS, {"name": "gold", "yen": 100, "lines": "member.tier == 'gold'"}],
        tiers={"levels": [{"name": "gold", "at_least": 10_000}]},
    )
    code = (await given(booking, member, "gold")).code
    await settle(booking, bought("A", 11_000, placed_at=PLACED - timedelta(days=1)))
    ask = QuoteRequest(member=member, lines=sale("1", member).lines, coupons=(code,))
    assert (await till.quote(terminal, ask)).coupons[0].value == 100
    done = await till.commit(terminal, sale("1", member, code))
    assert (done.coupon_value, done.earned) == (100, 9)
    await verified(booking)
