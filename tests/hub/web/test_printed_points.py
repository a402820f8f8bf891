"""A register computes points itself: what it printed counts, within bounds; a person is told."""

from typing import Any

from sqlalchemy import text

SALES = "/pos/v1/transactions"
DAY = "2026-11-26"


def key(receipt: str) -> dict[str, Any]:
    return {"store": "shibuya", "till": "1", "business_date": DAY, "receipt_number": receipt}


async def alerts(hub: Any) -> list[tuple[str, str]]:
    """Kind and message of all that a person is told."""
    async with hub.database.begin() as conn:
        rows = await conn.execute(text("SELECT kind, message FROM alert"))
        return [tuple(row) for row in rows]


async def test_what_it_printed_counts_and_a_person_is_told(
    register: Any, regular: Any, new_sale: Any, hub: Any
) -> None:
    ask = new_sale("1001", regular.id, yen=11_000, earned_printed=90)
    assert (await register.post(SALES, ask)).json()["earned"] == 90
    assert await alerts(hub) == [("earn_variance", "printed 90, by the rules 100 points")]


async def test_as_many_as_by_the_rules_are_no_matter_for_a_person(
    register: Any, regular: Any, new_sale: Any, hub: Any
) -> None:
    await register.post(SALES, new_sale("1001", regular.id, yen=11_000, earned_printed=100))
    assert await alerts(hub) == []


async def test_of_absurdly_many_the_goods_worth_is_booked_and_a_person_is_told(
    register: Any, regular: Any, new_sale: Any, hub: Any
) -> None:
    ask = new_sale("1001", regular.id, yen=11_000, earned_printed=999_999_999_999)
    booked = (await register.post(SALES, ask)).json()
    assert (booked["earned"], booked["spendable"]) == (11_000, 11_500)
    message = "printed 999999999999, by the rules 100 points; 11000 are booked"
    assert await alerts(hub) == [("earn_variance", message)]


async def test_beyond_the_goods_worth_it_gives_what_a_cashier_may_give_by_hand(
    register: Any, regular: Any, new_sale: Any, publish: Any
) -> None:
    await publish({"override": {"points": 300, "per_day": 600}})
    ask = new_sale("1001", regular.id, yen=220, earned_printed=999_999)
    assert (await register.post(SALES, ask)).json()["earned"] == 2 + 300


async def test_a_person_is_told_once_it_counts_for_a_member(
    register: Any, regular: Any, new_sale: Any, hub: Any
) -> None:
    await register.post(SALES, new_sale("1001", None, yen=11_000, earned_printed=150))
    assert await alerts(hub) == []
    ask = {"sale": key("1001"), "member": regular.id}
    assert (await register.post(f"{SALES}:attach", ask)).json()["earned"] == 150
    assert await alerts(hub) == [("earn_variance", "printed 150, by the rules 100 points")]


async def test_of_more_points_than_by_the_rules_a_refund_takes_its_share_back(
    register: Any, regular: Any, new_sale: Any
) -> None:
    await register.post(SALES, new_sale("1001", regular.id, yen=11_000, earned_printed=150))
    lines = [{"id": "1", "quantity": 0, "amount": 5_500}]
    at = {"refunded_at": f"{DAY}T12:00:00+09:00"}
    ask = {"receipt": key("2001"), "sale": key("1001"), "lines": lines} | at
    answer = (await register.post(f"{SALES}:refund", ask)).json()
    assert (answer["earned_back"], answer["earned"]) == (75, 75)


async def test_more_than_anybody_can_have_is_a_fault_of_the_request(
    register: Any, regular: Any, new_sale: Any
) -> None:
    most = 999_999_999_999
    answer = await register.post(SALES, new_sale("1", regular.id, yen=most, earned_printed=most))
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
