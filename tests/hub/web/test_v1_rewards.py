"""/v1/rewards as an app sees it: points become a coupon once, and come back while it is unused."""

import asyncio
from typing import Any

import httpx
import pytest

from renkei.bootstrap import Hub
from renkei.services.points.corrections import Adjust
from renkei_contracts.base import MAX_AMOUNT
from renkei_contracts.point import Adjustment

REWARDS = "/v1/rewards"

PROGRAM = {
    "coupons": [
        {"name": "free-drink", "gift": "4900000000018"},
        {"name": "once", "yen": 100, "per_member": 1},
        {"name": "visit", "yen": 50},
        {"name": "spring", "yen": 50, "valid_until": "2026-05-31"},
    ],
    "rewards": [
        {"name": "drink", "points": 150, "coupon": "free-drink"},
        {"name": "once", "points": 10, "coupon": "once"},
        {"name": "car", "points": 501, "coupon": "free-drink"},
        {"name": "spring", "points": 10, "coupon": "spring"},
    ],
    "campaigns": [{"name": "visit", "coupon": "visit"}],
}


@pytest.fixture
async def site(new_application: Any, regular: Any) -> Any:
    """An app of the connection ``signing``; its customer c1 has 500 points."""
    return await new_application(PROGRAM)


def wanted(reward: str = "drink", key: str = "k1", **more: Any) -> dict[str, Any]:
    return {"key": key, "customer": "c1", "reward": reward} | more


async def returned(site: Any, coupon: str, **who: Any) -> httpx.Response:
    answer: httpx.Response = await site.post(
        f"{REWARDS}/{coupon}:return", who or {"customer": "c1"}
    )
    return answer


def refusal(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_points_become_a_coupon_once_for_each_key(site: Any, regular: Any) -> None:
    answers = [await site.post(REWARDS, wanted()) for _ in range(2)]
    first, again = [one.json() for one in answers]
    assert first == again
    assert (first["points"], first["spendable"]) == (150, 350)
    another = (await site.post(REWARDS, wanted(key="k2", customer=None, member=regular.id))).json()
    assert (another["spendable"], another["coupon"] == first["coupon"]) == (200, False)


async def test_a_key_may_be_as_long_as_any(site: Any) -> None:
    long = wanted(key="鍵" * 200)
    first, again = [(await site.post(REWARDS, long)).json() for _ in range(2)]
    assert (first["spendable"], again) == (350, first)
    assert (await returned(site, first["coupon"])).json()["spendable"] == 500


async def test_of_two_exchanges_at_once_for_points_of_one_only_one_is_made(site: Any) -> None:
    asks = [wanted(key=f"k{n}") for n in range(8)]
    answers = await asyncio.gather(*(site.post(REWARDS, ask) for ask in asks))
    assert sorted(one.status_code for one in answers) == [200] * 3 + [409] * 5


async def test_a_register_reads_the_coupon_that_the_app_shows(
    site: Any, register: Any, regular: Any
) -> None:
    code = (await site.post(REWARDS, wanted())).json()["coupon"]
    found = (await register.post("/pos/v1/members:resolve", {"value": regular.card})).json()
    assert (code, "free-drink") in [(one["code"], one["name"]) for one in found["coupons"]]


async def test_an_unused_coupon_goes_back_for_its_points_once(site: Any) -> None:
    code = (await site.post(REWARDS, wanted())).json()["coupon"]
    first, again = [(await returned(site, code)).json() for _ in range(2)]
    assert (first["points"], first["spendable"]) == (0, 500)
    assert (again["spendable"], again["balance_version"]) == (500, first["balance_version"])


@pytest.mark.parametrize(
    ("ask", "refused"),
    [
        (wanted("car"), (409, "insufficient_points")),
        (wanted("house"), (422, "reward_unknown")),
        (wanted("once", key="k2"), (409, "reward_exhausted")),
        (wanted("spring", key="k2"), (409, "reward_exhausted")),
        (wanted("drink", key="k0"), (409, "key_reused")),
        (wanted(customer="stranger"), (404, "member_not_found")),
        (wanted(customer=None, member="mem_none"), (404, "member_not_found")),
        (wanted(customer=None), (422, "request_invalid")),
        (wanted("Not a slug"), (422, "request_invalid")),
    ],
)
async def test_what_cannot_be_exchanged_is_refused_by_name_and_takes_nothing(
    site: Any, ask: dict[str, Any], refused: tuple[int, str]
) -> None:
    assert (await site.post(REWARDS, wanted("once", key="k0"))).status_code == 200
    assert refusal(await site.post(REWARDS, ask)) == refused
    assert (await site.post(REWARDS, wanted("drink", key="k9"))).json()["spendable"] == 340


async def test_a_coupon_goes_back_only_from_its_member_unused_and_if_it_cost_points(
    site: Any, register: Any, regular: Any, new_sale: Any
) -> None:
    code = (await site.post(REWARDS, wanted())).json()["coupon"]
    assert refusal(await returned(site, "2400000000000")) == (404, "coupon_not_found")
    assert refusal(await returned(site, code, customer="stranger")) == (404, "member_not_found")
    assert refusal(await returned(site, code, member="mem_none")) == (404, "member_not_found")
    held = {"code": code, "member": regular.id}
    assert (await register.post("/pos/v1/coupons:hold", held)).status_code == 200
    assert refusal(await returned(site, code)) == (409, "coupon_used")
    await register.post("/pos/v1/transactions", new_sale("2000", regular.id))
    found = (await register.post("/pos/v1/members:resolve", {"value": regular.card})).json()
    (gift,) = [one["code"] for one in found["coupons"] if one["name"] == "visit"]
    assert refusal(await returned(site, gift)) == (409, "coupon_not_exchanged")


async def test_points_that_would_be_more_than_can_be_counted_do_not_come_back(
    site: Any, regular: Any, hub: Hub
) -> None:
    code = (await site.post(REWARDS, wanted())).json()["coupon"]
    fields = {"member": regular.id, "key": "1", "points": MAX_AMOUNT - 400, "reason": "", "by": ""}
    await hub.booking.committer.submit(Adjust(Adjustment.model_validate(fields), hub.ring))
    assert refusal(await returned(site, code)) == (422, "request_invalid")


async def test_a_register_may_not_exchange_points_for_rewards(register: Any, site: Any) -> None:
    assert refusal(await register.post(REWARDS, wanted())) == (403, "scope_missing")
