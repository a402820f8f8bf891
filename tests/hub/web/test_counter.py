"""At the counter: swaps, printed points, lost receipts, overrides, training, own keys."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from renkei.services.till.till_refunds import told_sale

SALES = "/pos/v1/transactions"
HOLDS = "/pos/v1/holds"
OVERRIDES = "/pos/v1/adjustments"
RESOLVE = "/pos/v1/members:resolve"
DAY = "2026-11-26"


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def key(receipt: str) -> dict[str, Any]:
    return {"store": "shibuya", "till": "1", "business_date": DAY, "receipt_number": receipt}


async def spendable(register: Any, card: str) -> int:
    return int((await register.post(RESOLVE, {"value": card})).json()["spendable"])


class TestSwap:
    """A return and a purchase on one receipt."""

    async def test_both_are_booked_and_the_receipt_sent_again_books_nothing(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000, points_used=100))
        back = {"sale": key("1001"), "lines": [{"id": "1", "quantity": 1, "amount": 11_000}]}
        ask = new_sale("1002", regular.id, yen=22_000, returns=[back])
        first, again = [(await register.post(SALES, ask)).json() for _ in range(2)]
        assert first == again
        assert (first["earned"], first["spendable"]) == (200, 700)

    async def test_points_that_come_back_can_pay_on_the_same_receipt(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=500, points_used=500))
        back = {"sale": key("1001"), "lines": [{"id": "1", "quantity": 1, "amount": 500}]}
        ask = new_sale("1002", regular.id, yen=600, points_used=400, returns=[back])
        assert (await register.post(SALES, ask)).json()["used"] == 400


class TestCrossing:
    """The sale comes in another batch just while its goods come back."""

    @pytest.fixture
    def unseen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The refund looks before the sale is committed; whoever looks later sees it."""
        looks = iter([None])

        def look(*asked: Any) -> Any:
            return next(looks) if looks.__length_hint__() else told_sale(*asked)

        monkeypatch.setattr("renkei.services.till.till_refunds.told_sale", look)

    @pytest.mark.usefixtures("unseen")
    async def test_a_refund_that_crosses_its_sale_is_counted(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        lines = [{"id": "1", "quantity": 0, "amount": 11_000}]
        at = {"refunded_at": f"{DAY}T12:00:00+09:00"}
        ask = {"receipt": key("2001"), "sale": key("1001"), "lines": lines} | at
        assert (await register.post(f"{SALES}:refund", ask)).json()["outcome"] == "parked"
        assert await spendable(register, regular.card) == 500

    @pytest.mark.usefixtures("unseen")
    async def test_what_comes_back_on_a_receipt_that_crosses_its_sale_is_counted(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
        back = {"sale": key("1001"), "lines": [{"id": "1", "quantity": 1, "amount": 11_000}]}
        await register.post(SALES, new_sale("1002", regular.id, yen=2_200, returns=[back]))
        assert await spendable(register, regular.card) == 520


class TestLostReceipt:
    """Goods come back, and nobody knows their sale."""

    async def test_what_they_would_earn_is_taken_back_once_and_a_shortfall_is_owed(
        self, register: Any, regular: Any
    ) -> None:
        line = {"id": "1", "quantity": 1, "amount": 66_000, "tax_rate": 1000}
        at = {"returned_at": f"{DAY}T12:00:00+09:00"}
        ask = {"receipt": key("2001"), "member": regular.id, "lines": [line]} | at
        first, again = [(await register.post(f"{SALES}:return", ask)).json() for _ in range(2)]
        assert first == again
        assert (first["points"], first["spendable"], first["debt"]) == (-600, 0, -100)

    async def test_goods_that_earn_nothing_take_nothing(self, register: Any, regular: Any) -> None:
        line = {"id": "1", "quantity": 1, "amount": 50, "tax_rate": 1000}
        at = {"returned_at": f"{DAY}T12:00:00+09:00"}
        ask = {"receipt": key("2001"), "member": regular.id, "lines": [line]} | at
        answer = (await register.post(f"{SALES}:return", ask)).json()
        assert (answer["points"], answer["spendable"]) == (0, 500)


class TestOverride:
    """A cashier moves points by hand."""

    @pytest.fixture
    async def limits(self, publish: Any) -> None:
        """At most 100 points at once, 150 a day."""
        await publish({"override": {"points": 100, "per_day": 150}})

    def ask(self, name: str, member: str, points: int, days: int = 0) -> dict[str, Any]:
        day = datetime.now(ZoneInfo("Asia/Tokyo")).date() + timedelta(days=days)
        who = {"reason": "お詫び", "by": "佐藤", "business_date": day.isoformat()}
        return {"key": name, "member": member, "points": points} | who

    async def test_it_is_off_unless_the_program_says_otherwise(
        self, register: Any, regular: Any
    ) -> None:
        answer = await register.post(OVERRIDES, self.ask("o1", regular.id, 10))
        assert refusal(answer) == (403, "override_not_allowed")

    @pytest.mark.usefixtures("limits")
    async def test_points_are_given_once_and_up_to_the_limits(
        self, register: Any, regular: Any
    ) -> None:
        for _ in range(2):
            given = await register.post(OVERRIDES, self.ask("o1", regular.id, 100))
            assert given.json()["spendable"] == 600
        for name, points in (("o2", 101), ("o3", 60)):
            answer = await register.post(OVERRIDES, self.ask(name, regular.id, points))
            assert refusal(answer) == (409, "override_limit")
        last = await register.post(OVERRIDES, self.ask("o4", regular.id, 50))
        assert last.json()["spendable"] == 650

    @pytest.mark.usefixtures("limits")
    @pytest.mark.parametrize("days", [-40, -3, 3])
    async def test_another_day_is_no_way_round_its_limit(
        self, register: Any, regular: Any, days: int
    ) -> None:
        answer = await register.post(OVERRIDES, self.ask("o1", regular.id, 10, days))
        assert refusal(answer) == (422, "request_invalid")
        assert answer.json()["errors"][0]["pointer"] == "#/business_date"

    @pytest.mark.usefixtures("limits")
    async def test_a_day_that_ends_after_midnight_has_its_own_limit(
        self, register: Any, regular: Any
    ) -> None:
        given = [
            await register.post(OVERRIDES, self.ask(f"o{days}", regular.id, 100, days))
            for days in (-1, 0)
        ]
        assert [answer.json()["spendable"] for answer in given] == [600, 700]

    @pytest.mark.usefixtures("limits")
    async def test_a_key_may_be_as_long_as_any(self, register: Any, regular: Any) -> None:
        given = await register.post(OVERRIDES, self.ask("k" * 200, regular.id, 1))
        assert given.json()["spendable"] == 501

    @pytest.mark.usefixtures("limits")
    async def test_no_more_is_taken_than_there_is(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        await register.post(SALES, new_sale("1001", regular.id, yen=450, points_used=450))
        answer = await register.post(OVERRIDES, self.ask("o1", regular.id, -60))
        assert refusal(answer) == (409, "insufficient_points")


class TestTraining:
    """A register in training is answered as in earnest, and nothing is booked."""

    async def test_a_sale_in_training_changes_nothing(
        self, register: Any, regular: Any, new_sale: Any
    ) -> None:
        register.headers = {"Renkei-Training": "true"}
        held = await register.post(HOLDS, {"key": "h1", "member": regular.id, "points": 300})
        assert held.json()["spendable"] == 200
        ask = new_sale("1001", regular.id, hold=held.json()["hold"], points_used=300)
        booked = await register.post(SALES, ask)
        assert booked.json()["used"] == 300
        assert "練習" in booked.json()["receipt"][0]
        register.headers = {}
        assert await spendable(register, regular.card) == 500
        assert (await register.post(SALES, new_sale("1001", None))).status_code == 200

    async def test_refusals_are_those_of_earnest(self, register: Any, regular: Any) -> None:
        register.headers = {"Renkei-Training": "true"}
        answer = await register.post(HOLDS, {"key": "h", "member": regular.id, "points": 501})
        assert refusal(answer) == (409, "insufficient_points")


class TestIdempotencyKey:
    """A caller's own key for any booking."""

    async def test_the_same_key_is_answered_the_same_and_other_content_is_refused(
        self, register: Any, regular: Any
    ) -> None:
        register.headers = {"Idempotency-Key": "a1"}
        ask = {"key": "h1", "member": regular.id, "points": 300}
        first = (await register.post(HOLDS, ask)).json()
        assert (await register.post(HOLDS, ask)).json() == first
        other = ask | {"key": "h2"}
        assert refusal(await register.post(HOLDS, other)) == (409, "key_reused")

    async def test_a_key_that_is_no_key_is_refused(self, register: Any, regular: Any) -> None:
        register.headers = {"Idempotency-Key": "x" * 201}
        answer = await register.post(HOLDS, {"key": "h", "member": regular.id, "points": 1})
        assert refusal(answer) == (400, "bad_request")
