"""A till closes: its Z-report against what is booked."""

from typing import Any

import httpx

from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState

SALES = "/pos/v1/transactions"
RECONCILE = "/pos/v1/reconciliations"
DAY = "2026-11-26"


def key(receipt: str, till: str = "1") -> dict[str, Any]:
    return {"store": "shibuya", "till": till, "business_date": DAY, "receipt_number": receipt}


def report(**more: Any) -> dict[str, Any]:
    said = {"store": "shibuya", "till": "1", "business_date": DAY}
    return said | {"closed_at": f"{DAY}T22:00:00+09:00"} | more


async def a_day(register: Any, member: str, new_sale: Any) -> None:
    """Receipt 1000 (``regular``: 55,000 yen), 1001 with points, 1002 voided, 1003 a refund."""
    await register.post(SALES, new_sale("1001", member, yen=11_000, points_used=100))
    await register.post(SALES, new_sale("1002", None))
    void = {"sale": key("1002"), "voided_at": f"{DAY}T11:00:00+09:00", "business_date": DAY}
    await register.post(f"{SALES}:void", void)
    refund = {
        "receipt": key("1003"),
        "sale": key("1001"),
        "refunded_at": f"{DAY}T12:00:00+09:00",
        "lines": [{"id": "1", "amount": 5_500}],
    }
    assert (await register.post(f"{SALES}:refund", refund)).status_code == 200


TOTALS = {
    "sales": 2,
    "voids": 1,
    "yen": 66_000,
    "earned": 549,
    "used": 50,
    "refunds": 1,
    "refund_yen": 5_500,
}


async def test_a_report_that_agrees_is_kept_and_nobody_is_told(
    register: Any, regular: Any, new_sale: Any, count: Any
) -> None:
    await a_day(register, regular.id, new_sale)
    ask = report(**TOTALS, first_receipt="1000", last_receipt="1003")
    answer = (await register.post(RECONCILE, ask)).json()
    assert answer["totals"] == TOTALS
    assert (answer["agrees"], answer["numbered"], answer["missing"]) == (True, True, [])
    day = (await register.get(RECONCILE, f"store=shibuya&business_date={DAY}")).json()
    (till,) = day["tills"]
    assert (till["totals"], till["reported"], till["differences"]) == (TOTALS, answer, [])
    assert await count("alert") == 0


async def test_a_day_comes_to_more_than_any_one_receipt_may(register: Any) -> None:
    for receipt in ("2001", "2002"):
        refund = {
            "receipt": key(receipt),
            "sale": key("9" + receipt),
            "refunded_at": f"{DAY}T12:00:00+09:00",
            "lines": [{"id": "1", "amount": 999_999_999_999}],
        }
        assert (await register.post(f"{SALES}:refund", refund)).json()["outcome"] == "parked"
    first = await register.post(RECONCILE, report())
    assert first.json()["totals"]["refund_yen"] == 1_999_999_999_998
    assert (await register.post(RECONCILE, report())).json() == first.json()
    day = (await register.get(RECONCILE, f"store=shibuya&business_date={DAY}")).json()
    assert day["tills"][0]["reported"] == first.json()


async def test_in_training_a_report_is_compared_and_neither_kept_nor_told(
    register: Any, count: Any
) -> None:
    register.headers = {"Renkei-Training": "true"}
    answer = (await register.post(RECONCILE, report(sales=9))).json()
    assert [one["total"] for one in answer["differences"]] == ["sales"]
    assert (await count("z_report"), await count("alert")) == (0, 0)


async def test_what_differs_and_what_is_missing_is_said_told_and_kept(
    register: Any, regular: Any, new_sale: Any, count: Any
) -> None:
    await a_day(register, regular.id, new_sale)
    ask = report(sales=4, earned=549, first_receipt="0999", last_receipt="1005")
    first = (await register.post(RECONCILE, ask)).json()
    assert first["differences"] == [{"total": "sales", "till": 4, "hub": 2}]
    assert (first["missing"], first["missing_count"]) == (["0999", "1004", "1005"], 3)
    await register.post(SALES, new_sale("1004", None))
    assert (await register.post(RECONCILE, ask)).json() == first
    assert await count("alert WHERE kind = 'till_differs'") == 1
    (till,) = (await register.get(RECONCILE, f"store=shibuya&business_date={DAY}")).json()["tills"]
    assert till["differences"] == [{"total": "sales", "till": 4, "hub": 3}]
    other = await register.post(RECONCILE, ask | {"sales": 3})
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    again = (await register.post(RECONCILE, ask | {"sales": 3, "revision": 2})).json()
    assert again["missing"] == ["0999", "1005"]


async def test_a_shift_whose_receipts_cannot_be_named_is_a_fault_of_the_report(
    register: Any,
) -> None:
    ask = report(company="x" * 200, first_receipt="1", last_receipt="2")
    answer = await register.post(RECONCILE, ask)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_more_receipts_than_a_till_prints_are_a_mistake_in_a_number(register: Any) -> None:
    ask = report(first_receipt="1", last_receipt="10001")
    assert (await register.post(RECONCILE, ask)).json()["numbered"] is False


async def test_a_refunds_receipt_may_be_numbered_like_what_came_back_on_another(
    register: Any, regular: Any, new_sale: Any
) -> None:
    await register.post(SALES, new_sale("1001", regular.id, yen=11_000))
    ask = {
        "receipt": key("12~3"),
        "sale": key("1001"),
        "refunded_at": f"{DAY}T12:00:00+09:00",
        "lines": [{"id": "1", "amount": 5_500}],
    }
    await register.post(f"{SALES}:refund", ask)
    answer = await register.post(RECONCILE, report(first_receipt="12~3", last_receipt="12~3"))
    assert answer.json()["missing"] == []


async def test_each_till_and_settlement_is_counted_apart_and_a_sale_once(
    register: Any, regular: Any, new_sale: Any, add_terminal: Any, client: Any
) -> None:
    restarted = new_sale("1000", None, yen=2_200)
    restarted["sale"]["settlement_count"] = 1
    await register.post(SALES, restarted)
    other = type(register)(client, await add_terminal("2|A"))
    swap = new_sale("1", None, yen=3_300) | {"sale": key("1", "2|A")}
    back = [{"sale": key("1000"), "lines": [{"id": "1", "amount": 1_100}]}]
    assert (await other.post(SALES, swap | {"returns": back})).status_code == 200
    found = (await register.get(RECONCILE, f"store=shibuya&business_date={DAY}")).json()["tills"]
    seen = [
        (one["till"], one["settlement_count"], *(one["totals"][k] for k in ("sales", "yen")))
        for one in found
    ]
    assert seen == [("1", 0, 1, 55_000), ("1", 1, 1, 2_200), ("2|A", 0, 1, 3_300)]
    assert (found[2]["totals"]["refunds"], found[2]["totals"]["refund_yen"]) == (1, 1_100)


async def test_a_sale_that_a_poll_saw_first_counts_once(
    hub: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    told = new_sale("1001", regular.id, yen=11_000)
    seen = Order(
        ref=ExternalRef(connection="pos", id="seen-by-a-poll"),
        changed_at=told["sold_at"],
        placed_at=told["sold_at"],
        state=OrderState.FULFILLED,
        lines=told["lines"],
        till=told["sale"],
    )
    await hub.booking.settle(seen, read_at=None, delivery_key=None, member=regular.id)
    answer = (await register.post(SALES, told)).json()
    assert (answer["earned"], answer["spendable"]) == (100, 600)
    (till,) = (await register.get(RECONCILE, f"store=shibuya&business_date={DAY}")).json()["tills"]
    totals = till["totals"]
    assert (totals["sales"], totals["yen"], totals["earned"]) == (2, 66_000, 600)


async def test_a_till_reports_for_itself_and_sees_its_own_store(
    register: Any, client: httpx.AsyncClient
) -> None:
    for answer in (
        await register.post(RECONCILE, report(till="2")),
        await register.get(RECONCILE, f"store=umeda&business_date={DAY}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "sale_of_other_till")


async def test_a_day_that_no_store_can_have_is_a_fault_of_the_request(register: Any) -> None:
    answer = await register.get(RECONCILE, "store=shibuya&business_date=0001-01-01")
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"][0]["parameter"] == "business_date"
