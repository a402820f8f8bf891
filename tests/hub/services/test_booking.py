"""From what channels say to what the ledger books, on a real database."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from renkei.errors import TillRefused, UnknownMember
from renkei.ledger.verify import verify
from renkei.services.booking import Booking
from renkei.services.members.enrol import Enrol
from renkei.services.members.members import balance, explain, find_member, list_members
from renkei.services.till.till import TillService
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind, Member
from renkei_contracts.order import LineItem, Order, OrderState
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest, ResolveMember

PLACED = datetime(2026, 11, 1, 3, tzinfo=UTC)


def customer(id: str = "c1", email: str = "hanako@example.jp", **more: Any) -> Member:
    verified = Identity(kind=IdentityKind.EMAIL, value=email, grade=Grade.VERIFIED)
    fields = {"family_name": "山田", "given_name": "花子", "identities": (verified,)} | more
    return Member(
        ref=ExternalRef(connection=more.pop("connection", "cart"), id=id),
        changed_at=PLACED,
        **{name: value for name, value in fields.items() if name != "connection"},
    )


def order(id: str = "o1", *, yen: int = 11_000, tick: int = 0, **more: Any) -> Order:
    line = LineItem(id="1", quantity=1, amount=yen, tax_rate=1000)
    fields: dict[str, Any] = {
        "ref": ExternalRef(connection="cart", id=id),
        "changed_at": PLACED + timedelta(seconds=tick),
        "placed_at": PLACED,
        "state": OrderState.PAID,
        "customer": ExternalRef(connection="cart", id="c1"),
        "lines": (line,),
    }
    return Order(**(fields | more))


async def settle(booking: Booking, seen: Order) -> str:
    return (await booking.settle(seen, read_at=None, delivery_key=None)).outcome


async def spendable(booking: Booking, member: str) -> int:
    return (await balance(booking, member)).spendable


async def assert_books_hold(booking: Booking) -> None:
    async with booking.database.begin() as conn:
        report = await verify(conn)
    assert report.findings == ()


async def test_an_order_earns_once_however_often_and_in_whatever_order_it_comes(
    booking: Booking,
) -> None:
    member = (await booking.enrol(customer())).member
    placed, paid = order(state=OrderState.PLACED), order(tick=1)
    outcomes = [await settle(booking, seen) for seen in (paid, placed, paid, placed)]
    assert outcomes == ["settled", "older", "unchanged", "older"]
    assert await spendable(booking, member) == 100
    await assert_books_hold(booking)


class Counted(tuple[Any, ...]):
    """Says how often somebody went through it."""

    def __iter__(self) -> Iterator[Any]:
        times[len(self)] += 1
        return super().__iter__()


times: Counter[int] = Counter()


async def test_a_customer_of_many_identities_costs_no_more_for_each(booking: Booking) -> None:
    for many in (3, 30):
        mails = (Identity(kind=IdentityKind.EMAIL, value=f"{n}@{many}.jp") for n in range(many))
        identities = Counted(booking.keyed(tuple(mails)))
        seen = customer(f"c{many}")
        await booking.committer.submit(Enrol(seen, identities, f"mem_{many}", many, booking.ring))
    assert times[3] == times[30] > 0


async def test_a_hundred_copies_at_once_earn_once(booking: Booking) -> None:
    member = (await booking.enrol(customer())).member
    await asyncio.gather(*(settle(booking, order()) for _ in range(100)))
    assert await spendable(booking, member) == 100
    await assert_books_hold(booking)


async def test_equal_vendor_clock_with_other_content_asks_for_a_read_and_the_read_wins(
    booking: Booking,
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    other = order(yen=22_000)
    assert await settle(booking, other) == "reread"
    answer = await booking.settle(other, read_at=datetime.now(UTC), delivery_key=None)
    assert (answer.outcome, answer.earned) == ("settled", 200)
    assert await spendable(booking, member) == 200


async def test_an_order_of_an_unknown_customer_settles_when_they_are_enrolled(
    booking: Booking,
) -> None:
    assert await settle(booking, order()) == "unlinked"
    member = (await booking.enrol(customer())).member
    assert await spendable(booking, member) == 100
    await assert_books_hold(booking)


async def test_an_order_placed_before_the_connection_settles_is_history(booking: Booking) -> None:
    member = (await booking.enrol(customer())).member
    early = datetime(2025, 12, 31, tzinfo=UTC)
    assert await settle(booking, order(placed_at=early)) == "history"
    assert await spendable(booking, member) == 0


async def test_when_an_order_moves_to_another_member_its_points_move_along(
    booking: Booking,
) -> None:
    first = (await booking.enrol(customer())).member
    second = (await booking.enrol(customer("c2", "taro@example.jp"))).member
    await settle(booking, order())
    await settle(booking, order(tick=1, customer=ExternalRef(connection="cart", id="c2")))
    assert (await spendable(booking, first), await spendable(booking, second)) == (0, 100)
    await assert_books_hold(booking)


async def test_a_verified_address_makes_two_channels_one_member(booking: Booking) -> None:
    first = await booking.enrol(customer())
    again = await booking.enrol(customer("s9", "HANAKO@example.jp", connection="shop"))
    assert (again.member, again.created) == (first.member, False)


async def test_an_asserted_address_links_nobody(booking: Booking) -> None:
    first = await booking.enrol(customer())
    claimed = Identity(kind=IdentityKind.EMAIL, value="hanako@example.jp")
    other = await booking.enrol(customer("s9", connection="shop", identities=(claimed,)))
    assert other.created
    assert other.member != first.member


async def test_a_phone_that_a_family_shares_is_kept_once_for_each_however_often_it_is_seen(
    booking: Booking,
) -> None:
    phone = Identity(kind=IdentityKind.PHONE, value="075-000-0000")
    family = [customer(id, identities=(own(id), phone)) for id in ("c1", "c2", "c3")]
    for _ in range(3):
        answers = await asyncio.gather(*(booking.enrol(one) for one in family))
        assert len({answer.member for answer in answers}) == 3
    async with booking.database.begin() as conn:
        kept = await conn.execute(text("SELECT member_id FROM identity WHERE kind = 'phone'"))
        assert sorted(kept.scalars()) == sorted(answer.member for answer in answers)


def own(id: str) -> Identity:
    """What the cart knows its customer by."""
    kind = IdentityKind.VENDOR_CUSTOMER
    return Identity(kind=kind, scope="cart", value=id, grade=Grade.STRONG)


async def test_two_channels_that_see_one_person_at_the_same_moment_make_one_member(
    booking: Booking,
) -> None:
    seen = [customer(), customer("s9", connection="shop")]
    answers = await asyncio.gather(*(booking.enrol(one) for one in seen))
    assert len({answer.member for answer in answers}) == 1
    assert len(await list_members(booking)) == 1


async def test_proofs_that_name_two_members_raise_one_alert_however_often_they_are_seen(
    booking: Booking,
) -> None:
    card = Identity(kind=IdentityKind.CARD, value="777", grade=Grade.VERIFIED)
    email = Identity(kind=IdentityKind.EMAIL, value="hanako@example.jp", grade=Grade.VERIFIED)
    await booking.enrol(customer())
    await booking.enrol(customer("s9", connection="shop", identities=(card,)))
    for _ in range(3):
        await booking.enrol(customer("c3", identities=(card, email)))
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == ["perhaps_one_person"]


async def card_of(booking: Booking, till: TillService, terminal: Terminal) -> str:
    ask = ResolveMember(scheme="email", value="hanako@example.jp")
    return (await till.resolve(terminal, ask)).card


async def test_the_till_finds_the_member_by_the_card_and_shows_a_masked_name(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    card = await card_of(booking, till, terminal)
    full_width = card.translate({48 + n: 0xFF10 + n for n in range(10)})
    answer = await till.resolve(terminal, ResolveMember(value=full_width))
    assert (answer.member, answer.spendable, answer.masked_name) == (member, 100, "山＊ 花＊")
    assert await find_member(booking, card) == member


async def test_an_unknown_card_is_refused_with_words_for_the_cashier(
    till: TillService, terminal: Terminal
) -> None:
    with pytest.raises(TillRefused) as refusal:
        await till.resolve(terminal, ResolveMember(value="2999999999999"))
    assert refusal.value.problem.code == "member_not_found"


def sale(number: str, member: str | None, **more: Any) -> CommitRequest:
    fields: dict[str, Any] = {
        "sale": {
            "store": "shibuya",
            "till": "1",
            "business_date": "2026-11-01",
            "receipt_number": number,
        },
        "sold_at": PLACED + timedelta(hours=1),
        "member": member,
        "lines": [{"id": "1", "quantity": 1, "amount": 1_100, "tax_rate": 1000}],
    }
    return CommitRequest.model_validate(fields | more)


async def test_a_sale_pays_with_its_hold_and_earns_on_the_rest(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=80))
    assert hold.spendable == 20
    answer = await till.commit(terminal, sale("7", member, hold=hold.hold, points_used=50))
    assert (answer.used, answer.earned, answer.spendable) == (50, 9, 59)
    await assert_books_hold(booking)


async def test_committing_again_gives_the_first_answer_and_other_content_is_refused(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    first = await till.commit(terminal, sale("7", member))
    assert await till.commit(terminal, sale("7", member)) == first
    with pytest.raises(TillRefused) as refusal:
        await till.commit(terminal, sale("7", member, points_used=1))
    assert refusal.value.problem.code == "key_reused"
    assert await spendable(booking, member) == 10


async def test_a_higher_revision_restates_the_sale_and_a_void_undoes_it(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await till.commit(terminal, sale("7", member))
    answer = await till.commit(terminal, sale("7", member, revision=2, voided=True))
    assert (answer.earned, answer.spendable) == (0, 0)
    await assert_books_hold(booking)


async def test_a_request_beyond_the_balance_is_refused_but_a_fact_becomes_debt_with_an_alert(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    with pytest.raises(TillRefused) as refusal:
        await till.commit(terminal, sale("7", member, points_used=50))
    assert refusal.value.problem.code == "insufficient_points"
    await till.commit(terminal, sale("7", member, points_used=50, occurred=True))
    assert (await balance(booking, member)).debt == -41
    async with booking.database.begin() as conn:
        kinds = (await conn.execute(text("SELECT kind FROM alert"))).scalars().all()
    assert kinds == ["overdraft"]
    await assert_books_hold(booking)


async def test_two_holds_cannot_share_the_same_points(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    asks = [HoldRequest(key=f"h{n}", member=member, points=30) for n in range(10)]
    outcomes = await asyncio.gather(
        *(till.hold(terminal, ask) for ask in asks), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 3
    await assert_books_hold(booking)


async def test_a_released_hold_gives_its_points_back_and_again_is_the_same_as_once(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=80))
    answers = [await till.release(terminal, hold.hold) for _ in range(2)]
    assert [answer.spendable for answer in answers] == [100, 100]
    await assert_books_hold(booking)


async def test_a_hold_is_ended_by_the_channel_that_placed_it_and_by_no_other(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=80))
    stranger = Terminal("trm_9", "shop", "shibuya", "1")
    with pytest.raises(TillRefused, match="hold_not_found"):
        await till.release(stranger, hold.hold)
    with pytest.raises(TillRefused, match="hold_not_found"):
        await till.commit(stranger, sale("7", member, hold=hold.hold, points_used=50))
    assert await spendable(booking, member) == 20


async def test_a_hold_pays_for_one_sale_however_many_name_it(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=30))
    asks = [sale(str(n), member, hold=hold.hold, points_used=30) for n in range(5)]
    outcomes = await asyncio.gather(
        *(till.commit(terminal, ask) for ask in asks), return_exceptions=True
    )
    refusals = [one for one in outcomes if isinstance(one, TillRefused)]
    assert [one.problem.code for one in refusals] == ["hold_used"] * 4
    paid = next(ask for ask, one in zip(asks, outcomes, strict=True) if one not in refusals)
    restated = paid.model_copy(update={"revision": 2, "points_used": 20})
    assert (await till.commit(terminal, restated)).used == 20
    await assert_books_hold(booking)


async def test_a_receipt_that_is_printed_is_booked_whatever_became_of_its_hold(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=30))
    await till.release(terminal, hold.hold)
    with pytest.raises(TillRefused, match="hold_not_found"):
        await till.commit(terminal, sale("7", member, hold=hold.hold, points_used=30))
    fact = sale("7", member, hold=hold.hold, points_used=30, occurred=True)
    assert (await till.commit(terminal, fact)).used == 30


@pytest.mark.parametrize("version", [0, 7, 10**17])
async def test_a_hold_that_never_was_is_not_found(
    booking: Booking, till: TillService, terminal: Terminal, version: int
) -> None:
    member = (await booking.enrol(customer())).member
    with pytest.raises(TillRefused, match="hold_not_found"):
        await till.release(terminal, f"hld_{member.removeprefix('mem_')}_{version}")


async def test_a_restatement_without_the_member_still_says_whose_points_it_stands_for(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await till.commit(terminal, sale("7", member))
    answer = await till.commit(terminal, sale("7", None, revision=2))
    assert (answer.member, answer.earned, answer.spendable) == (member, 10, 10)


@pytest.mark.parametrize("name", ["", "\udcff", "7" * 201])
async def test_what_is_no_card_names_nobody(booking: Booking, name: str) -> None:
    with pytest.raises(UnknownMember):
        await find_member(booking, name)


async def test_a_quote_says_what_is_earned_and_what_may_be_used(
    booking: Booking, till: TillService, terminal: Terminal
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    line = LineItem(id="1", quantity=1, amount=1_100, tax_rate=1000)
    ask = QuoteRequest(member=member, lines=(line,), points_wanted=500)
    answer = await till.quote(terminal, ask)
    assert (answer.max_usable, answer.points_used, answer.earns, answer.total) == (
        100,
        100,
        9,
        1000,
    )


async def test_the_same_sale_from_till_and_vendor_is_counted_once(
    booking: Booking, till: TillService
) -> None:
    member = (await booking.enrol(customer())).member
    terminal = Terminal("trm_1", "shop", "shibuya", "1")
    ask = sale("7", member)
    await till.commit(terminal, ask)
    polled = order(
        "pos-99", ref=ExternalRef(connection="shop", id="pos-99"), till=ask.sale, customer=None
    )
    assert await settle(booking, polled) == "alias"
    assert await spendable(booking, member) == 10
    await assert_books_hold(booking)


async def test_a_sale_that_a_poll_saw_before_its_commit_is_counted_at_the_commit(
    booking: Booking, till: TillService
) -> None:
    member = (await booking.enrol(customer())).member
    await settle(booking, order())
    terminal = Terminal("trm_1", "shop", "shibuya", "1")
    hold = await till.hold(terminal, HoldRequest(key="h1", member=member, points=50))
    ask = sale("7", member, hold=hold.hold, points_used=50)
    polled = order(
        "pos-99", ref=ExternalRef(connection="shop", id="pos-99"), till=ask.sale, customer=None
    )
    assert await settle(booking, polled) == "unlinked"
    answer = await till.commit(terminal, ask)
    assert (answer.used, answer.earned, answer.spendable) == (50, 9, 59)
    later = polled.model_copy(update={"changed_at": PLACED + timedelta(seconds=9)})
    assert await settle(booking, later) == "alias"
    voided = await till.commit(terminal, sale("7", member, revision=2, voided=True))
    assert (voided.used, voided.earned, voided.spendable) == (0, 0, 100)
    await assert_books_hold(booking)


async def test_the_statement_explains_every_point(booking: Booking) -> None:
    member = (await booking.enrol(customer())).member
    await booking.settle(order(), read_at=None, delivery_key="dlv_1")
    returned = LineItem(
        id="1", quantity=1, amount=11_000, tax_rate=1000, returned_quantity=0, returned_amount=5_500
    )
    await settle(booking, order(tick=5, lines=(returned,)))
    lines = await explain(booking, member)
    assert [(line.rule, line.before, line.after) for line in lines] == [
        ("earn", 0, 100),
        ("refund.clawback", 100, 50),
    ]
    assert (lines[0].order, lines[0].delivery) == ("cart/o1", "dlv_1")
    assert lines[0].reasons == ("1 per ¥100 on ¥10,000 net of tax: 100",)


async def test_names_and_addresses_are_not_readable_in_the_database(
    booking: Booking, owner_engine: Any
) -> None:
    await booking.enrol(customer())
    async with owner_engine.connect() as conn:
        for table in ("identity", "member_profile", "member_key", "member"):
            rows = (await conn.execute(text(f"SELECT t::text FROM {table} t"))).scalars().all()
            assert rows
            spelled = "".join(rows)
            assert "hanako" not in spelled
            assert b"hanako".hex() not in spelled
            assert "花子".encode().hex() not in spelled


async def test_when_an_order_that_captured_a_hold_moves_the_points_go_back_and_the_other_pays(
    booking: Booking, till: TillService
) -> None:
    first = (await booking.enrol(customer())).member
    second = (await booking.enrol(customer("c2", "taro@example.jp"))).member
    await settle(booking, order())
    await settle(booking, order("o2", yen=55_000, customer=ExternalRef(connection="cart", id="c2")))
    site = Terminal("trm_site", "cart", "", "site")
    hold = await till.hold(site, HoldRequest(key="h1", member=first, points=80))
    paid: dict[str, Any] = {"points_used": 80, "points_value": 80, "hold_codes": (hold.hold,)}
    await settle(booking, order("o3", **paid))
    assert (await spendable(booking, first), await spendable(booking, second)) == (119, 500)
    moved = order("o3", tick=1, customer=ExternalRef(connection="cart", id="c2"), **paid)
    for outcome in ("settled", "unchanged"):
        assert await settle(booking, moved) == outcome
        assert (await spendable(booking, first), await spendable(booking, second)) == (100, 519)
    await assert_books_hold(booking)


async def test_who_an_order_moves_to_and_has_no_points_owes_them_and_a_person_is_told_of_the_order(
    booking: Booking, till: TillService
) -> None:
    first = (await booking.enrol(customer())).member
    second = (await booking.enrol(customer("c2", "taro@example.jp"))).member
    await settle(booking, order())
    site = Terminal("trm_site", "cart", "", "site")
    hold = await till.hold(site, HoldRequest(key="h1", member=first, points=80))
    paid: dict[str, Any] = {"points_used": 80, "points_value": 80, "hold_codes": (hold.hold,)}
    await settle(booking, order("o2", yen=1_100, **paid))
    taro = ExternalRef(connection="cart", id="c2")
    await settle(booking, order("o2", yen=1_100, tick=1, customer=taro, **paid))
    assert (await spendable(booking, first), (await balance(booking, second)).debt) == (100, -71)
    async with booking.database.begin() as conn:
        alerts = (await conn.execute(text("SELECT kind, member_id, order_ref FROM alert"))).all()
    assert [tuple(one) for one in alerts] == [("overdraft", second, "o2")]
    await assert_books_hold(booking)
