"""A till that breaks in the middle of a sale, and the one beside it that takes over."""

from typing import Any

import httpx
import pytest

SALES = "/pos/v1/transactions"
HOLDS = "/pos/v1/holds"


def key(receipt: str, till: str = "1") -> dict[str, Any]:
    day = "2026-11-26"
    return {"store": "shibuya", "till": till, "business_date": day, "receipt_number": receipt}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def beside(register: Any, add_terminal: Any, client: httpx.AsyncClient) -> Any:
    """Till 2 of the same store."""
    return type(register)(client, await add_terminal("2"))


@pytest.fixture
async def held(register: Any, regular: Any) -> str:
    """What till 1 has set aside: 300 of 500 points."""
    ask = {"key": "h1", "member": regular.id, "points": 300}
    hold: str = (await register.post(HOLDS, ask)).json()["hold"]
    return hold


async def test_it_extends_the_hold_and_gives_it_back(beside: Any, held: str) -> None:
    longer = (await beside.post(f"{HOLDS}/{held}:extend", {"ttl_seconds": 900})).json()
    assert (longer["points"], longer["spendable"]) == (300, 200)
    assert (await beside.post(f"{HOLDS}/{held}:release")).json()["spendable"] == 500


async def test_it_sells_with_the_hold_that_the_first_till_placed(
    beside: Any, held: str, regular: Any, new_sale: Any
) -> None:
    sale = new_sale("1", regular.id, yen=1_100, points_used=300, hold=held)
    answer = (await beside.post(SALES, sale | {"sale": key("1", till="2")})).json()
    assert (answer["used"], answer["spendable"]) == (300, 207)


async def test_it_says_whose_a_sale_of_the_first_till_was(
    register: Any, beside: Any, regular: Any, new_sale: Any
) -> None:
    await register.post(SALES, new_sale("1001", None, yen=11_000))
    ask = {"sale": key("1001"), "member": regular.id}
    assert (await beside.post(f"{SALES}:attach", ask)).json()["earned"] == 100


async def test_a_till_of_another_connection_finds_no_hold(
    add_terminal: Any, register: Any, client: httpx.AsyncClient, held: str
) -> None:
    stranger = type(register)(client, await add_terminal("1", connection="signing"))
    for act in ("extend", "release"):
        answer = await stranger.post(f"{HOLDS}/{held}:{act}", {} if act == "extend" else None)
        assert refusal(answer) == (404, "hold_not_found")


async def test_points_of_one_store_do_not_pay_in_another_by_way_of_a_hold(
    register: Any, add_terminal: Any, new_sale: Any, publish: Any, client: httpx.AsyncClient
) -> None:
    await publish(
        {
            "point_types": [{"name": "here", "only_at": ["pos/shibuya"]}],
            "campaigns": [{"name": "opening", "fixed": 300, "point_type": "here"}],
        }
    )
    member = (await register.post("/pos/v1/members", {"card": "2999000000012"})).json()["member"]
    await register.post(SALES, new_sale("1", member, yen=330))
    ask = {"key": "h1", "member": member, "points": 300}
    hold = (await register.post(HOLDS, ask)).json()["hold"]
    sale = new_sale("2", member, yen=1_100, points_used=300, hold=hold)
    ueno = type(register)(client, await add_terminal("1", store="ueno"))
    there = sale | {"sale": key("2") | {"store": "ueno"}}
    assert refusal(await ueno.post(SALES, there)) == (409, "insufficient_points")
    assert (await register.post(SALES, sale)).json()["used"] == 300
