"""After the sale, as a register sees it: void, refund, attach, extend, and asking again."""

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member
from renkei_contracts.order import LineItem, Order, OrderState, TillKey

SALES = "/pos/v1/transactions"
HOLDS = "/pos/v1/holds"
RESOLVE = "/pos/v1/members:resolve"
DAY = "2026-11-26"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def key(receipt: str, till: str = "1") -> dict[str, Any]:
    return {"store": "shibuya", "till": till, "business_date": DAY, "receipt_number": receipt}


def void(receipt: str, **more: Any) -> dict[str, Any]:
    at = {"voided_at": f"{DAY}T11:00:00+09:00", "business_date": DAY}
    return {"sale": key(receipt)} | at | more


def refund(receipt: str, of: str, yen: int, till: str = "1", **more: Any) -> dict[str, Any]:
    lines = [{"id": "1", "quantity": 0, "amount": yen}]
    said = {"receipt": key(receipt, till), "sale": key(of), "lines": lines}
    return said | {"refunded_at": f"{DAY}T12:00:00+09:00"} | more


async def stands(register: Any, receipt: str) -> dict[str, Any]:
    query = f"store=shibuya&till=1&business_date={DAY}&receipt_number={receipt}"
    answer = await register.get(SALES, query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def spendable(register: Any, card: str) -> int:
    answer = await register.post(RESOLVE, {"value": card})
    return int(answer.json()["spendable"])


def polled(yen: int, number: str = "1001") -> Order:
    """The sale as the register's vendor has it."""
    at = datetime(2026, 11, 26, 1, tzinfo=UTC)
    return Order(
        ref=ExternalRef(connection="pos", id=f"v{number}"),
        changed_at=at,
        placed_at=at,
        state=OrderState.FULFILLED,
        lines=(LineItem(id="1", quantity=1, amount=yen, tax_rate=1000),),
        till=TillKey.model_validate(key(number) | {"business_date": date(2026, 11, 26)}),
    )


@pytest.fixture
async def newcomer(hub: Any) -> str:
    """Another member, without points."""
    ref = ExternalRef(connection="signing", id="c2")
    seen = Member(ref=ref, changed_at=datetime(2026, 1, 1, tzinfo=UTC))
    member: str = (await hub.booking.enrol(seen)).member
    return member


class TestVoid:
    """A sale is undone on its day."""

    async def test_a_voided_sale_is_as_if_it_had_not_been(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        ask = new_sale("1001", regular.id, yen=11_000, points_used=200)
        booked = (await register.post(SALES, ask)).json()
        assert booked["rates"][0]["total"] == 10_800
        assert "10%対象(税込)           10,800円" in booked["receipt"]
        answer = (await register.post(f"{SALES}:void", void("1001"))).json()
        assert answer["receipt"][1] == "返却ポイント                200P"
        assert (answer["outcome"], answer["points_returned"]) == ("booked", 200)
        assert (answer["earned"], answer["used"], answer["spendable"]) == (0, 0, 500)
        assert (await stands(register, "1001"))["voided"] is True

    async def test_a_void_told_again_at_another_moment_is_the_same_void(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id))
        first = (await register.post(f"{SALES}:void", void("1001"))).json()
        later = void("1001", voided_at=f"{DAY}T11:05:00+09:00")
        assert (await register.post(f"{SALES}:void", later)).json() == first

    async def test_a_void_that_comes_before_its_sale_waits_for_it(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        parked = (await register.post(f"{SALES}:void", void("1001"))).json()
        assert parked["outcome"] == "parked"
        booked = (await register.post(SALES, new_sale("1001", regular.id, yen=11_000))).json()
        assert (booked["earned"], booked["spendable"]) == (0, 500)

    async def test_a_void_of_a_sale_that_was_restated_as_voided_gives_nothing_back(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        for revision, voided in ((1, False), (2, True)):
            sale = new_sale("1001", regular.id, points_used=200, revision=revision, voided=voided)
            await register.post(SALES, sale)
        answer = (await register.post(f"{SALES}:void", void("1001"))).json()
        assert (answer["points_returned"], answer["spendable"]) == (0, 500)

    async def test_on_another_day_it_is_a_return_unless_it_has_happened(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id))
        late = void("1001", business_date="2026-11-27")
        assert refusal(await register.post(f"{SALES}:void", late)) == (409, "void_on_other_day")
        done = await register.post(f"{SALES}:void", late | {"occurred": True})
        assert done.json()["outcome"] == "booked"

    async def test_another_till_cannot_void_it(
        self, register: Any, add_terminal: Any, client: httpx.AsyncClient
    ) -> None:
        other = type(register)(client, await add_terminal("2"))
        answer = await other.post(f"{SALES}:void", void("1001"))
        assert refusal(answer) == (403, "sale_of_other_till")


class TestRefund:
    """Goods come back in parts."""

    async def test_points_go_back_in_proportion_and_the_parts_add_up(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000, points_used=100))
        back = []
        for receipt, yen in (("2001", 3_667), ("2002", 3_667), ("2003", 3_666)):
            answer = await register.post(f"{SALES}:refund", refund(receipt, "1001", yen))
            back.append(answer.json())
        assert [one["points_returned"] for one in back] == [33, 33, 34]
        assert (back[-1]["earned"], back[-1]["used"], back[-1]["spendable"]) == (0, 0, 500)

    async def test_another_till_takes_them_back_before_the_sale_has_come(
        self,
        register: Any,
        regular: Any,
        new_sale: Any,
        add_terminal: Any,
        client: httpx.AsyncClient,
    ) -> None:
        other = type(register)(client, await add_terminal("2"))
        ask = refund("9001", "1001", 5_500, till="2")
        parked = (await other.post(f"{SALES}:refund", ask)).json()
        assert parked["outcome"] == "parked"
        assert len(parked["receipt"]) == 2
        booked = (await register.post(SALES, new_sale("1001", regular.id, yen=11_000))).json()
        assert (booked["earned"], booked["spendable"]) == (50, 550)
        assert (await stands(register, "1001"))["lines"][0]["returned_amount"] == 5_500

    async def test_the_same_refund_is_answered_the_same_and_another_is_refused(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        ask = refund("2001", "1001", 1_100)
        first, again = [(await register.post(f"{SALES}:refund", ask)).json() for _ in range(2)]
        assert first == again
        changed = refund("2001", "1001", 2_200)
        assert refusal(await register.post(f"{SALES}:refund", changed)) == (409, "key_reused")

    async def test_more_than_was_sold_is_refused(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=1_100))
        answer = await register.post(f"{SALES}:refund", refund("2001", "1001", 1_101))
        assert refusal(answer) == (422, "refund_exceeds_sale")

    @pytest.fixture
    def alerts(self, hub: Any) -> Any:
        """The kinds of the alerts that were raised."""

        async def read() -> list[str]:
            async with hub.database.begin() as conn:
                return list((await conn.execute(text("SELECT kind FROM alert"))).scalars().all())

        return read

    async def test_a_person_is_told_where_more_came_back_before_a_sale_than_it_is(
        self, register: Any, regular: Any, new_sale: Any, alerts: Any
    ) -> None:
        await register.post(f"{SALES}:refund", refund("2001", "1001", 1_100))
        await register.post(SALES, new_sale("1001", regular.id, yen=1_100))
        assert await alerts() == []
        await register.post(f"{SALES}:refund", refund("2002", "1002", 1_101))
        await register.post(SALES, new_sale("1002", regular.id, yen=1_100))
        assert await alerts() == ["refund_exceeds"]

    async def test_a_person_is_told_where_a_restated_sale_has_not_what_came_back_of_it(
        self, register: Any, regular: Any, new_sale: Any, alerts: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        await register.post(f"{SALES}:refund", refund("2001", "1001", 11_000))
        other = [{"id": "A", "quantity": 1, "amount": 11_000, "tax_rate": 1000}]
        await register.post(SALES, new_sale("1001", regular.id, revision=2, lines=other))
        assert await alerts() == ["refund_exceeds"]

    async def test_goods_of_a_voided_sale_do_not_come_back_once_more(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=1_100))
        await register.post(f"{SALES}:void", void("1001"))
        answer = await register.post(f"{SALES}:refund", refund("2001", "1001", 1_100))
        assert refusal(answer) == (422, "refund_exceeds_sale")
        back = [{"sale": key("1001"), "lines": [{"id": "1", "amount": 1_100}]}]
        swap = new_sale("1002", regular.id, returns=back)
        assert refusal(await register.post(SALES, swap)) == (422, "refund_exceeds_sale")

    async def test_pieces_of_one_line_that_are_named_apart_come_back_together(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000, points_used=100))
        pieces = [{"id": "1", "quantity": 0, "amount": 3_300}] * 2
        ask = refund("2001", "1001", 0, lines=pieces)
        back = (await register.post(f"{SALES}:refund", ask)).json()
        assert (back["points_returned"], back["earned"]) == (60, 39)
        more = refund("2002", "1001", 0, lines=pieces)
        assert refusal(await register.post(f"{SALES}:refund", more)) == (422, "refund_exceeds_sale")

    async def test_points_spent_meanwhile_become_debt_and_the_refund_is_not_refused(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=110_000))
        await register.post(SALES, new_sale("1002", regular.id, yen=1_500, points_used=1_500))
        answer = (await register.post(f"{SALES}:refund", refund("2001", "1001", 110_000))).json()
        assert (answer["earned_back"], answer["debt"], answer["spendable"]) == (1_000, 1_000, 0)


class TestPolledSale:
    """A vendor tells the same sale under a name of its own."""

    @pytest.mark.parametrize("refund_first", [True, False])
    async def test_a_refund_counts_under_whatever_name_the_sale_comes(
        self, register: Any, regular: Any, hub: Any, refund_first: bool
    ) -> None:
        await hub.booking.settle(polled(9_000, number="1002"), read_at=None, delivery_key=None)
        order = polled(11_000)
        ask = refund("2001", "1001", 5_500)
        if refund_first:
            told = await register.post(f"{SALES}:refund", ask)
            assert told.json()["outcome"] == "parked"
        await hub.booking.settle(order, read_at=None, delivery_key=None, member=regular.id)
        if not refund_first:
            told = await register.post(f"{SALES}:refund", ask)
            assert (told.json()["outcome"], told.json()["earned_back"]) == ("booked", 50)
        assert await spendable(register, regular.card) == 550
        found = await stands(register, "1001")
        assert (found["revision"], found["earned"], len(found["refunds"])) == (0, 50, 1)

    async def test_who_is_attached_later_gets_points_for_what_is_still_sold(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", None, yen=11_000))
        await register.post(f"{SALES}:refund", refund("2001", "1001", 5_500))
        ask = {"sale": key("1001"), "member": regular.id}
        assert (await register.post(f"{SALES}:attach", ask)).json()["earned"] == 50


class TestAttach:
    """The card is shown after the sale."""

    async def test_a_sale_without_a_member_earns_when_the_card_is_shown_later(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", None, yen=11_000))
        ask = {"sale": key("1001"), "member": regular.id}
        for _ in range(2):
            found = (await register.post(f"{SALES}:attach", ask)).json()
            assert (found["member"], found["earned"]) == (regular.id, 100)
        assert await spendable(register, regular.card) == 600

    async def test_a_sale_that_has_not_come_cannot_be_attached(
        self, register: Any, regular: Any
    ) -> None:
        ask = {"sale": key("404"), "member": regular.id}
        assert refusal(await register.post(f"{SALES}:attach", ask)) == (404, "sale_not_found")

    async def test_nobody_takes_over_another_members_sale(
        self, register: Any, regular: Any, new_sale: Any, newcomer: str
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id))
        answer = await register.post(f"{SALES}:attach", {"sale": key("1001"), "member": newcomer})
        assert refusal(answer) == (409, "sale_of_other_member")


class TestExtend:
    """A hold lasts longer."""

    async def test_an_extended_hold_ends_later_and_never_earlier(
        self, register: Any, regular: Any
    ) -> None:
        ask = {"key": "h1", "member": regular.id, "points": 300, "ttl_seconds": 60}
        held = (await register.post(HOLDS, ask)).json()
        path = f"{HOLDS}/{held['hold']}:extend"
        longer = (await register.post(path, {"ttl_seconds": 900})).json()
        assert longer["lapses_at"] > held["lapses_at"]
        assert (longer["points"], longer["spendable"]) == (300, 200)
        shorter = (await register.post(path, {"ttl_seconds": 10})).json()
        assert shorter["lapses_at"] == longer["lapses_at"]

    async def test_a_released_hold_cannot_be_extended(self, register: Any, regular: Any) -> None:
        ask = {"key": "h1", "member": regular.id, "points": 1}
        held = (await register.post(HOLDS, ask)).json()
        await register.post(f"{HOLDS}/{held['hold']}:release")
        answer = await register.post(f"{HOLDS}/{held['hold']}:extend", {})
        assert refusal(answer) == (409, "hold_ended")


@pytest.mark.parametrize("path", [SALES, f"{SALES}:void", f"{SALES}:refund", f"{SALES}:attach"])
async def test_a_natural_key_too_long_to_name_a_sale_is_a_fault_of_the_request(
    register: Any, regular: Any, new_sale: Any, path: str
) -> None:
    long = key("9" * 200)
    asks = {
        SALES: new_sale("9" * 200, regular.id),
        f"{SALES}:void": void("1") | {"sale": long},
        f"{SALES}:refund": refund("1", "2", 1) | {"sale": long},
        f"{SALES}:attach": {"sale": long, "member": regular.id},
    }
    assert refusal(await register.post(path, asks[path])) == (422, "request_invalid")


async def test_the_name_of_no_sale_is_not_found(register: Any) -> None:
    query = f"store=shibuya&till=1&business_date={DAY}&receipt_number={'9' * 200}"
    assert refusal(await register.get(SALES, query)) == (404, "sale_not_found")


async def test_a_sale_that_never_came_is_not_found(register: Any) -> None:
    query = f"store=shibuya&till=1&business_date={DAY}&receipt_number=1"
    assert refusal(await register.get(SALES, query)) == (404, "sale_not_found")


async def test_a_sale_says_its_newest_revision(register: Any, regular: Any, new_sale: Any) -> None:
    await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
    await register.post(SALES, new_sale("1001", regular.id, yen=5_500, revision=3))
    found = await stands(register, "1001")
    assert (found["revision"], found["earned"], found["member"]) == (3, 50, regular.id)
